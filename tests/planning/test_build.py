"""What the builder makes of the facts: allowed starts of the fill, and days on which pairs can stand."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.course import Facts
from scheduler.planning.build import Built, build, routes_of
from scheduler.planning.timegrid import ticks_of
from scheduler.programs.loader import load_program
from solver.layout import Layout, layouts_of
from solver.problem import Slots, Template
from tests.domain.world import FACTS, NORTH
from tests.planning.small import FRI, THU, days, one_dose

# An ordinary week: the one after the holiday of Mon 1 Mar 2027, far from Seollal (6 to 9 Feb).
WEEK = days(date(2027, 3, 8), 5)
WINDOWS = {  # docs/domain.md section 3
    "HYU": ("12:00", "17:30"),
    "SNU": ("12:15", "17:30"),
    "KUA": ("12:15", "17:30"),
    "SMC": ("11:45", "17:30"),
    "PNY": ("15:30", "16:30"),
}


@cache
def alsummit() -> tuple[Facts, Built, list[Layout]]:
    """The program with its first patient at each site."""
    facts = load_program("alsummit")
    firsts = tuple(next(one for one in facts.patients if one.site == site) for site in WINDOWS)
    facts = replace(facts, patients=firsts)
    built = build(facts)
    return facts, built, layouts_of(built.problem)


def layout_at(site: str) -> Layout:
    """The layout of the courses at a site."""
    _, built, layouts = alsummit()
    return next(layouts[i] for i, shape in enumerate(built.shapes) if shape.route.site == site)


def slots_of(template: Template, name: str) -> Slots:
    """The allowed starts of a task by name."""
    slots = next(task.slots for task in template.tasks if task.name == name)
    assert slots is not None
    return slots


def after(slots: Slots, tick: int) -> tuple[int, int]:
    """Start and end of the first slot that starts at a tick or later."""
    found = bisect_left(slots.starts, tick)
    return slots.starts[found], slots.ends[found]


def injected_on(template: Template, fill_end: int) -> set[int]:
    """Days on which a dose may be injected, all steps after the fill as early as they can be."""
    released = after(slots_of(template, "1/release"), fill_end)[1]
    packed = after(slots_of(template, "1/pack"), released)[1]
    arrived = after(slots_of(template, "1/transit"), packed + ticks_of(15))[1]
    received = after(slots_of(template, "1/receipt"), arrived)[1]
    injection = slots_of(template, "1/injection")
    each = zip(injection.starts, injection.ends, injection.start_days, strict=True)
    return {day for start, end, day in each if start >= received and end - fill_end <= 48 * 4}


def tapped_on(template: Template, fill_start: int) -> set[int]:
    """Days on which the fluid of a fill may be tapped: in time for a run that arrives, and at most 24 h old."""
    transit, tap = slots_of(template, "1/csf_transit"), slots_of(template, "1/csf_tap")
    runs = [start for start, end in zip(transit.starts, transit.ends, strict=True) if end <= fill_start]
    last = max(runs, default=0) - ticks_of(15)
    each = zip(tap.ends, tap.start_days, strict=True)
    return {day for end, day in each if end <= last and fill_start - end <= 24 * 4}


def fills_on(template: Template, built: Built, on: date) -> Iterator[int]:
    """Starts of a fill on a day with a tap on the day before some possible injection, by trying everything."""
    fill, day = slots_of(template, "1/fill"), built.grid.day(on)
    for start, end, start_day in zip(fill.starts, fill.ends, fill.start_days, strict=True):
        if start_day == day and any(one - 1 in tapped_on(template, start) for one in injected_on(template, end)):
            yield start


@pytest.mark.parametrize("site", WINDOWS)
def test_a_fill_may_start_in_the_window_the_tap_and_the_couriers_leave(site: str) -> None:
    _, built, _ = alsummit()
    for on in WEEK[:4]:
        starts = list(fills_on(layout_at(site).template, built, on))
        clocks = [built.grid.instant(tick).astimezone(ZoneInfo("Asia/Seoul")).strftime("%H:%M") for tick in starts]
        assert (clocks[0], clocks[-1]) == WINDOWS[site]
        # Every quarter of an hour between them.
        assert starts == list(range(starts[0], starts[-1] + 1))


@pytest.mark.parametrize("site", WINDOWS)
def test_no_fill_starts_on_a_friday_since_its_injection_would_be_on_a_saturday(site: str) -> None:
    _, built, _ = alsummit()
    assert list(fills_on(layout_at(site).template, built, WEEK[FRI])) == []


@pytest.mark.parametrize("site", WINDOWS)
def test_the_reach_of_a_fill_excludes_nothing_that_is_possible(site: str) -> None:
    _, built, _ = alsummit()
    layout = layout_at(site)
    pivot = layout.by_group[0][0].pivot
    assert layout.template.tasks[pivot].name == "1/fill"
    reached = {slots_of(layout.template, "1/fill").starts[i] for i in layout.reaches[pivot].possible.nonzero()[0]}
    assert {tick for on in WEEK for tick in fills_on(layout.template, built, on)} <= reached


@pytest.mark.parametrize("site", WINDOWS)
def test_an_exact_pair_begins_on_a_thursday_or_a_friday(site: str) -> None:
    # 26 = 5 (mod 7): Tue and Wed first doses meet a Sunday and a Monday; Mondays have no fill the day before.
    _, built, _ = alsummit()
    layout = layout_at(site)
    first, second = (layout.reaches[layout.by_group[group][0].pivot].cheapest for group in (0, 1))
    assert {built.grid.on(day).weekday() for day in first if day + 26 in second} == {THU, FRI}


def test_a_site_with_two_lanes_out_can_be_served_in_two_ways() -> None:
    fast = replace(FACTS.network.lane("north-out"), code="north-express")
    facts = replace(FACTS, network=replace(FACTS.network, lanes=(*FACTS.network.lanes, fast)))
    assert [route.outbound.code for route in routes_of(facts, NORTH)] == ["north-out", "north-express"]


def test_the_allowed_starts_of_a_step_leave_room_for_its_end() -> None:
    # The fill crew works until 20:00 and a fill takes 150 min: the last start is 17:30.
    built = build(one_dose())
    fill = slots_of(built.problem.templates[0], "1/fill")
    last = max(built.grid.instant(tick).astimezone(ZoneInfo("Asia/Seoul")).strftime("%H:%M") for tick in fill.starts)
    assert last == "17:30"
    assert {end - start for start, end in zip(fill.starts, fill.ends, strict=True)} == {10}


def test_a_rule_left_out_leaves_more_starts_and_never_fewer() -> None:
    whole, freed = build(one_dose()), build(one_dose(), frozenset({"opening_hours"}))
    for mine, free in zip(whole.problem.templates[0].tasks, freed.problem.templates[0].tasks, strict=True):
        if mine.slots is not None and free.slots is not None:
            assert set(mine.slots.starts) <= set(free.slots.starts)


def test_a_patient_whose_arm_has_no_doses_has_no_course_to_place() -> None:
    facts = load_program("phase2-nct01363401")
    built = build(facts)
    given = {one.id for one in facts.patients if (arm := facts.arm_of(one.id)) is not None and arm.doses}
    assert 0 < len(given) < len(facts.patients)
    assert {course.id for course in built.problem.courses} == given
