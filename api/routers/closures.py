"""Closures: what does not work for a while, and whom it hits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.bookings import AT_SITE, visit_views
from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.revisions import etag, optional_version
from api.schemas import Code, Incoming, Instant, Kind, OpaqueId, Outgoing, Reason, UnitName
from scheduler.booking.closures import DECLARERS, declare, listed, shown, withdraw
from scheduler.booking.views import VisitView
from scheduler.domain.audience import Role
from scheduler.persistence.tables import ClosureRow

router = APIRouter(prefix="/v1", tags=["closures"])

READERS = (*AT_SITE, Role.PLANNER, Role.QA, Role.AUDITOR, Role.ADMIN)


class NewClosure(Incoming):
    """A place, a kind of resource, one `unit` of it, or a courier lane that does not work until `end_at`."""

    where: Code
    resource: Kind | None = None
    unit: UnitName | None = None
    start_at: Instant
    end_at: Instant
    reason: Reason


class ClosureView(Outgoing):
    """A declared closure; `withdrawn_at` is set once it was taken back."""

    id: OpaqueId
    where: Code
    resource: str | None
    unit: str | None
    start_at: datetime
    end_at: datetime
    reason: str
    declared_at: datetime
    declared_by: str
    withdrawn_at: datetime | None
    version: int


class Declared(Outgoing):
    """A new closure and the planned visits that cannot stay as they are. Nothing has moved yet."""

    closure: ClosureView
    visits: list[VisitView]


class Closures(Outgoing):
    """The closures in force, by start."""

    items: list[ClosureView]


@router.post(
    "/closures",
    operation_id="declare_closure",
    summary="Declare a closure",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*DECLARERS)), Idempotent],
)
def declare_closure(body: NewClosure, caller: CurrentCaller, response: Response) -> Declared:
    """From now on nothing is offered there. The answer lists the visits it hits; move them one by one."""
    with caller.begin() as work:
        facts = caller.facts(work)
        done = declare(
            work,
            caller.service.board,
            where=body.where,
            resource=body.resource,
            unit=body.unit,
            start_at=body.start_at,
            end_at=body.end_at,
            reason=body.reason,
        )
        work.session.flush()
        hit = visit_views(work, facts, done.visits)
        work.commit()
    response.headers["Location"] = f"/v1/closures/{done.closure.id}"
    response.headers["ETag"] = etag(done.closure.version)
    return Declared(closure=_view(done.closure), visits=hit)


@router.get(
    "/closures",
    operation_id="list_closures",
    summary="Closures",
    dependencies=[Depends(require(*READERS))],
)
def list_closures(caller: CurrentCaller) -> Closures:
    """The closures in force that concern the caller."""
    with caller.look("closures") as work:
        rows = listed(work)
    return Closures(items=[_view(row) for row in rows])


@router.get(
    "/closures/{closure}",
    operation_id="show_closure",
    summary="One closure",
    responses=responses(404),
    dependencies=[Depends(require(*READERS))],
)
def show_closure(closure: OpaqueId, caller: CurrentCaller, response: Response) -> ClosureView:
    """A closure with the ETag of its present version, also after it was withdrawn."""
    with caller.look(closure) as work:
        row = shown(work, closure)
    response.headers["ETag"] = etag(row.version)
    return _view(row)


@router.delete(
    "/closures/{closure}",
    operation_id="withdraw_closure",
    summary="Withdraw a closure",
    status_code=204,
    responses=responses(404, 409, 412),
    dependencies=[Depends(require(*DECLARERS))],
)
def withdraw_closure(
    closure: OpaqueId, caller: CurrentCaller, version: Annotated[int | None, Depends(optional_version)]
) -> None:
    """From now on it is as if it had never been declared. Its record stays."""
    with caller.begin() as work:
        withdraw(work, closure, expected_version=version)
        work.commit()


def _view(row: ClosureRow) -> ClosureView:
    return ClosureView(**row.model_dump())
