"""Proposed plans: what they change, and what the planner says to them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.paging import Page, page_of
from api.schemas import ActivityId, Code, DoseNumber, Incoming, Note, Outgoing, PatientId, Reason, Signature
from scheduler.booking.errors import not_found
from scheduler.domain.audience import Role
from scheduler.persistence import proposals as rows
from scheduler.persistence.tables_plans import PlanRow, ProposalRow, VisitChangeRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.publish import APPROVERS, approve, reject
from scheduler.reoptimise.revise import revise

router = APIRouter(prefix="/v1", tags=["runs"])

PLANT_READERS = (Role.PLANNER, Role.QA, Role.AUDITOR)
CHANGE_READERS = (Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR, Role.PHARMACIST, Role.MONITOR, *PLANT_READERS)

PlanNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="A plan by its number.")]
Neutral = Literal["supply", "site", "patient", "logistics"]


class Approval(Incoming):
    """An approval is signed; it publishes the plan."""

    signature: Signature
    note: Note = None


class Rejection(Incoming):
    """Why a plan is turned down."""

    reason: Reason


class Refusal(Incoming):
    """The visits that shall keep their times; everything else is solved again."""

    refused: Annotated[list[ActivityId], Field(min_length=1, max_length=200)]


class LossView(Outgoing):
    """A dose that a plan gives up, and until when deciding otherwise still helps: inside its window, or outside it."""

    patient: PatientId
    dose: DoseNumber
    cause: str
    remake_until: datetime | None
    deviation_until: datetime | None


class ProposalView(Outgoing):
    """A plan that was proposed, and what became of it."""

    plan: int
    state: Literal["proposed", "approved", "published", "superseded", "rejected"]
    made_at: datetime
    made_by: str
    run: int | None = Field(description="The run that found it.")
    revises: int | None = Field(description="The plan some of whose moves were refused.")
    refused: list[ActivityId] = Field(description="The visits that had to keep their times.")
    waits_for: str | None = Field(description="Why a person must approve it; null where the policy lets it go out.")
    approve_by: datetime | None = Field(
        description="The last moment at which approving it still helps; null where nothing begins anew."
    )
    losses: list[LossView]
    figures: Any = Field(
        description="Patients, visits moved and retimed, their price with its bound, and whether proven."
    )
    version: int


class VisitMove(Outgoing):
    """What a plan changes of one visit."""

    visit: ActivityId
    patient: PatientId
    site: Code
    kind: str
    dose: int | None
    name: str | None
    change: Literal["moved", "retimed", "shifted", "dropped", "added"]
    before_start_at: datetime | None
    before_end_at: datetime | None
    after_start_at: datetime | None
    after_end_at: datetime | None
    reason: Neutral | None


class ChangeView(VisitMove):
    """What a published plan changed of one visit."""

    told_at: datetime


class Changes(Outgoing):
    """Changes of visits, the latest first."""

    items: list[ChangeView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


@router.get(
    "/plans/{plan}/proposal",
    operation_id="show_proposal",
    summary="What a plan proposes",
    responses=responses(404),
    dependencies=[Depends(require(*PLANT_READERS))],
)
def show_proposal(plan: PlanNumber, caller: CurrentCaller) -> ProposalView:
    """Its figures, what it gives up, and what it waits for. Imported plans have no proposal."""
    with caller.look(f"plan/{plan}") as work:
        return proposal_view(*_found(work, plan))


@router.get(
    "/plans/{plan}/diff",
    operation_id="show_diff",
    summary="What a plan changes",
    response_model=None,
    responses={
        **responses(404),
        200: {
            "description": "The whole diff (docs/plan-format.md), as JSON or in words.",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": {"format": "marrowline-diff/1"}},
                "text/plain": {"schema": {"type": "string"}, "example": "alsummit: nothing changes"},
            },
        },
    },
    dependencies=[Depends(require(*PLANT_READERS))],
)
def show_diff(
    plan: PlanNumber,
    caller: CurrentCaller,
    as_: Annotated[Literal["json", "text"], Query(alias="as", description="JSON, or lines for people.")] = "json",
) -> Response:
    """By site and patient: each visit that moves, from when to when, why, and who must be told."""
    with caller.look(f"plan/{plan}") as work:
        _, proposal = _found(work, plan)
        if as_ == "text":
            return PlainTextResponse(f"{proposal.text}\n")
        return Response(proposal.diff, media_type="application/json")


@router.post(
    "/plans/{plan}/approve",
    operation_id="approve_plan",
    summary="Approve and publish a plan",
    responses=responses(404, 409),
    dependencies=[Depends(require(*APPROVERS)), Idempotent],
)
def approve_plan(plan: PlanNumber, body: Approval, caller: CurrentCaller) -> ProposalView:
    """All of it in one step: its courses take up their times, visits that moved ask to be told again."""
    meaning = caller.signed(body.signature)
    with caller.begin() as work:
        approve(work, caller.service.board, plan, note=body.note, signed_meaning=meaning)
        shown = proposal_view(*_found(work, plan))
        work.commit()
    return shown


@router.post(
    "/plans/{plan}/reject",
    operation_id="reject_plan",
    summary="Turn a plan down",
    responses=responses(404, 409),
    dependencies=[Depends(require(*APPROVERS)), Idempotent],
)
def reject_plan(plan: PlanNumber, body: Rejection, caller: CurrentCaller) -> ProposalView:
    """The plan in force stays; the next run looks again."""
    with caller.begin() as work:
        reject(work, plan, reason=body.reason)
        shown = proposal_view(*_found(work, plan))
        work.commit()
    return shown


@router.post(
    "/plans/{plan}/revise",
    operation_id="revise_plan",
    summary="Refuse some moves of a plan",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*APPROVERS)), Idempotent],
)
def revise_plan(plan: PlanNumber, body: Refusal, caller: CurrentCaller, response: Response) -> ProposalView:
    """Another plan is proposed, in which these visits keep their times; this may take some seconds."""
    number = revise(lambda write: caller.begin(write=write), caller.service.board, plan, frozenset(body.refused))
    response.headers["Location"] = f"/v1/plans/{number}/proposal"
    return _now(caller, number)


@router.get(
    "/changes",
    operation_id="list_changes",
    summary="What plans changed",
    responses=responses(400),
    dependencies=[Depends(require(*CHANGE_READERS))],
)
def list_changes(
    response: Response, caller: CurrentCaller, page: Annotated[Page, Depends(page_of("changes", int))]
) -> Changes:
    """Visits that published plans moved, at one's own site or at all: who has to be told what."""
    before = int(page.after[0]) if page.after else None
    with caller.look("changes") as work:
        found = rows.changes_told(work.session, site=caller.principal.site, before=before, limit=page.limit)
    return Changes(items=[_change(one) for one in found.rows], next=page.next(response, found.more))


def _found(work: UnitOfWork, plan: int) -> tuple[PlanRow, ProposalRow]:
    found = rows.plan(work.session, plan, lock=False)
    if found is None:
        raise not_found("plan")
    return found


def _now(caller: Caller, plan: int) -> ProposalView:
    with caller.begin(write=False) as work:
        return proposal_view(*_found(work, plan))


def proposal_view(row: PlanRow, proposal: ProposalRow) -> ProposalView:
    """A proposed plan for the plant's side."""
    losses = [{key: one[key] for key in LossView.model_fields} for one in json.loads(proposal.losses)]
    return ProposalView(
        plan=proposal.plan,
        state=row.state,  # type: ignore[arg-type]
        made_at=row.made_at,
        made_by=row.made_by,
        run=proposal.run,
        revises=proposal.revises,
        refused=json.loads(proposal.refused),
        waits_for=proposal.waits_for,
        approve_by=proposal.approve_by,
        losses=[LossView(**one) for one in losses],
        figures=json.loads(proposal.figures),
        version=row.version,
    )


def _change(row: VisitChangeRow) -> ChangeView:
    return ChangeView(**row.model_dump(exclude={"plan"}))
