"""What a plan costs: three integer levels, recomputed from the plan alone (docs/domain.md section 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts, Patient, doses_of
from scheduler.domain.plan import Activity, Levels, Plan, PlannedCourse
from scheduler.domain.protocol import StepRef


def cost_of(plan: Plan, facts: Facts) -> Levels:
    """The three levels of a plan's cost, to be compared lexicographically; all its instants must be aware.

    Level 1 is ``unplanned_dose_cost`` for each unplanned dose plus ``pair_day_cost`` for each day a pair is off its
    target. Level 2 is 0, as for a first plan: it belongs to the change from a published plan, which a plan alone does
    not tell (`scheduler.domain.diff.moves_cost`). Level 3 is ``waiting_day_cost`` for each day from registration to a
    first dose, ``booster_day_cost`` for each day a booster is off target and ``cold_hour_cost`` for each whole hour
    (rounded down, dose by dose) from the start of the shelf life to the start of the administration. Days are local
    days of the site. Source: docs/domain.md section 5.
    """
    zones = {place.code: place.zone for place in facts.network.places}
    courses = {course.patient: course for course in plan.courses}
    level_1 = level_3 = 0
    for patient in facts.patients:
        hard, soft = _course_cost(facts, patient, courses.get(patient.id), zones.get(patient.site, "UTC"))
        level_1, level_3 = level_1 + hard, level_3 + soft
    return level_1, 0, level_3


def _course_cost(facts: Facts, patient: Patient, course: PlannedCourse | None, zone: str) -> tuple[int, int]:
    policy, protocol = facts.policy, facts.protocol
    given = _given(facts, course)
    hard = soft = 0
    for number in doses_of(protocol, facts.arm_of(patient.id)):
        if number not in given:
            hard += policy.unplanned_dose_cost
            continue
        dose, given_on = protocol.dose(number), local_date(given[number].start_at, zone)
        soft += policy.cold_hour_cost * _cold_hours(facts, course, number, given[number].start_at)
        if dose.role == "first":
            soft += policy.waiting_day_cost * (given_on - patient.registered_on).days
        elif dose.window is not None and dose.anchor in given:
            off = abs(dose.window.days_off(local_date(given[dose.anchor].start_at, zone), given_on))
            hard += policy.pair_day_cost * off if dose.role == "pair" else 0
            soft += policy.booster_day_cost * off if dose.role == "booster" else 0
    return hard, soft


def _given(facts: Facts, course: PlannedCourse | None) -> dict[int, Activity]:
    listed = () if course is None else course.activities
    return {one.dose: one for one in listed if one.kind == facts.protocol.administration and one.dose is not None}


def _cold_hours(facts: Facts, course: PlannedCourse | None, dose: int, given_at: datetime) -> int:
    life = facts.protocol.shelf_life
    start = None if life is None or course is None else _at(course, life.from_ref, dose)
    return 0 if start is None else (given_at - start) // timedelta(hours=1)


def _at(course: PlannedCourse, ref: StepRef, dose: int) -> datetime | None:
    found = course.find(ref.kind, dose)
    if found is None:
        return None
    return found.start_at if ref.edge == "start" else found.end_at
