"""Follow-up visits: as near their target as the clinic allows, and never silently left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.calendars import Holiday
from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import PlannedCourse
from scheduler.domain.protocol import FollowUp, Window
from scheduler.planning.follow_ups import with_follow_ups
from tests.domain.world import ANA, FACTS, NORTH, WORKDAYS, ana, at, hours, with_closure
from tests.planning.small import local, resourced


def visiting(target_days: int, reach: int = 14, anchor: int | None = None) -> Facts:
    """The small world with one visit so many days after its anchor, or after the registration."""
    visit = FollowUp("check", anchor, Window(target_days, 0, -reach, reach), 60, ("clinic",))
    return replace(FACTS, protocol=replace(FACTS.protocol, follow_ups=(visit,)))


def unbegun(patient: str = "ANA") -> PlannedCourse:
    """A course without activities, registered on Mon 4 Jan 2027 at North."""
    return PlannedCourse(patient, NORTH, None, ANA.registered_on, ANA.weight_kg, ())


def without_follow_up(course: PlannedCourse) -> PlannedCourse:
    """The same course without its follow-up visits."""
    return replace(course, activities=tuple(one for one in course.activities if one.kind != "follow_up"))


def visits_of(facts: Facts, *courses: PlannedCourse) -> dict[str, str]:
    """When each patient's visit starts."""
    planned, _ = with_follow_ups(facts, list(courses))
    return {
        course.patient: local(one.start_at)
        for course in planned
        for one in course.activities
        if one.kind == "follow_up"
    }


def test_a_visit_falls_on_its_target_when_the_clinic_works_then() -> None:
    # Mon 4 Jan + 60 days is Fri 5 Mar.
    assert visits_of(visiting(60), unbegun()) == {"ANA": "Fri 03-05 08:00"}


def test_a_visit_due_on_a_saturday_is_on_the_friday_before() -> None:
    # 61 days: Sat 6 Mar; Fri 5 is one day off, Mon 8 two.
    assert visits_of(visiting(61), unbegun()) == {"ANA": "Fri 03-05 08:00"}


def test_a_visit_due_on_a_sunday_is_on_the_monday_after() -> None:
    # 62 days: Sun 7 Mar; Mon 8 is one day off, Fri 5 two.
    assert visits_of(visiting(62), unbegun()) == {"ANA": "Mon 03-08 08:00"}


def test_a_visit_due_on_a_sunday_before_a_holiday_is_on_the_friday_before() -> None:
    # With a holiday on Mon 8 Mar, Fri 5 and Tue 9 are two days off; of equals the earlier is taken.
    facts = visiting(62)
    holidays = {"kr": {date(2027, 3, 8): Holiday(date(2027, 3, 8), "made up")}}
    facts = replace(facts, network=replace(facts.network, holidays=holidays))
    assert visits_of(facts, unbegun()) == {"ANA": "Fri 03-05 08:00"}


def test_a_visit_due_on_a_holiday_monday_is_on_the_tuesday() -> None:
    # 63 days: Mon 8 Mar; Tue 9 is one day off, Fri 5 three.
    facts = visiting(63)
    holidays = {"kr": {date(2027, 3, 8): Holiday(date(2027, 3, 8), "made up")}}
    facts = replace(facts, network=replace(facts.network, holidays=holidays))
    assert visits_of(facts, unbegun()) == {"ANA": "Tue 03-09 08:00"}


def test_two_patients_share_the_only_clinic_room_one_after_the_other() -> None:
    assert visits_of(visiting(60), unbegun(), unbegun("CHARLIE")) == {
        "ANA": "Fri 03-05 08:00",
        "CHARLIE": "Fri 03-05 09:00",
    }


def test_with_two_clinic_rooms_both_patients_come_at_once() -> None:
    facts = resourced(visiting(60), NORTH, "clinic", units=2)
    planned, _ = with_follow_ups(facts, [unbegun(), unbegun("CHARLIE")])
    assert [one.units for course in planned for one in course.activities] == [
        {"clinic": "clinic-1"},
        {"clinic": "clinic-2"},
    ]


def test_a_visit_does_not_overlap_the_injection_of_that_day() -> None:
    # ANA is injected on Thu 18 Feb from 09:00 to 10:00; the clinic works from 09:00.
    facts = resourced(visiting(0, anchor=1), NORTH, "clinic", hours=hours(WORKDAYS, 9, 17))
    assert visits_of(facts, without_follow_up(ana())) == {"ANA": "Thu 02-18 10:00"}


def test_a_visit_counted_from_a_dose_waits_for_that_dose_to_be_planned() -> None:
    planned, missed = with_follow_ups(visiting(0, anchor=1), [unbegun()])
    assert (planned, missed) == ((unbegun(),), ())


def test_a_visit_without_a_free_hour_is_listed_with_its_window_and_site() -> None:
    # 60 days: Fri 5 Mar, with 2 days to either side Wed 3 to Sun 7 Mar; the clinic is closed all that week.
    shut = with_closure(visiting(60, 2), NORTH, at(date(2027, 3, 1), "00:00"), at(date(2027, 3, 8), "00:00"), "clinic")
    planned, missed = with_follow_ups(shut, [unbegun()])
    assert planned == (unbegun(),)
    assert [(one.patient, one.dose) for one in missed] == [("ANA", None)]
    (reason,) = missed[0].reasons
    assert "check must fall on Wed 03 Mar 2027 to Sun 07 Mar 2027" in reason
    assert "NORTH" in reason
    assert "clinic" in reason


@given(st.integers(1, 14), st.integers(1, 2))
def test_every_patient_has_a_visit_of_his_own_or_a_reason(count: int, rooms: int) -> None:
    # On one day the clinic holds 9 visits of an hour (08:00 to 17:00) in each room.
    facts = resourced(visiting(60, 0), NORTH, "clinic", units=rooms)
    courses = [unbegun(f"P{number}") for number in range(count)]
    planned, missed = with_follow_ups(facts, courses)
    taken = {(one.start_at, one.units["clinic"]) for course in planned for one in course.activities}
    assert len(taken) == min(count, 9 * rooms)
    assert len(taken) + len(missed) == count


def test_no_visit_begins_before_the_earliest_instant() -> None:
    # Due on Fri 5 Mar, 14 days to either side. From Fri 5 Mar 12:07 on the next quarter hour is free.
    (planned,), _ = with_follow_ups(visiting(60), [unbegun()], earliest_at=at(date(2027, 3, 5), "12:07"))
    assert [local(one.start_at) for one in planned.activities] == ["Fri 03-05 12:15"]


def test_a_visit_whose_window_is_over_by_then_is_missed() -> None:
    planned, missed = with_follow_ups(visiting(60, 2), [unbegun()], earliest_at=at(date(2027, 3, 8), "00:00"))
    assert planned == (unbegun(),)
    assert [(one.patient, one.dose) for one in missed] == [("ANA", None)]


def test_what_others_hold_is_not_given_again() -> None:
    held = {(NORTH, "clinic", "clinic-1"): [Interval(at(date(2027, 3, 5), "08:00"), at(date(2027, 3, 5), "11:00"))]}
    (planned,), _ = with_follow_ups(visiting(60), [unbegun()], held)
    assert [local(one.start_at) for one in planned.activities] == ["Fri 03-05 11:00"]


def test_a_visit_that_is_there_already_stays() -> None:
    (once,), _ = with_follow_ups(visiting(60), [unbegun()])
    assert with_follow_ups(visiting(63), [once])[0] == (once,)
