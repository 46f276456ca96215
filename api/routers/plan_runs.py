"""Runs of the plan: ask for one, see how they went, follow one until it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.paging import Page, page_of
from api.schemas import Outgoing
from scheduler.domain.audience import Role
from scheduler.persistence.tables_plans import PlanRunRow
from scheduler.reoptimise.runs import ASKERS, ask, listed, shown
from scheduler.reoptimise.shift import program_zone_of

router = APIRouter(prefix="/v1", tags=["runs"])

READERS = (Role.PLANNER, Role.QA, Role.AUDITOR, Role.ADMIN)
LOOK_EVERY_SECONDS = 1.0

RunId = Annotated[int, Path(ge=1, le=2**31 - 1, description="A run by its number.")]
Status = Literal[
    "waiting", "claimed", "building", "solving", "checking", "proposed", "published", "unchanged", "failed"
]


class PlanRunView(Outgoing):
    """One attempt to keep the plan true. Only a run that ended well has changed anything."""

    id: int
    kind: Literal["nightly", "asked"]
    local_date: date = Field(description="The night, or the day it was asked for, in the program's time zone.")
    status: Status
    asked_by: str | None
    asked_at: datetime | None
    worker: str | None = Field(description="Who is at it, or was last.")
    attempt: int = Field(description="How often it was begun: more than once when a worker stopped at it.")
    started_at: datetime | None
    heartbeat_at: datetime | None = Field(description="When its worker last showed that it is alive.")
    ended_at: datetime | None
    base_revision: int | None = Field(description="The revision of what was booked that it worked from.")
    reason: str | None = Field(description="Why it failed and what to do; the administrator is not told.")
    result: Any = Field(description="Its figures; the administrator is not told.")


class PlanRuns(Outgoing):
    """Runs, the newest first."""

    items: list[PlanRunView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


@router.post(
    "/plan-runs",
    operation_id="ask_for_run",
    summary="Ask for a run",
    status_code=202,
    responses=responses(409),
    dependencies=[Depends(require(*ASKERS)), Idempotent],
)
def ask_for_run(caller: CurrentCaller, response: Response) -> PlanRunView:
    """A worker takes it up within seconds. While a run waits, whoever asks is given that one."""
    with caller.begin() as work:
        row = ask(work, program_zone_of(caller.facts(work)))
        work.commit()
    response.headers["Location"] = f"/v1/plan-runs/{row.id}"
    return _view(row, caller)


@router.get(
    "/plan-runs",
    operation_id="list_runs",
    summary="Runs of the plan",
    responses=responses(400),
    dependencies=[Depends(require(*READERS))],
)
def list_runs(
    response: Response, caller: CurrentCaller, page: Annotated[Page, Depends(page_of("plan-runs", int))]
) -> PlanRuns:
    """Nightly runs and those that were asked for, the newest first."""
    before = int(page.after[0]) if page.after else None
    with caller.look("plan-runs") as work:
        rows = listed(work, before=before, limit=page.limit + 1)
    some = rows[: page.limit]
    more = [some[-1].id or 0] if len(rows) > len(some) else None
    return PlanRuns(items=[_view(row, caller) for row in some], next=page.next(response, more))


@router.get(
    "/plan-runs/{run}",
    operation_id="show_run",
    summary="One run of the plan",
    responses=responses(404),
    dependencies=[Depends(require(*READERS))],
)
def show_run(run: RunId, caller: CurrentCaller) -> PlanRunView:
    """How far a run is, or how it ended and why."""
    with caller.look(f"run/{run}") as work:
        return _view(shown(work, run), caller)


def _followed(run: RunId, caller: CurrentCaller) -> PlanRunView:
    """The run as it is at first. An answer that streams can no longer refuse, so what refuses comes before it."""
    return show_run(run, caller)


@router.get(
    "/plan-runs/{run}/events",
    operation_id="follow_run",
    summary="Follow a run until it ends",
    response_class=EventSourceResponse,
    responses=responses(404),
    dependencies=[Depends(require(*READERS))],
)
async def follow_run(
    first: Annotated[PlanRunView, Depends(_followed)],
    caller: CurrentCaller,
    wait_seconds: Annotated[int, Query(ge=0, le=600, description="How long to follow at most.")] = 300,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `run` with the run whenever something has changed, `end` with it when it is over.

    A comment is sent every 15 seconds. When the time is up the stream ends without `end`: ask again.
    """
    yield _event(first)
    told = first
    for _ in range(int(wait_seconds / LOOK_EVERY_SECONDS)):
        if told.ended_at is not None:
            return
        await pause(LOOK_EVERY_SECONDS)
        now = await run_in_threadpool(_look, caller, first.id)
        if now != told:
            yield _event(now)
        told = now


async def pause(seconds: float) -> None:
    """Wait before looking again."""
    await anyio.sleep(seconds)


def _look(caller: Caller, run: int) -> PlanRunView:
    """The run as it is by now; that its reader follows it was recorded when they began."""
    with caller.begin(write=False) as work:
        return _view(shown(work, run), caller)


def _event(run: PlanRunView) -> ServerSentEvent:
    return ServerSentEvent(data=run, event="run" if run.ended_at is None else "end", id=None)


def _view(row: PlanRunRow, caller: Caller) -> PlanRunView:
    """A run for its reader: what tells of doses is not for the administrator, who sees no arm."""
    told = caller.principal.role is not Role.ADMIN
    return PlanRunView(
        **{name: getattr(row, name) for name in PlanRunView.model_fields if name not in ("worker", "reason", "result")},
        worker=row.claimed_by,
        reason=row.reason if told else None,
        result=json.loads(row.result) if told and row.result else None,
    )
