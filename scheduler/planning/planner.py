"""The planner: facts in; a plan with its cost, its bound and its reasons out. The referee judges it elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts
from scheduler.domain.plan import Levels, Plan
from scheduler.planning.build import NOTHING, build
from scheduler.planning.explain import unplanned_doses
from scheduler.planning.follow_ups import with_follow_ups
from scheduler.planning.interpret import courses_of
from scheduler.planning.progress import Progress
from solver.search import solve


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
    courses, missed = with_follow_ups(facts, courses_of(built, solution.placements, facts))
    unplanned = (*unplanned_doses(facts, built, solution.placements), *missed)
    plan = Plan(
        program=facts.program,
        status="feasible",
        seed=seed,
        cost=(0, 0, 0),
        bound=(0, 0, 0),
        wall_seconds=0.0,
        courses=courses,
        unplanned=unplanned,
    )
    cost = cost_of(plan, facts)
    status: Literal["optimal", "feasible"] = "optimal" if solution.bound == cost else "feasible"
    wall = round(time.monotonic() - began, 3)
    return replace(plan, status=status, cost=cost, bound=solution.bound, wall_seconds=wall)
