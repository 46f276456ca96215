"""What each audience is shown of a course, an offer, a visit or a shipment.

A blinded view is made in two steps, as `scheduler.documents.blinded` makes its file. `share_of` alone looks at a whole
course; it hands over the visits, when each dose arrives and until when it may be given. `visits_of` works from that
share, the protocol and the site's time zone: it never receives a plant's activity, a lot, an arm, a weight or a cost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.booking.words import visit_texts
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import Protocol, Window
from scheduler.domain.rules_context import JudgedCourse, judged_course
from scheduler.persistence.mapping import course_of
from scheduler.persistence.tables import ActivityRow, CourseRow, PatientRow, VisitRow

COLD = (2, 8)
COOL = (2, 25)
"""Degrees Celsius a shipment is kept at: finished doses, and what comes from the patient (docs/domain.md section 2)."""


@dataclass(frozen=True)
class WindowView:
    """The local dates on which a visit is allowed, and the one it should be on."""

    earliest: date
    target: date
    latest: date


@dataclass(frozen=True)
class Arrival:
    """When a dose reaches the site as planned, and when the pharmacy has checked it."""

    planned_at: datetime
    checked_at: datetime


@dataclass(frozen=True)
class Texts:
    """The same sentence in English and Korean."""

    en: str
    ko: str


@dataclass(frozen=True)
class OfferedVisit:
    """One attended step. Instants carry the offset of the site's time zone; `on` is the local date.

    `dose` is null for visits that belong to no single dose, `name` is set for follow-up visits. `arrives_at` and
    `give_by` are set where the dose is given: when it comes, and the end of its shelf life.
    """

    id: str
    patient: str
    site: str
    kind: str
    dose: int | None
    name: str | None
    on: date
    start_at: datetime
    end_at: datetime
    window: WindowView | None
    arrives_at: Arrival | None
    give_by: datetime | None
    text: Texts


@dataclass(frozen=True)
class VisitView(OfferedVisit):
    """A booked visit and how it stands.

    `reason` says why it is not as it first was: supply, site, patient or logistics. `confirmed` is whether the
    patient knows this date, `told` whether the latest change was told.
    """

    status: str
    reason: str | None
    performed_at: datetime | None
    confirmed: bool
    told: bool
    version: int


@dataclass(frozen=True)
class PlantStep:
    """One step of a course with its units; what was done stands beside what was planned."""

    id: str
    kind: str
    dose: int | None
    place: str
    units: Mapping[str, str]
    start_at: datetime
    end_at: datetime
    lane: str | None
    volume_ml: float | None
    syringes: int | None
    status: str
    actual_start_at: datetime | None
    actual_end_at: datetime | None
    version: int | None


@dataclass(frozen=True)
class Shipment:
    """One transit as a courier sees it: nothing of contents or patient. Temperatures in degrees Celsius."""

    id: str
    lane: str | None
    from_place: str
    to_place: str
    hand_over_by: datetime
    pick_up_at: datetime
    drop_at: datetime
    box: str | None
    at_least_celsius: int
    at_most_celsius: int
    status: str


# --- the share: what leaves a course for its site -----------------------------------------------------------------


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
    """One attended step; `anchor_on` is the local date that windows of later visits count from."""

    id: str
    kind: str
    dose: int | None
    name: str | None
    start_at: datetime
    end_at: datetime
    anchor_on: date
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
    shared = (
        _shared(planned[one.id], one.activity, zone, visits.get(one.id), rows.get(one.id))
        for one in judged.occurrences
        if one.step.attended
    )
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
    inbound = [step.kind for step in protocol.steps if step.is_transit and step.to_side == "site"]
    checks = [
        step.kind
        for step in protocol.steps
        if step.side == step.to_side == "site" and not step.attended and set(inbound) & set(step.after)
    ]
    for dose in sorted(course.doses_planned):
        arrived = max((one.end_at for kind in inbound if (one := course.find(kind, dose))), default=None)
        checked = max((one.end_at for kind in checks if (one := course.find(kind, dose))), default=arrived)
        if arrived is not None and checked is not None:
            yield dose, Arrival(arrived, checked)


def _last_moments(course: JudgedCourse, protocol: Protocol) -> Iterator[tuple[int, datetime]]:
    limit = protocol.shelf_life
    if limit is None or limit.at_most_minutes is None:
        return
    for dose in sorted(course.doses_planned):
        begins = course.resolve(limit.from_ref, dose)
        if begins is not None:
            yield dose, begins.at(limit.from_ref.edge) + timedelta(minutes=limit.at_most_minutes)


# --- what a site is shown, made from the share alone ----------------------------------------------------------------


def offered_visits(share: Share, protocol: Protocol, zone: str) -> list[OfferedVisit]:
    """The visits of an offer, ascending by start."""
    return [_offered(share, one, protocol, zone) for one in share.visits]


def booked_visits(share: Share, protocol: Protocol, zone: str) -> list[VisitView]:
    """The visits of a booked course, ascending by start."""
    return [
        VisitView(**vars(_offered(share, one, protocol, zone)), **vars(_in_zone(one.standing, zone)))
        for one in share.visits
        if one.standing is not None
    ]


def _in_zone(standing: Standing, zone: str) -> Standing:
    at = standing.performed_at
    return replace(standing, performed_at=None if at is None else at.astimezone(ZoneInfo(zone)))


def _offered(share: Share, one: SharedVisit, protocol: Protocol, zone: str) -> OfferedVisit:
    there = ZoneInfo(zone)
    given = one.dose is not None and one.kind == protocol.administration and not _is_off(one)
    arrival = share.arrivals.get(one.dose) if given and one.dose is not None else None
    give_by = share.give_by.get(one.dose) if given and one.dose is not None else None
    start_at, end_at = one.start_at.astimezone(there), one.end_at.astimezone(there)
    if arrival is not None:
        arrival = Arrival(arrival.planned_at.astimezone(there), arrival.checked_at.astimezone(there))
    if give_by is not None:
        give_by = give_by.astimezone(there)
    arrives_at = None if arrival is None else arrival.planned_at
    en, ko = visit_texts(one.kind, one.dose, one.name, start_at, end_at, zone, arrives_at, give_by)
    return OfferedVisit(
        id=one.id,
        patient=share.patient,
        site=share.site,
        kind=one.kind,
        dose=one.dose,
        name=one.name,
        on=start_at.date(),
        start_at=start_at,
        end_at=end_at,
        window=_window(share, one, protocol),
        arrives_at=arrival,
        give_by=give_by,
        text=Texts(en, ko),
    )


def _is_off(one: SharedVisit) -> bool:
    return one.standing is not None and one.standing.status == "cancelled"


def _window(share: Share, one: SharedVisit, protocol: Protocol) -> WindowView | None:
    if one.dose is not None and one.kind == protocol.administration:
        dose = protocol.dose(one.dose)
        return _dated(dose.window, None if dose.anchor is None else _given_on(share, protocol, dose.anchor))
    follow_up = next((each for each in protocol.follow_ups if each.name == one.name), None)
    if follow_up is None:
        return None
    anchor = follow_up.anchor
    return _dated(follow_up.window, share.registered_on if anchor is None else _given_on(share, protocol, anchor))


def _given_on(share: Share, protocol: Protocol, dose: int) -> date | None:
    given = (one.anchor_on for one in share.visits if (one.kind, one.dose) == (protocol.administration, dose))
    return next(given, None)


def _dated(window: Window | None, anchor_on: date | None) -> WindowView | None:
    if window is None or anchor_on is None:
        return None
    target = window.target_on(anchor_on)
    return WindowView(
        target + timedelta(days=window.earliest_days), target, target + timedelta(days=window.latest_days)
    )


# --- what the plant and the couriers are shown ------------------------------------------------------------------------


def plant_steps(facts: Facts, activities: Iterable[Activity]) -> list[PlantStep]:
    """The steps of an offered course."""
    return [_plant_step(facts, one, None) for one in activities]


def booked_steps(facts: Facts, booked: Booked) -> list[PlantStep]:
    """The steps of a booked course, with what was done."""
    rows = {row.id: row for row in booked.activities}
    return [_plant_step(facts, one, rows[one.id]) for one in booked.planned().activities]


def _plant_step(facts: Facts, one: Activity, row: ActivityRow | None) -> PlantStep:
    zone = ZoneInfo(facts.network.place(one.place).zone)
    done = (None, None) if row is None else (row.actual_start_at, row.actual_end_at)
    started, ended = (None if at is None else at.astimezone(zone) for at in done)
    return PlantStep(
        id=one.id,
        kind=one.kind,
        dose=one.dose,
        place=one.place,
        units=dict(one.units),
        start_at=one.start_at.astimezone(zone),
        end_at=one.end_at.astimezone(zone),
        lane=one.lane,
        volume_ml=one.volume_ml,
        syringes=one.syringes,
        status="offered" if row is None else row.status,
        actual_start_at=started,
        actual_end_at=ended,
        version=None if row is None else row.version,
    )


def shipment_id(coi: str, activity: str) -> str:
    """An opaque id. It is made with the chain-of-identity id, which no courier knows, so that study ids cannot be
    tried until one fits.
    """
    return "S-" + hashlib.sha256(f"{coi}/{activity}".encode()).hexdigest()[:16]


def shipment(facts: Facts, row: ActivityRow, course: CourseRow, pack: ActivityRow | None) -> Shipment:
    """A transit for those who carry it; `pack` is the step in which its box was packed, where it has one."""
    step = facts.protocol.step(row.kind)
    lane = None if row.lane is None else facts.network.lane(row.lane)
    to_place = course.site if step.to_side == "site" else course.plant or ""
    from_zone, to_zone = (ZoneInfo(facts.network.place(code).zone) for code in (row.place, to_place))
    at_least, at_most = COLD if step.to_side == "site" else COOL
    ahead = timedelta(minutes=0 if lane is None else lane.handover_minutes)
    return Shipment(
        id=shipment_id(course.coi, row.id),
        lane=row.lane,
        from_place=row.place,
        to_place=to_place,
        hand_over_by=(row.start_at - ahead).astimezone(from_zone),
        pick_up_at=row.start_at.astimezone(from_zone),
        drop_at=row.end_at.astimezone(to_zone),
        box=None if pack is None else json.loads(pack.units).get("shipper"),
        at_least_celsius=at_least,
        at_most_celsius=at_most,
        status=row.status,
    )
