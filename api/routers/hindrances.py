"""Hindrances: what keeps one patient's steps from a while, and the visits that it hits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.bookings import AT_SITE, SEES_PLANT, visit_views
from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.revisions import etag, optional_version
from api.schemas import DoseNumber, Incoming, Instant, Kind, OpaqueId, Outgoing, PatientId, Reason
from scheduler.booking.hindrances import DECLARERS, declare, listed, shown, withdraw
from scheduler.booking.views import VisitView
from scheduler.domain.audience import Audience, NeutralReason, Principal, Role
from scheduler.persistence.mapping import kinds_of
from scheduler.persistence.tables import HindranceRow

router = APIRouter(prefix="/v1", tags=["hindrances"])

READERS = (*AT_SITE, Role.PLANNER, Role.QA, Role.AUDITOR, Role.ADMIN)
SEES_REASON = SEES_PLANT | {Audience.ADMIN}

Kinds = Annotated[
    list[Kind],
    Field(min_length=1, max_length=40, description="Kinds of step; leave it out to mean everything that is attended."),
]


class NewHindrance(Incoming):
    """Steps of one patient that cannot be done from `start_at` to `end_at`; "not before" has an early `start_at`."""

    patient: PatientId
    kinds: Kinds | None = None
    dose: DoseNumber | None = None
    start_at: Instant
    end_at: Instant
    reason: Reason
    neutral: NeutralReason | None = Field(
        default=None, description="What a blinded reader learns: patient unless stated, supply for steps of the plant."
    )


class HindranceView(Outgoing):
    """A declared hindrance of visits; `withdrawn_at` is set once it was taken back."""

    id: OpaqueId
    patient: PatientId
    kinds: list[str] | None
    dose: int | None
    start_at: datetime
    end_at: datetime
    neutral: NeutralReason
    declared_at: datetime
    withdrawn_at: datetime | None
    version: int


class PlantHindranceView(HindranceView):
    """A declared hindrance with who said why, which could be words about the plant."""

    reason: str
    declared_by: str


class DeclaredHindrance(Outgoing):
    """A new hindrance and the planned visits that cannot stay as they are. Nothing has moved yet."""

    hindrance: PlantHindranceView | HindranceView
    visits: list[VisitView]


class Hindrances(Outgoing):
    """The hindrances in force, by start."""

    items: list[PlantHindranceView | HindranceView]


@router.post(
    "/hindrances",
    operation_id="declare_hindrance",
    summary="Declare a hindrance",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*DECLARERS)), Idempotent],
)
def declare_hindrance(body: NewHindrance, caller: CurrentCaller, response: Response) -> DeclaredHindrance:
    """From now on none of these steps is offered then. The answer lists the visits it hits; move them one by one."""
    with caller.begin() as work:
        facts = caller.facts(work)
        done = declare(
            work,
            caller.service.board,
            patient=body.patient,
            kinds=None if body.kinds is None else tuple(body.kinds),
            dose=body.dose,
            start_at=body.start_at,
            end_at=body.end_at,
            reason=body.reason,
            neutral=body.neutral,
        )
        work.session.flush()
        hit = visit_views(work, facts, done.visits)
        work.commit()
    response.headers["Location"] = f"/v1/hindrances/{done.hindrance.id}"
    response.headers["ETag"] = etag(done.hindrance.version)
    return DeclaredHindrance(hindrance=_view(done.hindrance, caller.principal), visits=hit)


@router.get(
    "/hindrances",
    operation_id="list_hindrances",
    summary="Hindrances",
    dependencies=[Depends(require(*READERS))],
)
def list_hindrances(caller: CurrentCaller) -> Hindrances:
    """The hindrances in force that concern the caller: for a site, those of its patients' visits."""
    with caller.look("hindrances") as work:
        rows = listed(work, caller.service.board)
    return Hindrances(items=[_view(row, caller.principal) for row in rows])


@router.get(
    "/hindrances/{hindrance}",
    operation_id="show_hindrance",
    summary="One hindrance",
    responses=responses(404),
    dependencies=[Depends(require(*READERS))],
)
def show_hindrance(
    hindrance: OpaqueId, caller: CurrentCaller, response: Response
) -> PlantHindranceView | HindranceView:
    """A hindrance with the ETag of its present version, also after it was withdrawn."""
    with caller.look(hindrance) as work:
        row = shown(work, caller.service.board, hindrance)
    response.headers["ETag"] = etag(row.version)
    return _view(row, caller.principal)


@router.delete(
    "/hindrances/{hindrance}",
    operation_id="withdraw_hindrance",
    summary="Withdraw a hindrance",
    status_code=204,
    responses=responses(404, 409, 412),
    dependencies=[Depends(require(*DECLARERS))],
)
def withdraw_hindrance(
    hindrance: OpaqueId, caller: CurrentCaller, version: Annotated[int | None, Depends(optional_version)]
) -> None:
    """From now on it is as if it had never been declared. Its record stays."""
    with caller.begin() as work:
        withdraw(work, caller.service.board, hindrance, expected_version=version)
        work.commit()


def _view(row: HindranceRow, reader: Principal) -> PlantHindranceView | HindranceView:
    """A blinded reader learns of the reason only its one word: others may have written it."""
    known: dict[str, Any] = row.model_dump(exclude={"kinds", "reason", "declared_by"})
    kinds = kinds_of(row)
    known["kinds"] = None if kinds is None else list(kinds)
    if reader.audience not in SEES_REASON:
        return HindranceView(**known)
    return PlantHindranceView(**known, reason=row.reason, declared_by=row.declared_by)
