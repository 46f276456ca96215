"""The share of a course that its site may see: the first of the two steps to a blinded view.

Only here is a whole course looked at. What leaves is visits, when each dose arrives and until when it may be given;
never a plant's activity, a lot, an arm, a weight or a cost. `views` makes everything a site is shown from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import Protocol
from scheduler.domain.rules_context import JudgedCourse, judged_course
from scheduler.persistence.mapping import UNPLACED, course_of
from scheduler.persistence.tables import ActivityRow, CourseRow, PatientRow, VisitRow


@dataclass(frozen=True)
class Arrival:
    """When a dose reaches the site as planned, and when the pharmacy has checked it."""

    planned_at: datetime
    checked_at: datetime


@dataclass(frozen=True)
class Standing:
    """How a booked visit stands, in words that are the same whatever a dose contains."""

    status: str
    reason: str | None
    performed_at: datetime | None
    confirmed: bool
    told: bool
    version: int


@dataclass(frozen=True)
class SharedVisit:
    """One attended step; `anchor_on` is the local date that windows of later visits count from, None while it has none.

    The times of a visit that is ``open``, or of a dose given up for good, are those last told, which no longer hold.
    """

    id: str
    kind: str
    dose: int | None
    name: str | None
    start_at: datetime
    end_at: datetime
    anchor_on: date | None
    standing: Standing | None


@dataclass(frozen=True)
class Share:
    """What leaves a course for its site. Arrivals and last moments of use are by dose."""

    patient: str
    site: str
    registered_on: date
    visits: tuple[SharedVisit, ...]
    arrivals: Mapping[int, Arrival]
    give_by: Mapping[int, datetime]


@dataclass(frozen=True)
class Booked:
    """A booked course with its rows."""

    patient: PatientRow
    course: CourseRow
    activities: list[ActivityRow] = field(default_factory=list)
    visits: list[VisitRow] = field(default_factory=list)

    def planned(self) -> PlannedCourse:
        """The course as it is planned."""
        who = Patient(self.patient.id, self.patient.site, self.patient.registered_on, self.patient.weight_kg)
        return course_of(who, self.course, self.activities)


def share_of(facts: Facts, course: PlannedCourse) -> Share:
    """Take out of an offered course what its site may see."""
    return _share(facts, course, {}, {})


def share_of_booked(facts: Facts, booked: Booked) -> Share:
    """Take out of a booked course what its site may see; what was done counts in the place of what was planned."""
    rows = {row.id: row for row in booked.activities}
    return _share(facts, booked.planned(), rows, {row.id: row for row in booked.visits})


def _share(
    facts: Facts, course: PlannedCourse, rows: Mapping[str, ActivityRow], visits: Mapping[str, VisitRow]
) -> Share:
    patient = Patient(course.patient, course.site, course.registered_on, course.weight_kg)
    blind = replace(facts, patients=(patient,), arms=None)
    done = replace(course, activities=tuple(_as_done(one, rows.get(one.id)) for one in course.activities))
    judged = judged_course(done, patient, blind)
    planned = {one.id: one for one in course.activities}
    zone = facts.network.place(course.site).zone
    shared = [
        _shared(planned[one.id], one.activity, zone, visits.get(one.id), rows.get(one.id))
        for one in judged.occurrences
        if one.step.attended
    ]
    shared += [_off(row, visits[row.id]) for row in rows.values() if row.status in UNPLACED and row.id in visits]
    return Share(
        patient=course.patient,
        site=course.site,
        registered_on=course.registered_on,
        visits=tuple(sorted(shared, key=lambda one: (one.start_at, one.id))),
        arrivals=dict(_arrivals(judged, blind.protocol)),
        give_by=dict(_last_moments(judged, blind.protocol)),
    )


def _as_done(one: Activity, row: ActivityRow | None) -> Activity:
    if row is None or row.actual_start_at is None or row.actual_end_at is None:
        return one
    return replace(one, start_at=row.actual_start_at, end_at=row.actual_end_at)


def _shared(
    planned: Activity, done: Activity, zone: str, visit: VisitRow | None, row: ActivityRow | None
) -> SharedVisit:
    return SharedVisit(
        id=planned.id,
        kind=planned.kind,
        dose=planned.dose,
        name=planned.id.split("/")[1] if planned.kind == FOLLOW_UP else None,
        start_at=planned.start_at,
        end_at=planned.end_at,
        anchor_on=local_date(done.start_at, zone),
        standing=None if visit is None else _standing(visit, row),
    )


def _off(row: ActivityRow, visit: VisitRow) -> SharedVisit:
    standing = _standing(visit, row)
    name = row.id.split("/")[1] if row.kind == FOLLOW_UP else None
    return SharedVisit(row.id, row.kind, row.dose, name, visit.start_at, visit.end_at, None, standing)


def _standing(visit: VisitRow, row: ActivityRow | None) -> Standing:
    return Standing(
        status=visit.status,
        reason=visit.reason,
        performed_at=None if row is None else row.actual_start_at,
        confirmed=visit.confirmed_at is not None,
        told=visit.told_version == visit.version,
        version=visit.version,
    )


def _arrivals(course: JudgedCourse, protocol: Protocol) -> Iterator[tuple[int, Arrival]]:
    inbound, checks = receiving_kinds(protocol)
    for dose in sorted(course.doses_planned):
        arrived = max((one.end_at for kind in inbound if (one := course.find(kind, dose))), default=None)
        checked = max((one.end_at for kind in checks if (one := course.find(kind, dose))), default=arrived)
        if arrived is not None and checked is not None:
            yield dose, Arrival(arrived, checked)


def receiving_kinds(protocol: Protocol) -> tuple[list[str], list[str]]:
    """The kinds of step by which a dose comes to the site, and those in which it is checked there."""
    inbound = [step.kind for step in protocol.steps if step.is_transit and step.to_side == "site"]
    checks = [
        step.kind
        for step in protocol.steps
        if step.side == step.to_side == "site" and not step.attended and set(inbound) & set(step.after)
    ]
    return inbound, checks


def shared_kinds(protocol: Protocol) -> frozenset[str]:
    """The kinds of step that a share is made from; activities of others need not even be read for one."""
    attended = {step.kind for step in protocol.steps if step.attended} | {FOLLOW_UP}
    begins = set() if protocol.shelf_life is None else {protocol.shelf_life.from_ref.kind}
    return frozenset(attended | begins | set().union(*receiving_kinds(protocol)))


def _last_moments(course: JudgedCourse, protocol: Protocol) -> Iterator[tuple[int, datetime]]:
    limit = protocol.shelf_life
    if limit is None or limit.at_most_minutes is None:
        return
    for dose in sorted(course.doses_planned):
        begins = course.resolve(limit.from_ref, dose)
        if begins is not None:
            yield dose, begins.at(limit.from_ref.edge) + timedelta(minutes=limit.at_most_minutes)
