"""Calendars that never close: work across midnight, fills at midnight, wide windows and trips of changing length."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.problem import Lag, Levels, Problem, Task, total_cost
from solver.search import solve
from tests.solver.oracle import Oracle, broken_in
from tests.solver.tiny import INCUBATOR, Tiny, end, problem_of, slots, start, tinies

TRIED = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILL, RIDE = 0, 1


def silent(stage: str, cost: Levels | None, bound: Levels | None) -> None:
    """Nobody listens."""


def proven_best(problem: Problem) -> Levels:
    """The cost of the plan found, which must break nothing and be proven by its bound."""
    solution = solve(problem, seed=0, time_limit=5.0, report=silent)
    assert broken_in(problem, solution.placements) == []
    cost = total_cost(problem, solution.placements)
    assert solution.bound == cost
    return cost


@TRIED
@given(
    tinies(courses=2, cultured=True),
    st.sampled_from(((1, 5), (4, 5), (5,))),
    st.sampled_from(((0,), (0, 2), (2, 5))),
)
def test_no_bound_is_above_the_optimum_where_work_never_stops(
    tiny: Tiny, isolation_hours: tuple[int, ...], fill_hours: tuple[int, ...]
) -> None:
    problem = problem_of(replace(tiny, isolation_hours=isolation_hours, fill_hours=fill_hours))
    solution = solve(problem, seed=0, time_limit=5.0, report=silent)
    cost = total_cost(problem, solution.placements)
    oracle = Oracle(problem)
    assert broken_in(problem, solution.placements) == []
    assert solution.bound[0] <= oracle.least(1, 0) <= cost[0]
    assert solution.bound[2] <= oracle.least(0, 1, first_at_most=cost[0]) <= cost[2]


@pytest.mark.parametrize(("hours", "cost"), [((4,), 74), ((4, 5), 74), ((1, 5), 98)])
def test_an_isolation_may_end_on_the_day_it_starts_or_on_the_next(hours: tuple[int, ...], cost: int) -> None:
    # The plant rests on day 1. An isolation that ends on day 0 (the one at 4; the harvest is at 1 to 2, so none at 1)
    # is filled on day 2 and given on day 3: 24 x 3 + 2. One that ends at midnight ends on day 1: filled on day 3,
    # given on day 4: 24 x 4 + 2.
    tiny = Tiny(days=5, cultured=True, ready=(0,), rides=((4, 1),), fill_days=(0, 2, 3, 4), isolation_hours=hours)
    assert proven_best(problem_of(tiny)) == (0, 0, cost)


def test_a_culture_that_ends_at_midnight_leaves_its_position_to_the_night() -> None:
    # Fills at midnight of day 3 (tick 18), one position, taken from tick 18 on: the culture ends just in time. Filled
    # [18, 19), ridden [22, 23), given at 25 on day 4: 24 x 4 + (25 - 19) // 2 = 99.
    tiny = Tiny(
        days=5,
        cultured=True,
        ready=(0,),
        rides=((4, 1),),
        fill_hours=(0,),
        fill_days=(0, 1, 3),
        positions=1,
        taken=((INCUBATOR, 18, 19),),
    )
    assert proven_best(problem_of(tiny)) == (0, 0, 99)


def test_a_dose_two_months_off_target_is_still_better_than_none() -> None:
    # Dose 1 on day 1, dose 2 due on day 6; the next day of the site is 72, 66 days late, the last that is allowed.
    tiny = Tiny(days=75, doses=2, gap=5, late=66, ready=(0,), fill_days=(0, 71), give_days=(0, 1, 71, 72))
    assert proven_best(problem_of(tiny)) == (66, 0, 24 + 2 + 2)


def test_a_trip_that_lasts_longer_may_leave_sooner() -> None:
    # Rides at 4 for three ticks and at 5 for one; the ride may not end sooner than 4 ticks after the fill [2, 3). The
    # ride at 4 ends at 7 and the dose is given at 7 on day 1: 24 + (7 - 3) // 2.
    problem = problem_of(Tiny(days=3, rides=((4, 3), (5, 1)), ready=(0,)))
    (template,) = problem.templates
    tied = replace(template, lags=(*template.lags, Lag("rest", end(FILL), end(RIDE), 4, None)))
    assert proven_best(replace(problem, templates=(tied,))) == (0, 0, 26)


def test_a_trip_before_the_fill_may_begin_early_and_take_long() -> None:
    # A trip at 0 for three ticks or at 2 for one; it must begin 3 ticks before the fill at 3: only the first does.
    # Filled on day 0 [3, 4), ridden [4 + 1, ...) is too late for the ride at 4: given on day 2 at 13.
    problem = problem_of(Tiny(days=3, fill_hours=(3,), ready=(0,)))
    (template,) = problem.templates
    trip = len(template.tasks)
    tied = replace(
        template,
        tasks=(*template.tasks, Task("trip", 0, slots([0, 2], [3, 1]))),
        lags=(
            *template.lags,
            Lag("sequence", end(trip), start(FILL), 0, None),
            Lag("rest", start(trip), start(FILL), 3, None),
        ),
    )
    # 24 x 2 + (13 - 4) // 2 = 52.
    assert proven_best(replace(problem, templates=(tied,))) == (0, 0, 52)
