"""What is known of a day before it is looked at: never more than the truth, and never something else in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.doses import NO_WISH
from solver.finder import LEVEL, Finder
from solver.layout import Layout
from solver.loads import Loads
from solver.problem import Course, Point, Problem
from tests.solver.oracle import day_of, placements_of, tick_of
from tests.solver.tiny import DAY, ROOM, SUITE, Tiny, problem_of, tinies

TRIED = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Plain(Finder):
    """A finder that looks at the days in the order in which they are given."""

    def _in_turn(self, course: Course, days: list[tuple[int, int]], as_given: bool) -> Iterator[tuple[int, int]]:
        return super()._in_turn(course, days, True)


def finder_of(problem: Problem, kind: type[Finder] = Finder) -> Finder:
    return kind(problem, Layout(problem.templates[0], problem.weights), Loads(problem))


def cold_hours(problem: Problem) -> dict[tuple[int, int], int]:
    """The least whole hours in the cold of every dose on every day on which the oracle can place it."""
    template, weights = problem.templates[0], problem.weights
    least: dict[tuple[int, int], int] = {}
    for placement in placements_of(problem, problem.courses[0]):
        for cold in template.colds:
            if cold.group in placement.present:
                begin, until = (tick_of(template, placement.slots, one) for one in (cold.begin, cold.until))
                day = day_of(template, placement.slots, template.visits[cold.group])
                assert begin is not None and until is not None and day is not None
                hours = weights.hour * ((until - begin) // weights.hour_ticks)
                least[cold.group, day] = min(hours, least.get((cold.group, day), hours))
    return least


def assert_no_floor_is_above_the_truth(finder: Finder, problem: Problem) -> None:
    for (group, day), hours in cold_hours(problem).items():
        assert 0 <= finder.floor(group, day) <= hours, (group, day)


@TRIED
@given(tinies(courses=1))
def test_no_floor_is_above_the_cheapest_hours_of_a_dose_on_a_day(tiny: Tiny) -> None:
    problem = problem_of(tiny)
    assert_no_floor_is_above_the_truth(finder_of(problem), problem)


@TRIED
@given(tinies(courses=1, cultured=False))
def test_the_floor_of_a_dose_that_needs_nothing_else_is_its_cost(tiny: Tiny) -> None:
    # Nothing to culture and one dose only: the dose is the whole course, from day 0 on.
    problem = problem_of(replace(tiny, doses=1, ready=(0,)))
    finder, least = finder_of(problem), cold_hours(problem)
    for day in range(tiny.days):
        assert finder.floor(0, day) == least.get((0, day), -1), day


@TRIED
@given(tinies(courses=1), st.data())
def test_what_is_freed_brings_the_floors_down_with_it(tiny: Tiny, data: st.DataObject) -> None:
    problem = problem_of(tiny)
    finder = finder_of(problem)
    days = [finder.floor(group, day) for group in range(tiny.doses) for day in range(tiny.days)]
    assert len(days) == tiny.doses * tiny.days
    taken = [one for one in tiny.taken if problem.load[one[0]][one[1] : one[2]].all()]
    freed = data.draw(st.sets(st.sampled_from(taken))) if taken else set()
    for stretch in freed:
        if finder.loads.taken[stretch[0]][stretch[1] : stretch[2]].all():
            finder.loads.free(*stretch)
    left = replace(problem, load=tuple(one.copy() for one in finder.loads.taken))
    assert_no_floor_is_above_the_truth(finder, left)
    assert finder.best(problem.courses[0], False, NO_WISH) == finder_of(left).best(problem.courses[0], False, NO_WISH)


@TRIED
@given(tinies(courses=1), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40), st.integers(1, 8)), max_size=3))
def test_floors_from_before_something_was_taken_change_nothing(tiny: Tiny, later: list[tuple[int, int, int]]) -> None:
    problem = problem_of(tiny)
    finder = finder_of(problem)
    finder.best(problem.courses[0], False, NO_WISH)
    for pool, first, length in later:
        finder.loads.take(pool, first, first + length)
    now = replace(problem, load=tuple(one.copy() for one in finder.loads.taken))
    assert finder.best(problem.courses[0], False, NO_WISH) == finder_of(now).best(problem.courses[0], False, NO_WISH)


@TRIED
@given(tinies(courses=1))
def test_the_best_course_is_the_same_with_the_days_in_any_order(tiny: Tiny) -> None:
    problem = problem_of(tiny)
    course = problem.courses[0]
    found = finder_of(problem).best(course, False, NO_WISH)
    assert found == finder_of(problem, Plain).best(course, False, NO_WISH)


def test_a_day_is_dearer_by_the_hour_when_its_good_hours_are_taken() -> None:
    # Filled at hour 1 or 2 (ends at tick 2 or 3), driven from hour 4 to 6, given at hour 1 of the next day (tick 7):
    # from 3 to 7 are 4 hours of one tick. With the suite taken at hour 2 only the earlier fill is left: 5.
    tiny = Tiny(ready=(0,), fill_hours=(1, 2), hour_ticks=1)
    finder = finder_of(problem_of(tiny))
    assert finder.floor(0, 1) == 4
    assert finder_of(problem_of(replace(tiny, taken=((SUITE, 2, 3),)))).floor(0, 1) == 5


def test_a_day_with_every_room_taken_is_impossible_until_a_room_is_free() -> None:
    finder = finder_of(problem_of(Tiny(ready=(0,), taken=((ROOM, DAY, 2 * DAY),))))
    assert finder.floor(0, 1) == -1
    finder.loads.free(ROOM, DAY, 2 * DAY)
    # Filled at hour 2 (ends at tick 3), given at tick 7: 4 ticks are 2 hours.
    assert finder.floor(0, 1) == 2


def test_of_two_days_that_cost_the_same_the_earlier_is_taken_whatever_was_known() -> None:
    # Waiting costs nothing here, so that every day costs its 4 ticks in the cold: from fill (3) to injection (7).
    problem = problem_of(Tiny(ready=(0,), hour_ticks=1))
    free = replace(problem, weights=replace(problem.weights, waiting=0))
    finder = finder_of(free)
    finder.loads.take(ROOM, DAY, 2 * DAY)
    cost, slots, _ = finder.best(free.courses[0], False, NO_WISH)
    assert (cost, finder.day(slots, Point(free.templates[0].visits[0].task, False))) == (4, 2)
    finder.loads.free(ROOM, DAY, 2 * DAY)
    cost, slots, _ = finder.best(free.courses[0], False, NO_WISH)
    assert (cost, finder.day(slots, Point(free.templates[0].visits[0].task, False))) == (4, 1)
    assert cost < LEVEL
