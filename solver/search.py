"""The whole search: a first plan, prices and a bound, whole columns, hours, polish."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from solver.exact import solve_exactly
from solver.generation import Proof, prove, rounded
from solver.insertion import Inserter
from solver.pricing import Pricer
from solver.problem import Levels, Placement, Problem, Solution, total_cost
from solver.rounding import first_come_first_served, polish, realise, scalar

LEVEL_WEIGHT = 5_000  # what one unit of level 1 is worth in level 3 while both are priced together
CLOSE_ENOUGH = 5e-5
EXACT_TASKS = 400  # problems with no more tasks are closed by the exact model

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
    proof, pricer = prove(
        problem,
        inserter.layouts,
        best,
        level_weight=LEVEL_WEIGHT,
        seconds=clock.left(0.62),
        dive_seconds=0.3 * time_limit,
        tolerance=CLOSE_ENOUGH,
        report=lambda bound, _: report("bound", cost, (0, 0, max(math.ceil(bound), 0))),
    )
    best = better(problem, best, realise(problem, inserter, pricer, *proof.whole))
    bound = bound_of(problem, pricer, proof, total_cost(problem, best))
    report("improving", total_cost(problem, best), bound)
    inserter.reset()
    for placement in best.values():
        inserter.put(placement)
    polish(problem, inserter, best, stop=lambda now: clock.left(1.0) <= 0 or now <= bound)
    bound = bound_of(problem, pricer, proof, total_cost(problem, best))
    if total_cost(problem, best) > bound and _small(problem):
        best, bound = _exactly(problem, inserter, pricer, proof, best, bound, clock, seed)
    report("done", total_cost(problem, best), bound)
    return Solution(best, bound)


def _small(problem: Problem) -> bool:
    """Whether the exact model has a chance: few tasks in all."""
    tasks = sum(len(problem.templates[number].tasks) for one in problem.courses for number in one.templates)
    return tasks <= EXACT_TASKS


def _exactly(
    problem: Problem,
    inserter: Inserter,
    pricer: Pricer,
    proof: Proof,
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
        pricer.open_days(proof.prices, limit),
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
