"""Pins: what stands stays where it is and forbids nothing; what may move sees where it truly was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache

import pytest

from scheduler.domain.course import activity_id
from scheduler.domain.intervals import Interval
from scheduler.planning.build import Builder, Built
from scheduler.planning.pins import pinned, settled
from solver.problem import DayLag, Lag, Point, Target, Template
from tests.domain.world import ANA, FACTS, NETWORK, NORTH, ana, at

TAP_ON, FILL_ON = date(2027, 3, 15), date(2027, 3, 15)  # ANA's dose 2 is given on Tue 16 Mar
LONG_AGO = at(date(2027, 1, 1), "00:00")


@cache
def built() -> Built:
    """The small world with one template: a course of three doses at North."""
    builder = Builder(replace(FACTS, patients=()), days=300)
    builder.templates_for(NORTH, None)
    return builder.built(())


def task(name: str) -> int:
    """The number of a task such as ``2/fill``."""
    return next(i for i, one in enumerate(built().problem.templates[0].tasks) if one.name == name)


def times(*names: str) -> dict[int, Interval]:
    """Pins of some tasks at the times of ANA's course in tests/domain/world.py."""
    there = {one.id: one.during for one in ana().activities}
    steps = built().shapes[0].steps
    return {
        number: there[activity_id(ANA.id, steps[number].dose, steps[number].step.kind)]
        for number in (task(name) for name in names)
    }


def shifted(pins: dict[int, Interval], name: str, by: timedelta) -> dict[int, Interval]:
    """The pins with one of them moved."""
    during = pins[task(name)]
    return {**pins, task(name): Interval(during.start_at + by, during.end_at + by)}


def with_pins(pins: dict[int, Interval], earliest_at: datetime = LONG_AGO) -> Template:
    grid = built().grid
    return pinned(built().problem.templates[0], built().shapes[0], NETWORK, grid, pins, grid.tick_up(earliest_at))


def lag(template: Template, name: str, end: str) -> Lag:
    """The lag of a name that ends at a task."""
    return next(one for one in template.lags if one.name == name and one.b.task == task(end))


def day_lag(template: Template, name: str, end: str) -> DayLag:
    """The day lag of a name that ends at a task."""
    return next(one for one in template.day_lags if one.name == name and one.b.task == task(end))


def target(template: Template, end: str) -> Target:
    """The window that ends at a task."""
    return next(one for one in template.targets if one.b.task == task(end))


def test_a_pinned_task_has_its_time_and_no_other() -> None:
    slots = with_pins(times("2/fill")).tasks[task("2/fill")].slots
    assert slots is not None
    grid = built().grid
    # Filled on Mon 15 Mar from 12:30 to 15:00; day 0 is Mon 4 Jan, so that day is number 27 + 28 + 15 = 70.
    assert [grid.instant(one) for one in slots.starts] == [at(FILL_ON, "12:30")]
    assert [grid.instant(one) for one in slots.ends] == [at(FILL_ON, "15:00")]
    assert (slots.start_days, slots.end_days) == ([70], [70])


def test_a_pin_at_an_odd_minute_covers_the_whole_quarter_hours_it_touches() -> None:
    pins = shifted(times("2/fill"), "2/fill", timedelta(minutes=7))
    slots = with_pins(pins).tasks[task("2/fill")].slots
    assert slots is not None
    grid = built().grid
    assert [grid.instant(one) for one in (*slots.starts, *slots.ends)] == [at(FILL_ON, "12:30"), at(FILL_ON, "15:15")]


def test_a_pin_that_ends_just_before_midnight_ends_on_that_day() -> None:
    # 15:00 + 8 h 53 min is 23:53; the quarter hour it touches ends at midnight, the task does not.
    pins = shifted(times("2/fill"), "2/fill", timedelta(hours=8, minutes=53))
    slots = with_pins(pins).tasks[task("2/fill")].slots
    assert slots is not None
    assert slots.end_days == [70]


def test_nothing_that_may_move_begins_before_the_earliest_instant() -> None:
    earliest_at = at(date(2027, 3, 1), "09:07")
    fixed = with_pins(times("harvest"), earliest_at)
    grid = built().grid
    for number, one in enumerate(fixed.tasks):
        if one.slots is not None and number != task("harvest"):
            assert grid.instant(one.slots.starts[0]) >= earliest_at, one.name
    assert grid.instant(fixed.tasks[task("harvest")].slots.starts[0]) == at(date(2027, 1, 20), "08:00")  # type: ignore[union-attr]


def test_a_lag_between_pins_is_widened_to_what_it_was() -> None:
    # Tap end 10:00 to fill start 12:30 on the same day; a day later that is 26.5 h = 106 quarter hours, 96 are allowed.
    pins = times("2/csf_tap", "2/fill")
    assert lag(with_pins(pins), "csf_hold", "2/fill").most == 96
    late = shifted(pins, "2/fill", timedelta(days=1))
    assert lag(with_pins(late), "csf_hold", "2/fill").most == 106


@pytest.mark.parametrize(("days", "least", "most"), [(0, 26, 30), (5, 26, 33), (-7, 21, 30)])
def test_a_day_lag_between_pins_is_widened_to_what_it_was(days: int, least: int, most: int) -> None:
    # Isolated on Wed 20 Jan, filled on Wed 17 Feb: 28 days of culture, 26 to 30 are allowed.
    pins = shifted(times("isolation", "1/fill"), "1/fill", timedelta(days=days))
    found = day_lag(with_pins(pins), "culture_days", "1/fill")
    assert (found.least, found.most) == (least, most)


@pytest.mark.parametrize(("days", "earliest", "latest"), [(0, -2, 5), (9, -2, 9), (-4, -4, 5)])
def test_a_window_between_pins_is_widened_to_what_it_was(days: int, earliest: int, latest: int) -> None:
    # Dose 1 on Thu 18 Feb, dose 2 on its target of Tue 16 Mar; allowed are 2 days before it to 5 after.
    pins = shifted(times("1/injection", "2/injection"), "2/injection", timedelta(days=days))
    found = target(with_pins(pins), "2/injection")
    assert (found.earliest, found.latest) == (earliest, latest)


def test_what_binds_a_pin_to_something_that_moves_stays_as_it_is() -> None:
    free = built().problem.templates[0]
    fixed = with_pins(times("2/fill", "1/injection", "isolation"))
    assert fixed.lags == free.lags
    assert fixed.day_lags == free.day_lags
    assert [(one.earliest, one.latest) for one in fixed.targets] == [(one.earliest, one.latest) for one in free.targets]


def test_a_hold_counts_from_the_minute_at_which_a_pin_ended() -> None:
    # The tap ended at 10:07. 24 h later is 10:07, so the fill starts at 10:00 at the latest: 95 quarter hours after
    # 10:15, which is where the tap ends in quarter hours.
    late = shifted(times("2/csf_tap"), "2/csf_tap", timedelta(minutes=7))
    assert lag(with_pins(late), "csf_hold", "2/fill").most == 95


def test_a_hold_counts_to_the_minute_at_which_a_pin_began() -> None:
    # The fill began at 12:37, so the tap ends at 12:45 the day before at the earliest: 95 quarter hours before 12:30.
    late = shifted(times("2/fill"), "2/fill", timedelta(minutes=7))
    assert lag(with_pins(late), "csf_hold", "2/fill").most == 95


def test_a_wait_counts_from_the_minute_at_which_a_pin_began_or_ended() -> None:
    # Handed over 15 min before the run: after a tap that ended at 10:07 (10:15 in quarter hours) one quarter hour more
    # is enough, as rounding up has waited already. A tap before a run that left at 10:37 (10:30) likewise.
    after = shifted(times("2/csf_tap"), "2/csf_tap", timedelta(minutes=7))
    before = shifted(times("2/csf_transit"), "2/csf_transit", timedelta(minutes=7))
    assert lag(with_pins(after), "handover", "2/csf_transit").least == 1
    assert lag(with_pins(before), "handover", "2/csf_transit").least == 1


def test_what_only_pins_take_is_left_out_and_listed() -> None:
    pins = times("2/fill")
    free, fixed = built().problem.templates[0], with_pins(pins)
    grid, names = built().grid, built().problem.pool_names
    begins = grid.tick(at(FILL_ON, "12:30"))
    # The suite for 2.5 h and an hour of clearance (14 quarter hours), the crew for 2.5 h (10).
    assert sorted((names[pool], first, last) for pool, first, last in settled(free, fixed, pins)) == [
        ("PLANT/fill_crew", begins, begins + 10),
        ("PLANT/suite", begins, begins + 14),
    ]
    left = {(one.label, one.task) for one in free.stays} - {(one.label, one.task) for one in fixed.stays}
    assert left == {("suite", task("2/fill")), ("fill_crew", task("2/fill"))}
    # The incubator is held from a thaw that may move, and the cold store to a pack that may.
    assert ("cold_store", task("2/fill")) in {(one.label, one.task) for one in fixed.stays}


def test_a_visit_that_is_over_meets_no_other_and_one_to_come_does() -> None:
    pins = times("1/injection", "2/injection")
    fixed = with_pins(pins, at(date(2027, 3, 1), "00:00"))
    assert not fixed.tasks[task("1/injection")].attended
    assert fixed.tasks[task("2/injection")].attended


def test_pins_of_holds_are_disregarded() -> None:
    fixed = with_pins(times("culture", "isolation"))
    assert fixed.tasks[task("culture")].hold == (Point(task("isolation"), True), Point(task("1/fill"), False))
