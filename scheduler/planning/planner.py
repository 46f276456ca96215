"""The planner: facts in; a plan with its cost, its bound and its reasons out. The referee judges it elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts
from scheduler.domain.plan import Levels, Plan
from scheduler.planning.build import NOTHING, Built, build
from scheduler.planning.explain import unplanned_doses
from scheduler.planning.follow_ups import with_follow_ups
from scheduler.planning.interpret import courses_of, seatable
from scheduler.planning.progress import Progress
from solver.problem import Solution
from solver.search import served_in_order, solve


def make_plan(
    facts: Facts,
    *,
    seed: int = 0,
    time_limit: float = 30.0,
    progress: Callable[[Progress], None] | None = None,
    without: frozenset[str] = NOTHING,
) -> Plan:
    """Plan every patient's course, as cheaply as can be found in about `time_limit` seconds, and bound the optimum.

    Parameters
    ----------
    facts
        The program.
    seed
        Breaks ties in the search; the same seed and enough time give the same plan.
    time_limit
        Seconds after which the search for improvements ends.
    progress
        Called now and then with how far the search has come.
    without
        Names of rules to leave out, to see what a rule costs; such a plan may break them.

    Returns
    -------
    Plan
        Doses that find no place are listed as unplanned with their reasons. The bound of level 1 holds for every
        plan; that of level 3 for every plan that does as well on level 1.
    """
    began = time.monotonic()
    built = build(facts, without)

    def report(stage: str, cost: Levels | None, bound: Levels | None) -> None:
        if progress is not None:
            progress(Progress(stage, min((time.monotonic() - began) / time_limit, 1.0), cost, bound))

    report("reading calendars", None, None)
    solution = solve(built.problem, seed=seed, time_limit=time_limit, report=report)
    return _finished(facts, built, solution, seed, began)


def first_come_first_served_plan(facts: Facts) -> Plan:
    """What a careful clerk would do: in the order of registration, the earliest complete course that fits.

    The baseline of the benchmark, and the shape of a first plan; its bound is 0 because nothing is proven.
    """
    began = time.monotonic()
    built = build(facts)
    return _finished(facts, built, Solution(served_in_order(built.problem)), 0, began)


def _finished(facts: Facts, built: Built, solution: Solution, seed: int, began: float) -> Plan:
    """A solution as a plan: instants, units, follow-ups, reasons, and the cost recomputed from the plan itself."""
    placements, seatless = seatable(built, solution.placements, facts)
    courses, missed = with_follow_ups(facts, courses_of(built, placements, facts))
    plan = Plan(
        program=facts.program,
        status="feasible",
        seed=seed,
        cost=(0, 0, 0),
        bound=solution.bound,
        wall_seconds=0.0,
        courses=courses,
        unplanned=(*unplanned_doses(facts, built, placements, seatless), *missed),
    )
    cost = cost_of(plan, facts)
    status: Literal["optimal", "feasible"] = "optimal" if solution.bound == cost else "feasible"
    return replace(plan, status=status, cost=cost, wall_seconds=round(time.monotonic() - began, 3))
