"""Placing one course: against everything there is to try."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from solver.finder import LEVEL
from solver.insertion import Inserter
from solver.problem import Problem, cost_of
from tests.solver.oracle import Oracle, broken_in, fits, levels_of, stretches_of
from tests.solver.tiny import DAY, INCUBATOR, ROOM, SUITE, Tiny, problem_of, tinies

TRIED = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def best_cost(problem: Problem) -> int:
    """The scalar cost of ANA's best placement, after checking that it breaks nothing and costs what it says."""
    course = problem.courses[0]
    cost, placement = Inserter(problem).best(course)
    first, _, last = levels_of(problem, course, placement)
    assert broken_in(problem, {course.id: placement}) == []
    assert cost_of(problem, course, placement) == (first, 0, last)
    assert cost == LEVEL * first + last
    return cost


def optimum(problem: Problem) -> int:
    return Oracle(problem).least(LEVEL, 1)


@TRIED
@given(tinies(courses=1))
def test_one_dose_is_placed_at_the_least_cost_on_a_loaded_axis(tiny: Tiny) -> None:
    problem = problem_of(replace(tiny, doses=1))
    assert best_cost(problem) == optimum(problem)


@TRIED
@given(tinies(courses=1))
def test_one_dose_is_placed_at_the_least_cost_on_an_empty_axis(tiny: Tiny) -> None:
    problem = problem_of(replace(tiny, doses=1, taken=()))
    assert best_cost(problem) == optimum(problem)


@TRIED
@given(tinies(courses=1))
def test_two_doses_that_do_not_compete_are_placed_at_the_least_cost(tiny: Tiny) -> None:
    # Two units of everything, and a day between the doses: neither ever waits for the other.
    apart = replace(tiny, doses=2, gap=tiny.gap + 1, days=tiny.days + 1, suites=2, rooms=2, positions=2, taken=())
    problem = replace(problem_of(apart), capacity=(2, 2, 2, 2, 2))
    assert best_cost(problem) == optimum(problem)


@TRIED
@given(tinies(courses=1))
def test_what_is_found_breaks_nothing_and_is_never_below_the_optimum(tiny: Tiny) -> None:
    problem = problem_of(tiny)
    assert best_cost(problem) >= optimum(problem)


def test_a_taken_fill_hour_sends_the_dose_to_the_next_day() -> None:
    # Fill [2, 3), ride [4, 6), given at 7: day 1, (7 - 3) // 2 = 2 whole hours; 24 x 1 + 2 = 26.
    assert best_cost(problem_of(Tiny(ready=(0,)))) == 26
    # Tick 2 of the suite is taken: fill on day 1, given on day 2; 24 x 2 + 2 = 50.
    assert best_cost(problem_of(Tiny(ready=(0,), taken=((SUITE, 2, 3),)))) == 50


def test_line_clearance_that_runs_into_taken_time_forbids_the_fill() -> None:
    # The fill [2, 3) blocks the suite until 4 and something begins at 3: day 1 again.
    assert best_cost(problem_of(Tiny(ready=(0,), tail=1, taken=((SUITE, 3, 4),)))) == 50


def test_the_tap_day_moves_the_dose_when_the_room_is_taken() -> None:
    # Tapped on day 0 at 1 and filled at 2, given on day 1; with the room gone on day 0 everything is a day later.
    assert best_cost(problem_of(Tiny(ready=(0,), tapped=True))) == 26
    assert best_cost(problem_of(Tiny(ready=(0,), tapped=True, taken=((ROOM, 0, DAY),)))) == 50


def test_a_full_incubator_at_one_tick_breaks_every_culture_across_it() -> None:
    # Harvest and isolation on day 0, fill two or three days later, given the day after: day 3, 24 x 3 + 2 = 74.
    tiny = Tiny(ready=(0,), cultured=True, positions=1)
    assert best_cost(problem_of(tiny)) == 74
    # Full on tick 12: no culture from day 0 (or 1) reaches its fill, so isolation is on day 2: 24 x 5 + 2 = 122.
    taken = replace(tiny, taken=((INCUBATOR, 12, 13),))
    assert (best_cost(problem_of(taken)), optimum(problem_of(taken))) == (122, 122)


def test_a_pair_dose_that_fits_no_day_of_its_window_is_left_out() -> None:
    # Dose 2 is due on day 3 exactly and the site is shut then: absent 1000 on level 1; dose 1 costs 26.
    tiny = Tiny(ready=(0,), doses=2, gap=2, late=0, give_days=(1,))
    cost, placement = Inserter(problem_of(tiny)).best(problem_of(tiny).courses[0])
    assert (cost, placement.present) == (1000 * LEVEL + 26, frozenset({0}))


def test_nothing_is_placed_where_nothing_is_open() -> None:
    problem = problem_of(Tiny(ready=(0,), fill_days=()))
    cost, placement = Inserter(problem).best(problem.courses[0])
    assert (cost, dict(placement.slots), placement.present) == (1000 * LEVEL, {}, frozenset())


def test_earliest_asks_for_the_soonest_first_dose() -> None:
    # Dose 2 (a booster, a day early or late costs 4) falls two days after dose 1, on day 3; the site is shut then.
    # Given on day 1, it would be a day late: 24 + 2 + 4 + 2 = 32. On day 2 it is on target: 48 + 2 + 2 = 52.
    tiny = Tiny(ready=(0,), doses=2, booster=True, give_days=(1, 2, 4, 5, 6))
    problem = problem_of(tiny)
    cost, placement = Inserter(problem).best(problem.courses[0], earliest=True)
    assert cost == optimum(problem) == 32
    assert placement.present == frozenset({0, 1})


@pytest.mark.parametrize("ready", [0, 1, 2, 3])
def test_no_course_begins_before_it_is_ready(ready: int) -> None:
    # Filled on the ready day, given the day after: 24 x (ready + 1) + 2.
    assert best_cost(problem_of(Tiny(ready=(ready,)))) == 24 * (ready + 1) + 2


def test_put_and_take_leave_the_axis_as_it_was() -> None:
    problem = problem_of(Tiny(ready=(0, 0), cultured=True, suites=2))
    inserter = Inserter(problem)
    before = [load.tolist() for load in inserter.loads.taken]
    _, placement = inserter.best(problem.courses[0])
    inserter.put(placement)
    held = stretches_of(problem.templates[0], placement)
    assert sum(int(load.sum()) for load in inserter.loads.taken) == sum(last - first for _, first, last in held)
    assert fits(problem, held)
    inserter.take(placement)
    assert [load.tolist() for load in inserter.loads.taken] == before


def test_reset_forgets_every_placement_but_keeps_what_was_taken_already() -> None:
    problem = problem_of(Tiny(ready=(0,), taken=((SUITE, 2, 3),)))
    inserter = Inserter(problem)
    inserter.put(inserter.best(problem.courses[0])[1])
    inserter.reset()
    assert [load.tolist() for load in inserter.loads.taken] == [load.tolist() for load in problem.load]
