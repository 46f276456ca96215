"""What a plan costs: three integer levels, recomputed from the plan alone (docs/domain.md section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, doses_of
from scheduler.domain.plan import Activity, Levels, Plan, PlannedCourse
from scheduler.domain.protocol import StepRef


def cost_of(
    plan: Plan,
    facts: Facts,
    *,
    published: Plan | None = None,
    on: date | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> Levels:
    """The three levels of a plan's cost, to be compared lexicographically; all its instants must be aware.

    Level 1 is ``unplanned_dose_cost`` for each unplanned dose plus ``pair_day_cost`` for each day a pair is off its
    target. Level 2 is what changes against `published` (see `disturbance`), 0 on a first plan. Level 3 is
    ``waiting_day_cost`` for each day from registration to a first dose, ``booster_day_cost`` for each day a booster is
    off target and ``cold_hour_cost`` for each whole hour (rounded down, dose by dose) from the start of the shelf life
    to the start of the administration. Days are local days of the site. Source: docs/domain.md section 5.

    Parameters
    ----------
    published
        The plan patients were told, None for a first plan.
    on
        The day the change is told; needed with `published`, since notice is counted from it.
    confirmed
        Ids of published activities whose visit the patient has confirmed.
    """
    if published is not None and on is None:
        raise ValueError("the cost of a change needs the day it is told; pass on=")
    zones = {place.code: place.zone for place in facts.network.places}
    courses = {course.patient: course for course in plan.courses}
    level_1 = level_3 = 0
    for patient in facts.patients:
        hard, soft = _course_cost(facts, patient, courses.get(patient.id), zones.get(patient.site, "UTC"))
        level_1, level_3 = level_1 + hard, level_3 + soft
    changed = 0 if published is None or on is None else disturbance(plan, facts, published, on, confirmed).cost
    return level_1, changed, level_3


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


class Visit(NamedTuple):
    """The activities one patient attends on one local day at a site."""

    patient: str
    on: date
    start_at: datetime
    activities: tuple[str, ...]


@dataclass(frozen=True)
class Disturbance:
    """How far a plan departs from the published one: price and number of moved visits, number of retimed ones."""

    moved_cost: int
    moved: int
    retimed: int

    @property
    def cost(self) -> int:
        """Level 2: the price of the moved visits plus one for each retimed visit."""
        return self.moved_cost + self.retimed


def visits(plan: Plan, facts: Facts) -> list[Visit]:
    """Every visit of a plan: attended steps and follow-up visits, grouped by patient and local day."""
    zones = {place.code: place.zone for place in facts.network.places}
    found: list[Visit] = []
    for course in plan.courses:
        days: dict[date, list[Activity]] = {}
        for one in _attended(course, facts):
            days.setdefault(local_date(one.start_at, zones[one.place]), []).append(one)
        for on, listed in sorted(days.items()):
            start_at = min(one.start_at for one in listed)
            found.append(Visit(course.patient, on, start_at, tuple(one.id for one in listed)))
    return found


def _attended(course: PlannedCourse, facts: Facts) -> Iterator[Activity]:
    kinds = {step.kind for step in facts.protocol.steps if step.attended} | {FOLLOW_UP}
    return (one for one in course.activities if one.kind in kinds)


def disturbance(plan: Plan, facts: Facts, published: Plan, on: date, confirmed: frozenset[str]) -> Disturbance:
    """What a plan changes of the visits patients were told.

    A published visit is moved when an activity of it now falls on another local date or is no longer planned, and
    costs the confirmed or unconfirmed price times the factor of its notice: the days from `on` to its published date.
    It is retimed when its date stays and its start changes by ``retimed_minutes`` or more (docs/domain.md section 5).
    """
    now = {name: visit for visit in visits(plan, facts) for name in visit.activities}
    moved_cost = moved = retimed = 0
    for visit in visits(published, facts):
        after = [now.get(name) for name in visit.activities]
        kept = [one for one in after if one is not None and one.on == visit.on]
        if len(kept) < len(after):
            moved += 1
            moved_cost += _moved_cost(facts, visit, on, confirmed)
        elif abs(kept[0].start_at - visit.start_at) >= timedelta(minutes=facts.policy.retimed_minutes):
            retimed += 1
    return Disturbance(moved_cost, moved, retimed)


def _moved_cost(facts: Facts, visit: Visit, on: date, confirmed: frozenset[str]) -> int:
    policy = facts.policy
    told = not confirmed.isdisjoint(visit.activities)
    price = policy.confirmed_move_cost if told else policy.unconfirmed_move_cost
    notice_days = (visit.on - on).days
    if notice_days <= policy.near_notice_days:
        return price * policy.near_notice_factor
    return price * policy.notice_factor if notice_days <= policy.notice_days else price
