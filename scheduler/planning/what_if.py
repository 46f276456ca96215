"""What the plan in force would become under other facts: repaired, and with everybody who waits for a course in it.

Pure: courses and facts in, an outlook out. Nothing here is ever published, held or booked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from scheduler.domain.cost import cost_of
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, doses_of, follow_up_id
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan, PlannedCourse, Unplanned
from scheduler.domain.what_if import WHERE
from scheduler.planning.bench import Bench
from scheduler.planning.desk import Desk
from scheduler.planning.repair import Repaired, Standing, repair
from scheduler.planning.seats import NoSeat
from scheduler.planning.wanted import Wanted

NO_COURSE = "no complete course is free within the wait that the policy allows"
REPAIR_SHARE = 0.6  # of the time, for the repair where others wait for a course


@dataclass(frozen=True)
class Outlook:
    """A plan in force as it would be.

    Attributes
    ----------
    plan
        The repaired courses, and those of waiting patients as if they were booked one after the other, in the order of
        registration; nothing is proven of its cost.
    waiting
        The waiting patients who were looked after; others fell to the time limit.
    is_proven
        Whether no repair of what the facts break keeps more doses, and none that keeps as many moves less.
    stuck
        How often a step that may no longer move breaks a rule.
    cut_short
        Whether more time could have helped.
    """

    plan: Plan
    waiting: tuple[str, ...]
    is_proven: bool
    stuck: int
    cut_short: bool


def outlooks(
    sides: Sequence[tuple[Facts, tuple[Standing, ...]]], waiting: Sequence[Patient], now: datetime, seconds: float
) -> list[Outlook]:
    """The outlook of each of some facts, one after the other, each in an equal share of the time."""
    until = time.monotonic() + seconds
    found: list[Outlook] = []
    for facts, standings in sides:
        share = (until - time.monotonic()) / (len(sides) - len(found))
        found.append(outlook(facts, standings, waiting, now, max(share, 0.0)))
    return found


def outlook(
    facts: Facts, standings: Sequence[Standing], waiting: Sequence[Patient], now: datetime, seconds: float
) -> Outlook:
    """What becomes of the courses in force under these facts, and of those who wait.

    Parameters
    ----------
    facts
        The program with whatever shall be different; its patients are disregarded.
    now
        The aware instant from which on things may change; nothing begins before the plant's fence from then on.
    seconds
        When to stop looking for something better; a first repair is always made.
    """
    until = time.monotonic() + seconds
    share = seconds * (REPAIR_SHARE if waiting else 1)
    repaired = repair(facts, standings, now, seconds=share)
    in_time = repaired.is_proven or time.monotonic() < until - (seconds - share)
    people = sorted(waiting, key=lambda one: (one.registered_on, one.id))
    served = _served(facts, repaired, people, now, until)
    tried = people[: len(served)]
    everybody = replace(facts, patients=tuple([one.patient for one in standings] + tried))
    return Outlook(
        _whole_plan(everybody, repaired, dict(zip(tried, served, strict=True))),
        tuple(one.id for one in tried),
        repaired.is_proven,
        len(repaired.stuck),
        not in_time or len(tried) < len(people),
    )


def _served(
    facts: Facts, repaired: Repaired, people: Sequence[Patient], now: datetime, until: float
) -> list[PlannedCourse | None]:
    """The cheapest course of each who waits, in order, as long as there is time; None where there is none."""
    if not people:
        return []
    bench = _bench(facts, [*people, *(_patient_of(one) for one in repaired.plan.courses)], now)
    for course in repaired.plan.courses:
        bench.put(course)
    wanted = Wanted(now + timedelta(days=facts.policy.plant_fence_days), count=1)
    served: list[PlannedCourse | None] = []
    for patient in people:
        if time.monotonic() > until:
            break
        found = bench.desk.find(patient, wanted)
        if found:
            bench.put(found[0].course, found[0].seating)
        served.append(found[0].course if found else None)
    return served


def _whole_plan(facts: Facts, repaired: Repaired, served: dict[Patient, PlannedCourse | None]) -> Plan:
    lost = tuple(
        Unplanned(patient.id, dose, (NO_COURSE,))
        for patient, course in served.items()
        if course is None
        for dose in doses_of(facts.protocol, facts.arm_of(patient.id))
    )
    nothing = {one: PlannedCourse(one.id, one.site, None, one.registered_on, one.weight_kg, ()) for one in served}
    courses = (*repaired.plan.courses, *(course or nothing[patient] for patient, course in served.items()))
    plan = replace(repaired.plan, courses=courses, unplanned=(*repaired.plan.unplanned, *lost))
    return replace(plan, cost=cost_of(plan, facts))


# --- fewer units ------------------------------------------------------------------------------------------------------


def fitting(facts: Facts, standings: Sequence[Standing], now: datetime) -> tuple[Standing, ...]:
    """The same courses, without the last doses of those for whom too few units are left; a repair looks for them anew.

    Who was registered first keeps first. What is done or too near to move always stays.

    Raises
    ------
    BadInput
        When there are fewer units than what stays needs at one moment.
    """
    bench = _bench(facts, [one.patient for one in standings], now)
    for one in standings:
        _lay_fixed(bench, one)
    kept = {}
    for one in sorted(standings, key=lambda each: (each.patient.registered_on, each.patient.id)):
        bench.take(one.patient.id)
        kept[one.patient.id] = replace(one, course=_longest(bench, facts, one))
    return tuple(kept[one.patient.id] for one in standings)


def _lay_fixed(bench: Bench, standing: Standing) -> None:
    try:
        bench.put(_only(standing.course, standing.fixed))
    except NoSeat as full:
        need = full.need
        problem = f"{need.place} would have too few {need.kind}: {need.activity} is under way or too near to move"
        raise BadInput(WHERE, "changes", problem, "Take fewer away, or ask again when it is over") from full


def _longest(bench: Bench, facts: Facts, standing: Standing) -> PlannedCourse:
    """As many doses of a course as there are units for, put down."""
    for course in _shorter(facts, standing):
        try:
            bench.put(course)
        except NoSeat:
            continue
        return course
    raise AssertionError("what cannot move had its place before")


def _shorter(facts: Facts, standing: Standing) -> Iterator[PlannedCourse]:
    """A course whole, then without its last dose that may move, and so on; at the end what may not move."""
    course = standing.course
    yield course
    doses = {one.dose for one in course.activities if one.dose is not None}
    gone: set[int] = set()
    for dose in sorted(doses, reverse=True)[:-1]:
        gone.add(dose)
        visits = {follow_up_id(course.patient, one.name) for one in facts.protocol.follow_ups if one.anchor in gone}
        yield _only(
            course,
            frozenset(
                one.id
                for one in course.activities
                if one.id in standing.fixed or not (one.dose in gone or (one.kind == FOLLOW_UP and one.id in visits))
            ),
        )
    yield _only(course, standing.fixed)


def _only(course: PlannedCourse, activities: frozenset[str]) -> PlannedCourse:
    return replace(course, activities=tuple(one for one in course.activities if one.id in activities))


def _bench(facts: Facts, people: Sequence[Patient], now: datetime) -> Bench:
    until: date = max([facts.starts_on, now.date(), *(one.registered_on for one in people)])
    return Bench(Desk(facts, until))


def _patient_of(course: PlannedCourse) -> Patient:
    return Patient(course.patient, course.site, course.registered_on, course.weight_kg)
