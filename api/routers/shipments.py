"""Shipments: what couriers carry, when and how cold; nothing of contents or patients."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.paging import Page, page_of
from api.routers.visits import Done, recorded
from api.schemas import Instant, OpaqueId, Outgoing
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.record import ON_THE_ROAD
from scheduler.booking.views import Shipment, shipment, shipment_id
from scheduler.domain.audience import Role
from scheduler.persistence import repositories
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["shipments"])

READERS = (Role.COURIER, Role.PLANNER, Role.QA, Role.AUDITOR)
LONGEST = timedelta(days=31)
AROUND = timedelta(days=14)
"""How far from its planned time a shipment may be recorded."""


class Shipments(Outgoing):
    """Shipments by pick-up."""

    items: list[Shipment]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class ShipmentRecorded(Outgoing):
    """A shipment as it is recorded now."""

    id: OpaqueId
    status: str
    actual_start_at: Instant
    actual_end_at: Instant


@router.get(
    "/shipments",
    operation_id="list_shipments",
    summary="Shipments",
    responses=responses(400, 409),
    dependencies=[Depends(require(*READERS))],
)
def list_shipments(
    response: Response,
    caller: CurrentCaller,
    page: Annotated[Page, Depends(page_of("shipments", str, str))],
    from_at: Annotated[Instant, Query(alias="from", description="The first instant of pick-up.")],
    to_at: Annotated[Instant, Query(alias="to", description="The end of the stretch, at most 31 days later.")],
) -> Shipments:
    """Everything picked up in a stretch of at most 31 days."""
    if not from_at < to_at <= from_at + LONGEST:
        raise Refused("stretch-unusable", 422, "to must lie after from, by 31 days at most.")
    with caller.look("shipments") as work:
        rows = _transits(caller, work, from_at, to_at)
        found = sorted(_views(caller, work, rows), key=_mark)
    after = page.after or ("", "")
    left = [one for one in found if _mark(one) > after]
    shown = left[: page.limit]
    more = _mark(shown[-1]) if len(left) > len(shown) else None
    return Shipments(items=shown, next=page.next(response, more))


@router.post(
    "/shipments/{shipment}/record",
    operation_id="record_shipment",
    summary="Record a transit",
    responses=responses(404, 409),
    dependencies=[Depends(require(*ON_THE_ROAD)), Idempotent],
)
def record_shipment(shipment: OpaqueId, body: Done, caller: CurrentCaller, response: Response) -> ShipmentRecorded:
    """Picked up and dropped, late or lost."""
    with caller.begin(write=False) as work:
        meant = transit_of(caller, work, shipment, body.start_at)
    done = recorded(caller, meant.id, body, response, None)
    return ShipmentRecorded(
        id=shipment, status=done.status, actual_start_at=done.actual_start_at, actual_end_at=done.actual_end_at
    )


def transit_of(caller: Caller, work: UnitOfWork, shipment: str, around: datetime) -> ActivityRow:
    """The transit behind the id of a shipment, of those planned near an instant; Refused 404 for none."""
    rows = _transits(caller, work, around - AROUND, around + AROUND)
    courses = repositories.courses_named(work.session, sorted({row.course for row in rows}))
    meant = [row for row in rows if shipment_id(courses[row.course].coi, row.id) == shipment]
    if not meant:
        raise not_found("shipment")
    return meant[0]


def _transits(caller: Caller, work: UnitOfWork, from_at: Instant, to_at: Instant) -> list[ActivityRow]:
    protocol = caller.facts(work).protocol
    kinds = [step.kind for step in protocol.steps if step.is_transit]
    return repositories.activities_of_kinds(work.session, kinds, from_at, to_at)


def _views(caller: Caller, work: UnitOfWork, rows: list[ActivityRow]) -> list[Shipment]:
    facts = caller.facts(work)
    names = sorted({row.course for row in rows})
    courses = repositories.courses_named(work.session, names)
    packed = {
        (one.course, one.dose): one
        for listed in repositories.activities_by_course(work.session, names).values()
        for one in listed
        if "shipper" in one.units
    }
    outbound = {step.kind for step in facts.protocol.steps if step.is_transit and step.to_side == "site"}
    return [
        shipment(facts, row, courses[row.course], packed.get((row.course, row.dose)) if row.kind in outbound else None)
        for row in rows
    ]


def _mark(one: Shipment) -> tuple[str, str]:
    return f"{int(one.pick_up_at.timestamp()):012d}", one.id
