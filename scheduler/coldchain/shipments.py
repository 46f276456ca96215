"""Shipments: who had what in hand, from the packing to the check at the other side, beside what was planned.

Each step is recorded by the side that does it, once and in order. What is told of a shipment is what a courier may
know: nothing of contents or patient.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from scheduler.booking.access import must_be
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.views import shipment_id
from scheduler.booking.weights import TOLERANCE
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts, activity_id
from scheduler.domain.protocol import Step
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables import ActivityRow, CourseRow
from scheduler.persistence.tables_coldchain import CustodyRow, LotRow
from scheduler.persistence.unit_of_work import UnitOfWork

CustodyStep = Literal["packed", "handed_over", "received", "checked"]
ORDER: tuple[CustodyStep, ...] = get_args(CustodyStep)
PLANT = frozenset({Role.PLANNER, Role.QA})
SITE = frozenset({Role.SITE_STAFF, Role.COORDINATOR, Role.PHARMACIST})
COURIER = frozenset({Role.COURIER})
CARRIERS = PLANT | SITE | COURIER
SHIPMENT_READERS = frozenset({Role.COURIER, Role.PLANNER, Role.QA, Role.PHARMACIST, Role.AUDITOR})
AROUND = timedelta(days=31)
"""How far from its planned time a shipment is found."""


@dataclass(frozen=True)
class Carried:
    """A shipment: the transit as planned, and for a dose the lot it carries."""

    row: ActivityRow
    step: Step
    course: CourseRow
    lot: LotRow | None

    @property
    def is_outbound(self) -> bool:
        return self.step.to_side == "site"


def shipment_for(work: UnitOfWork, facts: Facts, name: str) -> Carried:
    """A shipment by its opaque id, within 31 days of now; Refused 404 for one that is not the actor's to see."""
    transits = {one.kind: one for one in facts.protocol.steps if one.is_transit}
    rows = repositories.activities_of_kinds(work.session, list(transits), work.now - AROUND, work.now + AROUND)
    courses = repositories.courses_named(work.session, sorted({one.course for one in rows}))
    row = next((one for one in rows if shipment_id(courses[one.course].coi, one.id) == name), None)
    if row is None or not work.principal.may_see_site(courses[row.course].site):
        raise not_found("shipment")
    return Carried(row, transits[row.kind], courses[row.course], _lot(work, facts, row))


def shipment_told(work: UnitOfWork, facts: Facts, name: str) -> tuple[Carried, list[CustodyRow]]:
    """A shipment with its hand-overs; Refused 403 for other roles."""
    must_be(work.principal, SHIPMENT_READERS, "see a shipment")
    found = shipment_for(work, facts, name)
    return found, custody.custody_of(work.session, found.row.id, found.row.attempt)


def hand_over(
    work: UnitOfWork,
    facts: Facts,
    name: str,
    *,
    step: CustodyStep,
    from_holder: str,
    to_holder: str,
    place: str,
    happened_at: datetime,
    celsius: float | None = None,
) -> CustodyRow:
    """Record that a shipment was packed, handed over, received or checked. The caller commits.

    Parameters
    ----------
    from_holder, to_holder
        Who gave it and who has it now, by name or function.
    place
        Where, by code: one end of the transit.
    celsius
        What a thermometer showed there and then, if anybody looked.

    Raises
    ------
    Refused
        403 for a step that others record, 404 for an unknown shipment, 409 for a step that was recorded or whose step
        before is missing or lies later, 422 for a time to come or another place.
    """
    must_be(work.principal, CARRIERS, "record a hand-over")
    found = shipment_for(work, facts, name)
    _own_step(work, found, step)
    repositories.course(work.session, found.course.id, lock=True)  # two who hand over at once wait for each other
    if place not in (found.row.place, found.course.site if found.is_outbound else found.course.plant):
        raise Refused("place-unknown", 422, "place must be one end of the transit.")
    if happened_at > work.now + TOLERANCE:
        raise Refused("not-yet", 422, "What has not happened yet cannot be recorded. Check happened_at.")
    _in_order(custody.custody_of(work.session, found.row.id, found.row.attempt), step, happened_at)
    if found.is_outbound and found.lot is None:
        raise Refused("step-before-missing", 409, "The dose is not filled yet. Record the fill first.")
    row = CustodyRow(
        id=f"cus_{secrets.token_hex(10)}",
        activity=found.row.id,
        attempt=found.row.attempt,
        lot=None if found.lot is None else found.lot.id,
        step=step,
        from_holder=from_holder,
        to_holder=to_holder,
        place=place,
        celsius=celsius,
        happened_at=happened_at,
        recorded_at=work.now,
        recorded_by=work.principal.name,
    )
    custody.add(work.session, row)
    told = {"step": step, "from": from_holder, "to": to_holder, "place": place, "at": happened_at, "celsius": celsius}
    work.audit("shipment:handed_over", found.row.id, after=told)
    return row


def _lot(work: UnitOfWork, facts: Facts, row: ActivityRow) -> LotRow | None:
    """The lot that a transit to the site carries: that of the present attempt of its dose's fill."""
    filled = facts.protocol.filled_in
    if filled is None or row.dose is None or facts.protocol.step(row.kind).to_side != "site":
        return None
    fill = repositories.activity(work.session, activity_id(row.course, row.dose, filled))
    return None if fill is None else custody.lot_of(work.session, fill.id, fill.attempt)


def _own_step(work: UnitOfWork, found: Carried, step: CustodyStep) -> None:
    """Refused 403 for a step of the other side."""
    begins, ends = (PLANT, SITE) if found.is_outbound else (SITE, PLANT)
    allowed = {"packed": begins, "handed_over": begins | COURIER, "received": ends, "checked": ends}[step]
    must_be(work.principal, allowed, f"record {step.replace('_', ' ')} of this shipment")


def _in_order(known: list[CustodyRow], step: CustodyStep, happened_at: datetime) -> None:
    done = {one.step: one for one in known}
    if step in done:
        raise Refused("already-recorded", 409, "This step of the shipment is recorded already. What was said stays.")
    before = ORDER[: ORDER.index(step)]
    if before and before[-1] not in done:
        raise Refused("step-before-missing", 409, f"Record first that it was {before[-1].replace('_', ' ')}.")
    if any(done[one].happened_at > happened_at for one in before):
        raise Refused("out-of-order", 409, "The step before this one happened later. Check happened_at.")
