"""Visits: what happens when, what the patient knows of it, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.bookings import READERS, visit_views
from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.paging import Page, malformed_cursor, page_of
from api.revisions import etag, optional_version
from api.schemas import ActivityId, Code, Day, Incoming, Instant, Note, Outgoing, Reason, Signature, Weight
from scheduler.booking.access import visit_for
from scheduler.booking.confirm import TELLERS, acknowledge, confirm
from scheduler.booking.record import AT_PLANT, record
from scheduler.booking.record import AT_SITE as RECORD_AT_SITE
from scheduler.booking.views import VisitView
from scheduler.coldchain.bedside import check_scanned
from scheduler.persistence import repositories
from scheduler.persistence.tables import VisitRow

router = APIRouter(prefix="/v1", tags=["visits"])

Version = Annotated[int | None, Depends(optional_version)]


class Visits(Outgoing):
    """Visits by local date and id."""

    items: list[VisitView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class Done(Incoming):
    """What became of a planned step, with its actual times.

    `weight_kg` is the weight taken at it. A dose given outside its window needs `reason` and `signature`.
    """

    outcome: Literal["performed", "late", "failed"]
    start_at: Instant
    end_at: Instant
    weight_kg: Weight | None = None
    note: Note = None
    reason: Reason | None = None
    signature: Signature | None = None


class RecordedView(Outgoing):
    """A step as it is recorded now.

    After a failure `open_steps` are the planned steps of the same dose that wait for a decision, and `deviation` is
    the id of the deviation that was written, if one was.
    """

    id: ActivityId
    kind: str
    status: Literal["performed", "late", "failed"]
    actual_start_at: Instant
    actual_end_at: Instant
    open_steps: list[str]
    deviation: str | None
    scanned: bool | None = Field(
        description="Of a dose that was given: whether a scan let every unit pass at the bedside; else null."
    )
    version: int


@router.get(
    "/visits",
    operation_id="list_visits",
    summary="Visits",
    responses=responses(400, 404, 409),
    dependencies=[Depends(require(*READERS))],
)
def list_visits(
    response: Response,
    caller: CurrentCaller,
    page: Annotated[Page, Depends(page_of("visits", str, str))],
    site: Annotated[Code | None, Query(description="Only visits at this site.")] = None,
    from_on: Annotated[Day | None, Query(alias="from", description="The first local date.")] = None,
    to_on: Annotated[Day | None, Query(alias="to", description="The last local date, inclusive.")] = None,
) -> Visits:
    """Visits of one's own site, or of all sites, from one local date to another."""
    if site is not None:
        caller.must_see(site, "site")
    after = _mark(page)
    with caller.look("visits") as work:
        rows = repositories.visits(
            work.session,
            site=site or caller.principal.site,
            from_on=from_on,
            to_on=to_on,
            after=after,
            limit=page.limit + 1,
        )
        shown = visit_views(work, caller.facts(work), rows[: page.limit])
    more = [rows[page.limit - 1].on_date.isoformat(), rows[page.limit - 1].id] if len(rows) > page.limit else None
    return Visits(items=shown, next=page.next(response, more))


def _mark(page: Page) -> tuple[str, str] | None:
    if not page.after:
        return None
    on, name = map(str, page.after)
    try:
        date.fromisoformat(on)
    except ValueError as problem:
        raise malformed_cursor() from problem
    return on, name


@router.get(
    "/visits/{visit:path}",
    operation_id="show_visit",
    summary="One visit",
    responses=responses(404, 409),
    dependencies=[Depends(require(*READERS))],
)
def show_visit(visit: ActivityId, caller: CurrentCaller, response: Response) -> VisitView:
    """A visit with the ETag of its present version."""
    with caller.look(visit) as work:
        row = visit_for(work, visit)
        (shown,) = visit_views(work, caller.facts(work), [row])
    response.headers["ETag"] = etag(row.version)
    return shown


@router.post(
    "/visits/{visit:path}/confirm",
    operation_id="confirm_visit",
    summary="The patient will come",
    responses=responses(404, 409, 412),
    dependencies=[Depends(require(*TELLERS)), Idempotent],
)
def confirm_visit(visit: ActivityId, caller: CurrentCaller, response: Response, version: Version) -> VisitView:
    """The patient knows this date and will come; a visit that is moved has to be confirmed anew."""
    return _told(caller, visit, response, version, confirm)


@router.post(
    "/visits/{visit:path}/acknowledge",
    operation_id="acknowledge_visit",
    summary="The change was told",
    responses=responses(404, 409, 412),
    dependencies=[Depends(require(*TELLERS)), Idempotent],
)
def acknowledge_visit(visit: ActivityId, caller: CurrentCaller, response: Response, version: Version) -> VisitView:
    """The patient was told of the present time, without a promise to come."""
    return _told(caller, visit, response, version, acknowledge)


def _told(
    caller: Caller, visit: str, response: Response, version: int | None, tell: Callable[..., VisitRow]
) -> VisitView:
    with caller.begin() as work:
        facts = caller.facts(work)  # before anything is locked that whoever has the desk may need
        row = tell(work, visit, expected_version=version)
        work.session.flush()
        (shown,) = visit_views(work, facts, [row])
        work.commit()
    response.headers["ETag"] = etag(row.version)
    return shown


@router.post(
    "/activities/{activity:path}/record",
    operation_id="record_activity",
    summary="Record what was done",
    responses=responses(404, 409, 412),
    dependencies=[Depends(require(*RECORD_AT_SITE, *AT_PLANT)), Idempotent],
)
def record_activity(
    activity: ActivityId, body: Done, caller: CurrentCaller, response: Response, version: Version
) -> RecordedView:
    """A step at the site or the plant, by those who work there. Planned times stay beside the actual ones."""
    return recorded(caller, activity, body, response, version)


def recorded(caller: Caller, activity: str, body: Done, response: Response, version: int | None) -> RecordedView:
    """Record and show."""
    meaning = caller.signed(body.signature)
    with caller.begin() as work:
        done = record(
            work,
            caller.service.board,
            activity,
            outcome=body.outcome,
            start_at=body.start_at,
            end_at=body.end_at,
            weight_kg=body.weight_kg,
            note=body.note,
            reason=body.reason,
            expected_version=version,
            signed_meaning=meaning,
        )
        row = done.activity
        scanned = check_scanned(work, caller.facts(work), row)
        work.commit()
    response.headers["ETag"] = etag(row.version)
    return RecordedView(
        id=row.id,
        kind=row.kind,
        status=body.outcome,
        actual_start_at=body.start_at,
        actual_end_at=body.end_at,
        open_steps=list(done.open_steps),
        deviation=done.deviation,
        scanned=scanned,
        version=row.version,
    )
