"""Resources and plans: what there is, how full it is, and the plan documents."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from api.bookings import AT_SITE, SEES_PLANT
from api.dependencies import CurrentCaller, require
from api.documentation import responses
from api.paging import Page, page_of
from api.schemas import Code, Instant, Kind, Outgoing
from scheduler.booking.errors import not_found
from scheduler.booking.load import Stretch, load
from scheduler.domain.audience import Role
from scheduler.persistence import repositories
from scheduler.persistence.tables_plans import PlanRow
from scheduler.planning.needs import unit_names

router = APIRouter(prefix="/v1", tags=["plant"])

PLANT_READERS = (Role.PLANNER, Role.QA, Role.AUDITOR)


class ResourceView(Outgoing):
    """Identical units of one kind at one place; the kind lane stands for the shipments of one departure."""

    place: Code
    kind: str
    units: list[str]


class Resources(Outgoing):
    """What the caller may see, by place and kind."""

    items: list[ResourceView]


class LoadView(Outgoing):
    """What is taken of the units of one kind at one place, stretch by stretch."""

    place: Code
    kind: str
    units: list[str]
    stretches: list[Stretch]


class PlanSummary(Outgoing):
    """A plan document in a list."""

    id: int
    program: str
    state: str
    sha256: str
    made_at: datetime
    made_by: str
    version: int


class PlanView(PlanSummary):
    """A plan with its document as it was made."""

    document: Any


class Plans(Outgoing):
    """Plan documents by number."""

    items: list[PlanSummary]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


@router.get(
    "/resources",
    operation_id="list_resources",
    summary="Resources",
    responses=responses(409),
    dependencies=[Depends(require(*AT_SITE, *PLANT_READERS))],
)
def list_resources(caller: CurrentCaller) -> Resources:
    """The rooms and refrigerators of one's own site; the plant's side sees every place and courier lane."""
    with caller.look("resources") as work:
        facts = caller.facts(work)
    everything = caller.principal.audience in SEES_PLANT
    return Resources(
        items=[
            ResourceView(place=place, kind=kind, units=list(units))
            for (place, kind), units in sorted(unit_names(facts).items())
            if everything or place == caller.principal.site
        ]
    )


@router.get(
    "/resources/{place}/{kind}/load",
    operation_id="show_load",
    summary="How full a resource is",
    responses=responses(404, 409),
    dependencies=[Depends(require(*AT_SITE, *PLANT_READERS))],
)
def show_load(
    place: Code,
    kind: Kind,
    caller: CurrentCaller,
    from_at: Annotated[Instant, Query(alias="from", description="The first instant.")],
    to_at: Annotated[Instant, Query(alias="to", description="The end, not included.")],
    by: Annotated[Literal["hour", "day"], Query(description="How to cut the stretch.")] = "day",
) -> LoadView:
    """Hour by hour or day by day, how much is taken. Line clearance and turnaround count as taken, and holds do."""
    with caller.look(f"{place}/{kind}") as work:
        found = load(work, caller.service.board, place, kind, from_at, to_at, by=by)
    return LoadView(place=found.place, kind=found.kind, units=list(found.units), stretches=list(found.stretches))


@router.get(
    "/plans",
    operation_id="list_plans",
    summary="Plan documents",
    responses=responses(400),
    dependencies=[Depends(require(*PLANT_READERS))],
)
def list_plans(
    response: Response, caller: CurrentCaller, page: Annotated[Page, Depends(page_of("plans", int))]
) -> Plans:
    """Plans as they were made or imported, oldest first."""
    after = int(page.after[0]) if page.after else 0
    with caller.look("plans") as work:
        rows = repositories.plans(work.session, after=after, limit=page.limit + 1)
    shown = rows[: page.limit]
    more = [shown[-1].id or 0] if len(rows) > len(shown) else None
    return Plans(items=[PlanSummary(**_summary(row)) for row in shown], next=page.next(response, more))


@router.get(
    "/plans/{plan}",
    operation_id="show_plan",
    summary="One plan document",
    responses=responses(404),
    dependencies=[Depends(require(*PLANT_READERS))],
)
def show_plan(plan: Annotated[int, Path(ge=1, le=2**31 - 1)], caller: CurrentCaller) -> PlanView:
    """A plan with its document: the same facts and this document give the same plan again."""
    with caller.look(f"plan/{plan}") as work:
        row = repositories.plan(work.session, plan)
        if row is None:
            raise not_found("plan")
    return PlanView(**_summary(row), document=json.loads(row.document))


def _summary(row: PlanRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in PlanSummary.model_fields}
