"""The view of one site: its own visits, and nothing that could tell what a dose contains (docs/domain.md section 4).

It is made in two steps. `share_of` is the only function that looks at the plan; it hands over the site's own visits,
when each unit arrives and until when it may be given. `site_view` works from that share, the protocol and the
network: it never receives an arm, a lot, a weight, a plant's activity or a reason the plant gave.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.domain.audience import NeutralReason
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Plan
from scheduler.domain.protocol import Protocol, Window
from scheduler.domain.rules_context import Judged, JudgedCourse, Occurrence

SITE_VIEW_FORMAT = "marrowline-site-view/1"


@dataclass(frozen=True)
class SiteStep:
    """One step a patient attends; `name` tells a follow-up visit, `dose` the dose a step belongs to."""

    id: str
    patient: str
    kind: str
    dose: int | None
    name: str | None
    start_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class Delivery:
    """When the unit of a dose reaches the site, and by when the dose must have been given (end of shelf life)."""

    arrives_at: datetime | None
    give_by: datetime | None


@dataclass(frozen=True)
class SiteShare:
    """What leaves the plan for one site.

    `registered_on` maps the site's patients to their registration day, `deliveries` is keyed by patient and dose,
    `unplanned` lists patient and dose (None for a follow-up visit) without the plan's reasons.
    """

    program: str
    site: str
    registered_on: dict[str, date]
    steps: tuple[SiteStep, ...]
    deliveries: dict[tuple[str, int], Delivery]
    unplanned: tuple[tuple[str, int | None], ...]


def share_of(plan: Plan, facts: Facts, site: str) -> SiteShare:
    """Take out of a plan what one site may see; BadInput when the program has no such site."""
    known = [place.code for place in facts.network.sites]
    if site not in known:
        raise BadInput(
            "audience", "site", f"program {facts.program} has no site {site!r}", f"Sites: {', '.join(known)}"
        )
    courses = [course for course in Judged.of(plan, facts).courses if course.patient.site == site]
    patients = {course.patient.id: course.patient.registered_on for course in courses}
    return SiteShare(
        program=plan.program,
        site=site,
        registered_on=patients,
        steps=tuple(_site_step(one) for course in courses for one in course.occurrences if one.step.attended),
        deliveries={key: delivery for course in courses for key, delivery in _deliveries(course, facts.protocol)},
        unplanned=tuple((one.patient, one.dose) for one in plan.unplanned if one.patient in patients),
    )


def _site_step(one: Occurrence) -> SiteStep:
    activity = one.activity
    name = activity.id.split("/")[1] if activity.kind == FOLLOW_UP else None
    return SiteStep(activity.id, one.patient.id, activity.kind, activity.dose, name, activity.start_at, activity.end_at)


def _deliveries(course: JudgedCourse, protocol: Protocol) -> Iterator[tuple[tuple[str, int], Delivery]]:
    inbound = [step.kind for step in protocol.steps if step.is_transit and step.to_side == "site"]
    for dose in sorted(course.doses_planned):
        transits = [found for kind in inbound if (found := course.find(kind, dose))]
        arrives_at = max((one.end_at for one in transits), default=None)
        yield (course.patient.id, dose), Delivery(arrives_at, _give_by(course, protocol, dose))


def _give_by(course: JudgedCourse, protocol: Protocol, dose: int) -> datetime | None:
    limit = protocol.shelf_life
    begins = limit and course.resolve(limit.from_ref, dose)
    if limit is None or limit.at_most_minutes is None or not begins:
        return None
    return begins.at(limit.from_ref.edge) + timedelta(minutes=limit.at_most_minutes)


def site_view(share: SiteShare, protocol: Protocol, network: Network, max_wait_days: int) -> str:
    """The blinded view as JSON text: visits by day, then what could not be planned, each with a neutral reason."""
    view = _View(share, protocol, network, max_wait_days)
    document = {
        "format": SITE_VIEW_FORMAT,
        "program": share.program,
        "audience": f"site:{share.site}",
        "time_zone": network.place(share.site).zone,
        "visits": view.visits(),
        "unplanned": view.unplanned(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class _View:
    share: SiteShare
    protocol: Protocol
    network: Network
    max_wait_days: int

    def visits(self) -> list[dict[str, Any]]:
        """All steps of one patient on one local day make one visit."""
        steps = sorted(self.share.steps, key=lambda one: (self._day(one), one.patient, one.start_at, one.id))
        days = groupby(steps, key=lambda one: (self._day(one), one.patient))
        return [self._visit(day, patient, list(group)) for (day, patient), group in days]

    def _visit(self, day: date, patient: str, steps: list[SiteStep]) -> dict[str, Any]:
        dose = next((one.dose for one in steps if one.kind == self.protocol.administration), None)
        delivery = self.share.deliveries.get((patient, dose)) if dose is not None else None
        return {
            "visit": visit_id(self.share.program, steps[0].id),
            "patient": patient,
            "on": day.isoformat(),
            "steps": [self._step(one) for one in steps],
            "window": self._window(patient, dose, steps),
            "arrives_at": self._clock(delivery.arrives_at if delivery else None),
            "give_by": self._clock(delivery.give_by if delivery else None),
            "status": "planned",
            "reason": None,
        }

    def _step(self, one: SiteStep) -> dict[str, Any]:
        named = {"name": one.name} if one.name else {"dose": one.dose}
        return {"kind": one.kind, **named, "start": self._clock(one.start_at), "end": self._clock(one.end_at)}

    def unplanned(self) -> list[dict[str, Any]]:
        return [
            {
                "visit": visit_id(self.share.program, f"{patient}/{dose}"),
                "patient": patient,
                "dose": dose,
                "status": "unplanned",
                "reason": self._reason(patient, dose),
            }
            for patient, dose in self.share.unplanned
        ]

    def _reason(self, patient: str, dose: int | None) -> NeutralReason:
        """Worked out from the site's and the couriers' calendars alone, whatever the plan's own reason was."""
        if dose is None:
            return "site"
        days = self._allowed_days(patient, dose)
        if days and not any(self._site_open(day) for day in days):
            return "site"
        if days and not any(self._courier_arrives(day) for day in days):
            return "logistics"
        return "supply"

    def _allowed_days(self, patient: str, dose: int) -> list[date]:
        """The local days on which a dose may be given; empty when its anchor is not planned either."""
        spec = self.protocol.dose(dose)
        if spec.anchor is None or spec.window is None:
            first = self.share.registered_on[patient]
            return _days(first + timedelta(days=self.protocol.registration.earliest_days), self.max_wait_days)
        anchor_on = self._given_on(patient, spec.anchor)
        if anchor_on is None:
            return []
        first = spec.window.target_on(anchor_on) + timedelta(days=spec.window.earliest_days)
        return _days(first, spec.window.latest_days - spec.window.earliest_days)

    def _site_open(self, day: date) -> bool:
        uses = self.protocol.step(self.protocol.administration).uses
        return all(self.network.calendar(self.share.site, use.resource).open_on(day) for use in uses)

    def _courier_arrives(self, day: date) -> bool:
        """Whether a courier reaches the site on the day or the day before."""
        lanes = [lane for lane in self.network.lanes if lane.to_place == self.share.site]
        runs = (self.network.departures_on(lane, day - timedelta(days=back)) for lane in lanes for back in (0, 1))
        return any(runs)

    def _window(self, patient: str, dose: int | None, steps: list[SiteStep]) -> dict[str, str] | None:
        if dose is not None:
            spec = self.protocol.dose(dose)
            anchor_on = None if spec.anchor is None else self._given_on(patient, spec.anchor)
            return _dated(spec.window, anchor_on)
        visit = next((one for one in self.protocol.follow_ups if one.name == steps[0].name), None)
        if visit is None:
            return None
        registered_on = self.share.registered_on[patient]
        return _dated(visit.window, registered_on if visit.anchor is None else self._given_on(patient, visit.anchor))

    def _given_on(self, patient: str, dose: int) -> date | None:
        wanted = (patient, self.protocol.administration, dose)
        given = (one for one in self.share.steps if (one.patient, one.kind, one.dose) == wanted)
        return next((self._day(one) for one in given), None)

    def _day(self, one: SiteStep) -> date:
        return local_date(one.start_at, self.network.place(self.share.site).zone)

    def _clock(self, instant: datetime | None) -> str | None:
        zone = ZoneInfo(self.network.place(self.share.site).zone)
        return None if instant is None else instant.astimezone(zone).isoformat()


def visit_id(program: str, key: str) -> str:
    """An opaque, stable id: it shows neither sequence nor contents, and stays when the visit moves."""
    return "V-" + hashlib.sha256(f"{program}/{key}".encode()).hexdigest()[:12]


def _days(first: date, more: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(more + 1)]


def _dated(window: Window | None, anchor_on: date | None) -> dict[str, str] | None:
    if window is None or anchor_on is None:
        return None
    target = window.target_on(anchor_on)
    edges = {"earliest": window.earliest_days, "target": 0, "latest": window.latest_days}
    return {name: (target + timedelta(days=days)).isoformat() for name, days in edges.items()}
