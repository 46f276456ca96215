"""A dose that was given up is planned again: from the bank sooner than from a new harvest, and as early as can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts
from scheduler.domain.plan import PlannedCourse
from scheduler.domain.rules import violations
from scheduler.planning.desk import Desk
from scheduler.planning.repair import Repaired, Standing, repair
from tests.domain.world import ANA, FACTS, SEOUL, at
from tests.planning.small import local, of_doses, one_dose, planned

FIRST = frozenset({1})
ONE = one_dose(ANA)
(TOLD,) = planned(ONE).courses
HARVEST = frozenset({"ANA/harvest", "ANA/marrow_transit", "ANA/isolation"})
# The harvest is on Mon 11 January. Its culture is lost on the 20th day; nothing new begins within seven days.
LOST_AT = at(date(2027, 1, 31), "10:00")


def lacking(course: PlannedCourse, *, kept: frozenset[str], restarted: frozenset[int] = frozenset()) -> PlannedCourse:
    """The course with nothing but some of its activities."""
    listed = tuple(one for one in course.activities if one.id in kept)
    return replace(course, activities=listed, restarted=restarted)


def made_again(facts: Facts, course: PlannedCourse, fixed: frozenset[str], now: datetime = LOST_AT) -> Repaired:
    return repair(facts, [Standing(ANA, course, fixed)], now, seconds=5.0)


def given(found: Repaired, dose: int = 1) -> str:
    (course,) = found.plan.courses
    injection = course.find("injection", dose)
    assert injection is not None
    return local(injection.start_at)


def from_bank() -> Repaired:
    return made_again(ONE, lacking(TOLD, kept=HARVEST, restarted=FIRST), HARVEST)


def from_new_harvest() -> Repaired:
    return made_again(ONE, lacking(TOLD, kept=frozenset()), frozenset())


def test_a_first_dose_is_made_sooner_from_the_bank_than_from_a_new_harvest() -> None:
    # Nothing new before Sun 7 February. Bank: thaw on Mon 8 February, 12 days later is Sat 20 February, so the fill is
    # on Mon the 22nd and the injection on Tue the 23rd. A new harvest on Mon 8 February needs 26 days: Sat 6 March, so
    # that the fill is on Mon the 8th and the injection on Tue the 9th.
    assert given(from_bank()).startswith("Tue 02-23")
    assert given(from_new_harvest()).startswith("Tue 03-09")


@pytest.mark.parametrize("found", [from_bank, from_new_harvest])
def test_a_dose_made_again_breaks_no_rule_and_is_proven_to_be_the_least_change(found: object) -> None:
    assert callable(found)
    again = found()
    assert violations(again.plan, ONE) == []
    assert again.plan.unplanned == ()
    # Nobody was told another date for it, so nothing is moved.
    assert (again.visits_moved, again.price, again.bound) == (0, (0, 0), (0, 0))
    assert again.is_proven


def test_what_was_done_stays_where_it_was() -> None:
    (course,) = from_bank().plan.courses
    assert course.restarted == FIRST
    for kind in ("harvest", "marrow_transit", "isolation"):
        assert course.find(kind, None) == TOLD.find(kind, None)
    assert course.find("culture", None) is None


def test_the_earliest_day_from_the_bank_is_the_one_that_trying_every_day_finds() -> None:
    """Every day of thaw and fill by itself, by the calendar alone: the machine is empty, so hours always fit."""
    network = ONE.network
    suite, crew = network.calendar("PLANT", "suite"), network.calendar("PLANT", "fill_crew")
    room = network.calendar("NORTH", "procedure_room")
    isolated = local_date(next(one for one in TOLD.activities if one.id == "ANA/isolation").end_at, SEOUL)
    first = local_date(LOST_AT + timedelta(days=ONE.policy.plant_fence_days), SEOUL)
    day = timedelta(days=1)
    found = min(
        fill + day
        for thaw in (first + n * day for n in range(40))
        for fill in (thaw + n * day for n in range(12, 17))
        if (thaw - isolated).days >= 14
        and suite.open_on(thaw)
        and suite.open_on(fill)
        and crew.open_on(fill)
        and room.open_on(fill)  # the tap
        and room.open_on(fill + day)
    )
    (course,) = from_bank().plan.courses
    injection = course.find("injection", 1)
    assert injection is not None
    assert local_date(injection.start_at, SEOUL) == found


def test_after_a_failed_tap_the_cells_grow_on_within_their_limits() -> None:
    # 26 days of culture end on Sat 6 February, the fill was on Mon the 8th, its tap failed that morning. With a day's
    # notice the next tap and fill are on Tue the 9th; 30 days of culture would end on Wed the 10th.
    facts = replace(ONE, policy=replace(ONE.policy, plant_fence_days=1))
    cells = HARVEST | {"ANA/culture"}
    now = at(date(2027, 2, 8), "09:30")
    found = made_again(facts, lacking(TOLD, kept=cells), cells, now)
    assert violations(found.plan, facts) == []
    (course,) = found.plan.courses
    fill, culture = course.find("fill", 1), course.find("culture", None)
    assert fill is not None and culture is not None
    assert culture.end_at == fill.start_at
    assert local(fill.start_at)[:9] == "Tue 02-09"


def test_a_dose_whose_cells_are_too_old_by_then_stays_unplanned() -> None:
    cells = HARVEST | {"ANA/culture"}
    # Seven days' notice from Mon 8 February: 30 days of culture end on Wed the 10th.
    found = made_again(ONE, lacking(TOLD, kept=cells), cells, at(date(2027, 2, 8), "09:30"))
    assert [(one.patient, one.dose) for one in found.plan.unplanned] == [("ANA", 1)]
    assert all(one.reasons for one in found.plan.unplanned)


def test_a_later_dose_is_made_again_inside_its_window() -> None:
    facts = of_doses((ANA,), *FACTS.protocol.doses[:2])
    (told,) = planned(facts).courses
    second = frozenset(one.id for one in told.activities if one.dose == 2)
    first = frozenset(one.id for one in told.activities) - second
    before = told.find("injection", 2)
    assert before is not None
    # Dose 2 is lost in transit the day before; -2 to +5 days leave no time for 12 days of expansion.
    late = made_again(facts, lacking(told, kept=first), first, before.start_at - timedelta(days=1))
    assert [one.dose for one in late.plan.unplanned] == [2]
    # It is lost while nothing of it has begun: it comes on its own day again.
    early = made_again(facts, lacking(told, kept=first), first, before.start_at - timedelta(days=26))
    assert violations(early.plan, facts) == []
    assert given(early, 2)[:9] == local(before.start_at)[:9]


def test_later_doses_follow_a_first_dose_that_is_made_again() -> None:
    facts = of_doses((ANA,), *FACTS.protocol.doses[:2])
    (told,) = planned(facts).courses
    later = frozenset(one.id for one in told.activities if one.dose == 2)
    found = made_again(facts, lacking(told, kept=HARVEST | later, restarted=FIRST), HARVEST)
    assert violations(found.plan, facts) == []
    (course,) = found.plan.courses
    first, second = course.find("injection", 1), course.find("injection", 2)
    assert first is not None and second is not None
    assert local_date(second.start_at, SEOUL) - local_date(first.start_at, SEOUL) == timedelta(days=26)


def test_a_desk_makes_the_template_of_restarted_courses_when_it_first_needs_it() -> None:
    desk = Desk(ONE, ANA.registered_on)
    loads = desk.facts
    ground = desk.ground(ANA, lacking(TOLD, kept=HARVEST, restarted=FIRST), frozenset(), LOST_AT)
    (shape,) = ground.shapes
    assert shape.restarted == FIRST
    assert "ANA/1/thaw" in shape.names("ANA") and "ANA/culture" not in shape.names("ANA")
    assert desk.facts is loads
