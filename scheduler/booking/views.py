"""What each audience is shown of a course, an offer, a visit or a shipment.

What a site is shown is made from its `shares.Share`, the protocol and the site's time zone: nothing here that serves
a blinded reader ever receives a plant's activity, a lot, an arm, a weight or a cost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.booking.shares import Arrival, Booked, Share, SharedVisit, Standing
from scheduler.booking.words import no_longer, visit_texts
from scheduler.domain.course import Facts
from scheduler.domain.plan import Activity
from scheduler.domain.protocol import Protocol, Window
from scheduler.persistence.mapping import activity_of
from scheduler.persistence.tables import ActivityRow, CourseRow


@dataclass(frozen=True)
class WindowView:
    """The local dates on which a visit is allowed, and the one it should be on."""

    earliest: date
    target: date
    latest: date


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

    `status` is planned, performed, late, failed or cancelled; or open, when the date and times are those last told,
    which no longer hold, and new ones follow. `reason` says why it is not as it first was: supply, site, patient or
    logistics. `confirmed` is whether the patient knows this date, `told` whether the latest change was told.
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
    at_least_celsius: float | None
    at_most_celsius: float | None
    status: str


# --- what a site is shown, made from the share alone ----------------------------------------------------------------


def offered_visits(share: Share, protocol: Protocol, zone: str) -> list[OfferedVisit]:
    """The visits of an offer, ascending by start."""
    return [OfferedVisit(**_known(share, one, protocol, zone)) for one in share.visits]


def booked_visits(share: Share, protocol: Protocol, zone: str) -> list[VisitView]:
    """The visits of a booked course, ascending by start."""
    return [
        VisitView(**_known(share, one, protocol, zone), **vars(_in_zone(one.standing, zone)))
        for one in share.visits
        if one.standing is not None
    ]


def _in_zone(standing: Standing, zone: str) -> Standing:
    at = standing.performed_at
    return standing if at is None else replace(standing, performed_at=at.astimezone(ZoneInfo(zone)))


def _known(share: Share, one: SharedVisit, protocol: Protocol, zone: str) -> dict[str, Any]:
    """The fields of an `OfferedVisit`."""
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
    if _is_open(one):
        en, ko = no_longer(en, ko)
    return {
        "id": one.id,
        "patient": share.patient,
        "site": share.site,
        "kind": one.kind,
        "dose": one.dose,
        "name": one.name,
        "on": start_at.date(),
        "start_at": start_at,
        "end_at": end_at,
        "window": _window(share, one, protocol),
        "arrives_at": arrival,
        "give_by": give_by,
        "text": Texts(en, ko),
    }


def _is_off(one: SharedVisit) -> bool:
    return one.standing is not None and one.standing.status in ("cancelled", "open")


def _is_open(one: SharedVisit) -> bool:
    return one.standing is not None and one.standing.status == "open"


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
    """The steps of a booked course, with what was done; last those that wait for a time, with their void ones."""
    rows = {row.id: row for row in booked.activities}
    planned = [_plant_step(facts, one, rows[one.id]) for one in booked.planned().activities]
    return planned + [_plant_step(facts, activity_of(row), row) for row in booked.activities if row.status == "open"]


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
    kept_at = facts.protocol.temperatures_on(step)
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
        at_least_celsius=None if kept_at is None else kept_at.at_least,
        at_most_celsius=None if kept_at is None else kept_at.at_most,
        status=row.status,
    )
