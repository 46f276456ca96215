"""The whole search: a first plan, prices and a bound, whole columns, hours, polish."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from solver.exact import solve_exactly
from solver.generation import Generation, Proof, rounded
from solver.insertion import Inserter
from solver.pricing import Pricer
from solver.problem import Levels, Placement, Problem, Solution, total_cost
from solver.rounding import first_come_first_served, polish, realise, scalar

LEVEL_WEIGHT = 5_000  # what one unit of level 1 is worth in level 3 while both are priced together
CLOSE_ENOUGH = 5e-5
EXACT_TASKS = 400  # problems with no more tasks are closed by the exact model


class Round(NamedTuple):
    """How close bound and relaxation shall meet, and the shares of the limit by which columns and wholes are done."""

    tolerance: float
    grow: float
    whole: float


# First quickly to a good plan; then, while there is time, to a better proof and a better plan.
ROUNDS = (Round(2.5e-3, 0.62, 0.9), Round(5e-5, 0.75, 0.95))

Report = Callable[[str, Levels | None, Levels | None], None]


@dataclass
class Clock:
    """How much time a search has had; `share` is the part of the limit that is spent."""

    limit: float

    def __post_init__(self) -> None:
        self.began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def left(self, share: float) -> float:
        """Seconds left until a share of the limit is spent; at least 0."""
        return max(share * self.limit - self.spent, 0.0)

    def at(self, share: float) -> float:
        """The monotonic second at which a share of the limit is spent."""
        return self.began + share * self.limit


def solve(problem: Problem, *, seed: int, time_limit: float, report: Report) -> Solution:
    """Place every course as cheaply as can be found, and prove how far from the best that may be.

    Always returns a plan: what finds no place is absent. The bound holds for the whole problem.
    """
    clock = Clock(time_limit)
    if not problem.courses:
        return Solution({})
    inserter = Inserter(problem)
    best = first_come_first_served(problem, inserter, earliest=False)
    cost = total_cost(problem, best)
    report("first plan", cost, None)
    generation = Generation(problem, inserter.layouts, best, level_weight=LEVEL_WEIGHT)
    bound: Levels = (0, 0, 0)
    for shares in ROUNDS:
        best, bound = _one_round(problem, inserter, generation, best, clock, shares, report)
        if _close(total_cost(problem, best), bound) or clock.left(shares.grow) <= 0:
            break
    if total_cost(problem, best) > bound and _small(problem):
        best, bound = _exactly(problem, inserter, generation, best, bound, clock, seed)
    report("done", total_cost(problem, best), bound)
    return Solution(best, bound)


def _one_round(
    problem: Problem,
    inserter: Inserter,
    generation: Generation,
    best: dict[str, Placement],
    clock: Clock,
    shares: Round,
    report: Report,
) -> tuple[dict[str, Placement], Levels]:
    """Grow columns, make them whole, give them hours, polish; the better plan and the bound."""
    cost = total_cost(problem, best)
    proof = generation.run(
        until=clock.at(shares.grow),
        tolerance=shares.tolerance,
        report=lambda value: report("bound", cost, (0, 0, max(math.ceil(value), 0))),
    )
    bound = bound_of(problem, generation.pricer, proof, cost)
    if not _close(cost, bound):
        columns, hours = generation.whole(clock.at(shares.whole))
        found = realise(problem, inserter, generation.pricer, columns, hours)
        polish(problem, inserter, found, stop=lambda now: clock.left(1.0) <= 0 or now <= bound)
        best = better(problem, best, found)
        bound = bound_of(problem, generation.pricer, proof, total_cost(problem, best))
    report("improving", total_cost(problem, best), bound)
    return best, bound


def _close(cost: Levels, bound: Levels) -> bool:
    """Whether a plan is as good as its bound, or nearly: then no more time is spent on it."""
    return cost[0] == bound[0] and cost[2] - bound[2] <= CLOSE_ENOUGH * cost[2]


def _small(problem: Problem) -> bool:
    """Whether the exact model has a chance: few tasks in all."""
    tasks = sum(len(problem.templates[number].tasks) for one in problem.courses for number in one.templates)
    return tasks <= EXACT_TASKS


def _exactly(
    problem: Problem,
    inserter: Inserter,
    generation: Generation,
    best: dict[str, Placement],
    bound: Levels,
    clock: Clock,
    seed: int,
) -> tuple[dict[str, Placement], Levels]:
    """Close the gap of a small problem with the exact model, on the days that a better plan could still use."""
    cost = total_cost(problem, best)
    limit = float(LEVEL_WEIGHT * cost[0] + cost[2])
    outcome = solve_exactly(
        problem,
        inserter.layouts,
        best,
        generation.pricer.open_days(generation.proof.prices, limit),
        bound,
        seconds=max(clock.left(1.0) / 2, 1.0),
        seed=seed,
    )
    return outcome.placements, outcome.bound


def served_in_order(problem: Problem) -> dict[str, Placement]:
    """First come, first served: each course in turn as early as it can be complete, never touched again."""
    return first_come_first_served(problem, Inserter(problem), earliest=True)


def better(problem: Problem, one: dict[str, Placement], other: dict[str, Placement]) -> dict[str, Placement]:
    """The cheaper of two plans; the first on a tie."""
    return other if scalar(total_cost(problem, other)) < scalar(total_cost(problem, one)) else one


def bound_of(problem: Problem, pricer: Pricer, proof: Proof, cost: Levels) -> Levels:
    """Lower bounds per level: on level 1 of any plan, and on level 3 of any plan whose level 1 is at most `cost`'s."""
    scaled = rounded({pool: price / LEVEL_WEIGHT for pool, price in proof.prices.items()})
    first = max(pricer.price(prices, first_only=True, extract=False).bound for prices in ({}, scaled))
    level_1 = min(max(math.ceil(first - 1e-6), 0), cost[0])
    level_3 = math.ceil(proof.bound - 1e-6) - LEVEL_WEIGHT * cost[0]
    return level_1, 0, min(max(level_3, 0), cost[2])
