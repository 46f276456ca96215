"""Decisions: doses that the plan cannot keep, and what becomes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.bookings import SEES_PLANT
from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.revisions import etag, optional_version
from api.schemas import Code, DoseNumber, Incoming, OpaqueId, Outgoing, PatientId, Reason, Signature
from scheduler.booking.decisions import DECIDERS, decision_for, decisions_listed, moments_told, skip
from scheduler.domain.audience import Role
from scheduler.persistence.tables_plans import DecisionRow
from scheduler.persistence.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["runs"])

READERS = (Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR, Role.PLANNER, Role.QA, Role.AUDITOR)
Option = Literal["remake", "deviation", "skip"]


class DecisionView(Outgoing):
    """A dose that has no place, for its site: nothing here tells what it holds or what the plant lacks.

    `options`: ``remake`` — the nightly run gives it a day inside its window as soon as there is one; ``deviation`` — a
    doctor or planner asks for dates with `override` and signs; ``skip`` — it is given up for good.
    """

    id: OpaqueId
    patient: PatientId
    site: Code
    dose: DoseNumber
    reason: Literal["supply", "site", "patient", "logistics"] | None
    raised_at: datetime
    options: list[Option]
    decide_by: datetime | None = Field(description="The last moment at which a decision still helps; null: none does.")
    settled_at: datetime | None
    outcome: Literal["planned", "skipped", "ended"] | None
    version: int


class PlantDecisionView(DecisionView):
    """The same for the plant's side."""

    plan: int | None
    cause: str
    remake_until: datetime | None
    deviation_until: datetime | None
    settled_by: str | None
    note: str | None


class Decisions(Outgoing):
    """Decisions, oldest first."""

    items: list[PlantDecisionView | DecisionView]


class GivenUp(Incoming):
    """Why a dose is given up for good, signed."""

    reason: Reason
    signature: Signature


@router.get(
    "/decisions",
    operation_id="list_decisions",
    summary="Doses that wait for a decision",
    responses=responses(409),
    dependencies=[Depends(require(*READERS))],
)
def list_decisions(
    caller: CurrentCaller,
    settled: Annotated[bool, Query(description="Those that were settled, too.")] = False,
) -> Decisions:
    """The open decisions of one's own site, or of all sites."""
    with caller.look("decisions") as work:
        return Decisions(
            items=[decision_view(work, caller, one) for one in decisions_listed(work, all_of_them=settled)]
        )


@router.get(
    "/decisions/{decision}",
    operation_id="show_decision",
    summary="One decision",
    response_model=PlantDecisionView | DecisionView,
    responses=responses(404, 409),
    dependencies=[Depends(require(*READERS))],
)
def show_decision(decision: OpaqueId, caller: CurrentCaller, response: Response) -> DecisionView:
    """A decision with the ETag of its present version."""
    with caller.look(decision) as work:
        row = decision_for(work, decision)
        response.headers["ETag"] = etag(row.version)
        return decision_view(work, caller, row)


@router.post(
    "/decisions/{decision}/skip",
    operation_id="skip_dose",
    summary="Give a dose up for good",
    response_model=PlantDecisionView | DecisionView,
    responses=responses(404, 409, 412),
    dependencies=[Depends(require(*DECIDERS)), Idempotent],
)
def skip_dose(
    decision: OpaqueId,
    body: GivenUp,
    caller: CurrentCaller,
    version: Annotated[int | None, Depends(optional_version)],
) -> DecisionView:
    """Its visits are cancelled, and no plan looks for a place for it any more. Its record stays."""
    meaning = caller.signed(body.signature)
    with caller.begin() as work:
        row = skip(
            work,
            caller.service.board,
            decision,
            reason=body.reason,
            signed_meaning=meaning,
            expected_version=version,
        )
        shown = decision_view(work, caller, row)
        work.commit()
    return shown


def decision_view(work: UnitOfWork, caller: Caller, row: DecisionRow) -> DecisionView:
    """A decision for its reader."""
    told = moments_told(caller.facts(work), caller.principal, row)
    options: list[Option] = [] if row.settled_at else ["skip"]
    if told.deviation_until is not None and not row.settled_at:
        options.insert(0, "deviation")
    if told.remake_until is not None and not row.settled_at:
        options.insert(0, "remake")
    moments = [one for one in (told.remake_until, told.deviation_until) if one is not None]
    shown: dict[str, Any] = {
        "id": row.id,
        "patient": row.course,
        "site": row.site,
        "dose": row.dose,
        "reason": row.neutral,
        "raised_at": row.raised_at,
        "options": options,
        "decide_by": max(moments, default=None),
        "settled_at": row.settled_at,
        "outcome": row.outcome,
        "version": row.version,
    }
    if caller.principal.audience not in SEES_PLANT:
        return DecisionView(**shown)
    more = ("plan", "cause", "remake_until", "deviation_until", "settled_by", "note")
    return PlantDecisionView(**shown, **{name: getattr(row, name) for name in more})
