"""What the plan in force would become: who waits gets what is free; fewer units displace who was registered last."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.rules import violations
from scheduler.domain.what_if import UnitsChange, changed
from scheduler.planning.repair import Standing
from scheduler.planning.what_if import fitting, outlook, outlooks
from tests.domain.world import ANA, FACTS, PLANT, at, valid_plan
from tests.planning.small import BEN_NORTH, one_dose, planned, priced, resourced

SECONDS = 60.0  # never needed: everything here is proven at once
BEN = replace(BEN_NORTH, registered_on=ANA.registered_on + timedelta(days=7))


def one_position() -> Facts:
    """Ana and Ben with one incubator position, and 50 days for dose 1.

    Ana is first: harvest Mon 11 Jan, fill Mon 8 Feb. Only then may Ben's culture begin, and 26 days later it is Sat 6
    March: his injection would be on Tue 9 March, 57 days after the first day on which his course might begin. With two
    positions it is on Tue 9 Feb, or some day of that week.
    """
    return priced(resourced(one_dose(ANA, BEN_NORTH), PLANT, "incubator", units=1), max_wait_days=50)


def booked_alone(facts: Facts) -> tuple[Standing, datetime]:
    """Ana's course, and an instant 20 days before it begins."""
    (course,) = planned(replace(facts, patients=(ANA,))).courses
    return Standing(ANA, course, frozenset()), course.activities[0].start_at - timedelta(days=20)


def test_a_waiting_patient_without_a_place_has_one_with_one_more_unit() -> None:
    facts = one_position()
    ana, now = booked_alone(facts)
    before = outlook(facts, [ana], [BEN_NORTH], now, SECONDS)
    assert [(one.patient, one.dose) for one in before.plan.unplanned] == [("BEN", 1)]
    more = changed(facts, [UnitsChange(PLANT, "incubator", +1)])
    after = outlook(more, [ana], [BEN_NORTH], now, SECONDS)
    assert after.plan.unplanned == ()
    assert violations(after.plan, replace(more, patients=(ANA, BEN_NORTH))) == []
    # Ana was told her days, and keeps them.
    assert after.plan.courses[0].activities == ana.course.activities
    assert (before.cut_short, after.cut_short) == (False, False)
    # Dose by dose 1000, and a day of waiting 24: the level of lost doses falls by one dose.
    assert (before.plan.cost[0], after.plan.cost[0]) == (1000, 0)


def test_who_waits_is_served_in_the_order_of_registration() -> None:
    facts = one_position()
    _, now = booked_alone(facts)
    later = replace(ANA, id="ABE", registered_on=ANA.registered_on + timedelta(days=1))
    found = outlook(facts, [], [later, BEN_NORTH], now, SECONDS)
    assert found.waiting == ("BEN", "ABE")
    assert [(one.patient, one.dose) for one in found.plan.unplanned] == [("ABE", 1)]


def test_without_time_nobody_who_waits_is_looked_after_and_that_is_told() -> None:
    facts = one_position()
    ana, now = booked_alone(facts)
    found = outlook(facts, [ana], [BEN_NORTH], now, -1.0)
    assert (found.waiting, found.cut_short) == ((), True)
    assert [one.patient for one in found.plan.courses] == ["ANA"]


def test_both_sides_are_looked_at_one_after_the_other() -> None:
    facts = one_position()
    ana, now = booked_alone(facts)
    more = changed(facts, [UnitsChange(PLANT, "incubator", +1)])
    before, after = outlooks([(facts, (ana,)), (more, (ana,))], [BEN_NORTH], now, SECONDS)
    assert (len(before.plan.unplanned), len(after.plan.unplanned)) == (1, 0)


# --- fewer units ------------------------------------------------------------------------------------------------------

TWO = one_dose(ANA, BEN)
PLAN = planned(TWO)
ONE = changed(TWO, [UnitsChange(PLANT, "incubator", -1)])
NOW = min(one.activities[0].start_at for one in PLAN.courses) - timedelta(days=20)


def standings(*, fixed: bool = False) -> list[Standing]:
    return [
        Standing(TWO.patient(one.patient), one, frozenset(a.id for a in one.activities if fixed))
        for one in PLAN.courses
    ]


def kinds(course: PlannedCourse) -> list[str]:
    return [one.kind for one in course.activities]


def test_where_all_units_stay_every_course_fits_as_it_is() -> None:
    assert fitting(TWO, standings(), NOW) == tuple(standings())


def test_with_a_unit_fewer_who_was_registered_last_gives_way_and_is_planned_anew() -> None:
    fitted = fitting(ONE, standings(), NOW)
    ana, ben = sorted(fitted, key=lambda one: one.patient.id)
    assert kinds(ana.course) == kinds(PLAN.courses[0])
    assert kinds(ben.course) == []
    found = outlook(ONE, fitted, [], NOW, SECONDS)
    assert found.plan.unplanned == ()
    assert violations(found.plan, ONE) == []
    given = {one.patient: dose.start_at for one in found.plan.courses if (dose := one.find("injection", 1))}
    before = {one.patient: dose.start_at for one in PLAN.courses if (dose := one.find("injection", 1))}
    # Ben's culture begins when Ana's ends, 26 days before his dose at the least.
    assert given["ANA"] == before["ANA"]
    assert given["BEN"] - given["ANA"] >= timedelta(days=26)


def test_what_is_under_way_cannot_be_taken_its_unit_away() -> None:
    with pytest.raises(BadInput, match=r"PLANT would have too few incubator: .*/culture is under way"):
        fitting(ONE, standings(fixed=True), NOW)


def test_what_is_done_of_a_course_that_gives_way_stays() -> None:
    ana, ben = standings()
    fitted = fitting(ONE, [ana, replace(ben, fixed=frozenset({"BEN/harvest"}))], NOW)
    assert kinds(fitted[1].course) == ["harvest"]


def test_only_the_dose_without_room_is_given_up() -> None:
    # BEN's third fill as early as ANA's, on Thu 17 June at 12:30; all other fills are on days of their own.
    ana, ben = valid_plan().courses
    earlier = timedelta(hours=3)
    ben = replace(
        ben,
        activities=tuple(
            replace(one, start_at=one.start_at - earlier, end_at=one.end_at - earlier)
            if one.id == "BEN/3/fill"
            else one
            for one in ben.activities
        ),
    )
    told = [Standing(FACTS.patient(one.patient), one, frozenset()) for one in (ana, ben)]
    one_crew = changed(FACTS, [UnitsChange(PLANT, "fill_crew", -1)])
    fitted = fitting(one_crew, told, at(FACTS.starts_on, "08:00"))
    assert fitted[0] == told[0]
    gone = {one.id for one in ben.activities} - {one.id for one in fitted[1].course.activities}
    assert gone == {one.id for one in ben.activities if one.dose == 3}


def test_the_plan_that_comes_out_is_of_the_same_program() -> None:
    found: Plan = outlook(TWO, standings(), [], NOW, SECONDS).plan
    assert (found.program, found.courses) == (PLAN.program, PLAN.courses)
