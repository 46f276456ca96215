"""Calendar feeds: addresses that a calendar program reads without a key, and the routes to make and revoke them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from api.access import origin_of
from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import NOT_MODIFIED, responses
from api.idempotency import TOLD_ONCE
from api.problems import problem
from api.schemas import ID, Incoming, Name, OpaqueId, Outgoing
from api.service import service_of
from scheduler.booking.feed_documents import Served, record_reading, serve
from scheduler.booking.feeds import ISSUERS, LOOKERS, Scope, issue, listed, revoke
from scheduler.calendar_export.ics import MEDIA_TYPE
from scheduler.persistence.tables_told import CalendarFeedRow

router = APIRouter(prefix="/v1", tags=["calendars"])
addresses = APIRouter(tags=["calendars"])

Subject = Annotated[
    str,
    Field(
        min_length=1,
        max_length=101,
        pattern=f"^{ID}(/[A-Za-z0-9_-]{{1,60}})?$",
        description="A site, a patient, a plant, PLANT/UNIT or a courier lane, as the scope needs it.",
        examples=["HYU"],
    ),
]


class NewFeed(Incoming):
    """What a calendar shows. `label` says whose it is, in the list of feeds only."""

    scope: Scope
    subject: Subject
    label: Name


class FeedView(Outgoing):
    """A feed without its address; `revoked_at` is set once nobody is answered there any more."""

    id: OpaqueId
    scope: Scope
    subject: str
    label: str
    made_by: str
    made_at: datetime
    revoked_at: datetime | None


class IssuedFeed(FeedView):
    """A new feed. Whoever has the address can read it, and it is shown only now."""

    url: str = Field(description="The address to subscribe to.")


class Feeds(Outgoing):
    """Feeds, oldest first."""

    items: list[FeedView]


@router.post(
    "/calendar-feeds",
    operation_id="issue_calendar_feed",
    summary="Make a calendar feed",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*ISSUERS)), Idempotent],
)
def issue_feed(body: NewFeed, request: Request, caller: CurrentCaller, response: Response) -> IssuedFeed:
    """A planner may have every scope but pharmacist, a coordinator those of the own site, a pharmacist the own.

    The answer is not kept: the same Idempotency-Key is answered that it was told once.
    """
    response.headers[TOLD_ONCE] = "true"
    with caller.begin() as work:
        made = issue(work, caller.service.board, scope=body.scope, subject=body.subject, label=body.label)
        work.commit()
    response.headers["Location"] = f"/v1/calendar-feeds/{made.feed.id}"
    return IssuedFeed(**vars(_view(made.feed)), url=f"{request.base_url}calendar/{made.token}.ics")


@router.get(
    "/calendar-feeds",
    operation_id="list_calendar_feeds",
    summary="Calendar feeds",
    dependencies=[Depends(require(*ISSUERS, *LOOKERS))],
)
def list_feeds(caller: CurrentCaller) -> Feeds:
    """Those that the caller may issue or look into, without their addresses."""
    with caller.look("calendar-feeds") as work:
        rows = listed(work)
    return Feeds(items=[_view(row) for row in rows])


@router.delete(
    "/calendar-feeds/{feed}",
    operation_id="revoke_calendar_feed",
    summary="Revoke a calendar feed",
    status_code=204,
    responses=responses(404),
    dependencies=[Depends(require(*ISSUERS, *LOOKERS))],
)
def revoke_feed(feed: OpaqueId, caller: CurrentCaller) -> None:
    """From now on its address is answered as one that never was."""
    with caller.begin() as work:
        revoke(work, feed)
        work.commit()


# Not declared as a parameter: whatever is no token must be answered as a wrong one is.
TOKEN = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "The secret part of the address, as it was given out.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


@addresses.head("/calendar/{token}.ics", include_in_schema=False)
@addresses.get(
    "/calendar/{token}.ics",
    operation_id="read_calendar",
    summary="A calendar feed",
    response_class=Response,
    responses={
        200: {
            "description": "An iCalendar file, the same bytes while nothing changes.",
            "content": {"text/calendar": {"schema": {"type": "string"}, "example": "BEGIN:VCALENDAR\r\n"}},
        }
    }
    | NOT_MODIFIED
    | responses(404, 429),
    openapi_extra={"parameters": [TOKEN]},
)
def read_calendar(request: Request) -> Response:
    """For calendar programs: the address is all they need. Compressed where the reader takes gzip.

    An address that is wrong, was revoked or never was is answered alike, and counts as a refused key does.
    """
    service, scope = service_of(request.scope), request.scope
    origin, now = origin_of(scope), service.real()
    if not service.keys.allowed(origin, now):
        return problem(scope, 429, headers={"Retry-After": str(service.settings.failed_keys_seconds)})
    served = serve(service.database, service.shelf, request.path_params["token"], service.clock())
    if served is None:
        service.keys.note_failure(origin, now)
        return problem(scope, 404)
    answer = _answer(request, served)
    if answer.status_code == 200 and served.feed.scope == "pharmacist":
        record_reading(service.database, served.feed, service.clock())
    return answer


def _answer(request: Request, served: Served) -> Response:
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{served.document.sha256[:32]}{"-gzip" if zipped else ""}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Encoding",
    }
    if served.since is not None:
        headers["Last-Modified"] = format_datetime(served.since.astimezone(UTC), usegmt=True)
    if _has_it(request, tag, served.since):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = served.document.zipped if zipped else served.document.body
    return Response(body, headers=headers, media_type=MEDIA_TYPE)


def _has_it(request: Request, tag: str, since: datetime | None) -> bool:
    """Whether the reader has what is served now; the tag decides where both are sent (RFC 9110 section 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return bool({tag, "*"} & {one.strip().removeprefix("W/") for one in tags.split(",")})
    try:
        had = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, OverflowError):
        return False
    return since is not None and had.tzinfo is not None and since <= had


def _view(row: CalendarFeedRow) -> FeedView:
    return FeedView(**row.model_dump(include=set(FeedView.model_fields)))
