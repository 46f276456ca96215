"""Routes that exist only here, to rehearse what the frame does around any route."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import Field

from api.dependencies import CurrentCaller, CurrentPrincipal, Idempotent, require
from api.paging import Page, page_of
from api.revisions import etag, expected_version, if_changed, must_match
from api.schemas import Code, Day, Incoming, Instant, Name, Outgoing, PatientId, Weight
from scheduler.domain.audience import Role


class Rehearsal(Incoming):
    name: Name
    weight_kg: Weight = 60.0
    starts_at: Instant | None = None
    on: Day | None = None
    doses: Annotated[list[Annotated[int, Field(ge=1, le=9)]], Field(max_length=9)] = Field(default_factory=list)


class Performed(Outgoing):
    count: int


@dataclass
class Rehearsals:
    """What the routes did, and what they are to do next."""

    performed: list[str] = field(default_factory=list)
    trouble: Callable[[], None] = lambda: None
    version: int = 3
    arrived: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)


def add_rehearsals(app: FastAPI) -> Rehearsals:
    stage = Rehearsals()
    router = APIRouter(prefix="/v1", tags=["access"])

    @router.post("/rehearsals", status_code=201, dependencies=[Idempotent], operation_id="rehearse")
    def rehearse(body: Rehearsal, caller: CurrentCaller, response: Response) -> Performed:
        stage.performed.append(body.name)
        stage.trouble()
        response.headers["Location"] = f"/v1/rehearsals/{len(stage.performed)}"
        return Performed(count=len(stage.performed))

    @router.post("/rehearsals/slow", dependencies=[Idempotent], operation_id="rehearse_slowly")
    def slow(caller: CurrentCaller) -> Performed:
        stage.performed.append("slow")
        stage.arrived.set()
        assert stage.may_go_on.wait(10)
        return Performed(count=len(stage.performed))

    @router.get("/rehearsed/{patient}", operation_id="rehearse_reading", response_model=Performed)
    def show(patient: PatientId, request: Request, response: Response, who: CurrentPrincipal) -> Performed | Response:
        stage.trouble()
        response.headers["ETag"] = etag(stage.version)
        return if_changed(request, stage.version) or Performed(count=stage.version)

    @router.put("/rehearsed/{patient}", operation_id="rehearse_changing")
    def change(
        patient: PatientId, who: CurrentPrincipal, version: Annotated[int, Depends(expected_version)]
    ) -> Performed:
        must_match(version, stage.version)
        stage.version += 1
        return Performed(count=stage.version)

    @router.post(
        "/rehearsed/{patient}/plan", dependencies=[Depends(require(Role.PLANNER))], operation_id="rehearse_planning"
    )
    def plan(patient: PatientId) -> Performed:
        return Performed(count=1)

    @router.get("/numbers", operation_id="rehearse_paging")
    def numbers(
        response: Response,
        who: CurrentPrincipal,
        page: Annotated[Page, Depends(page_of("numbers", int))],
        site: Annotated[Code | None, Query()] = None,
    ) -> dict[str, object]:
        first = int(page.after[0]) + 1 if page.after else 1
        items = list(range(first, min(first + page.limit, 8)))  # the list is 1 to 7
        return {"items": items, "next": page.next(response, [items[-1]] if items[-1] < 7 else None)}

    app.include_router(router)
    return stage
