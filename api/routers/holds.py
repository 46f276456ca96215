"""Hold an offer for a while, and book what is held."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Self

from fastapi import APIRouter, Depends, Response
from pydantic import model_validator

from api.bookings import READERS, course_view
from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.revisions import etag
from api.schemas import Code, CourseView, Incoming, OpaqueId, Outgoing, PatientId, PlantCourseView, Reason
from api.validation import Unusable
from scheduler.booking.access import BOOKERS
from scheduler.booking.book import book_hold
from scheduler.booking.errors import not_found
from scheduler.booking.hold import hold_offer, release_hold
from scheduler.booking.make_room import book_with_room
from scheduler.persistence import repositories
from scheduler.persistence.tables import CourseRow, HoldRow
from scheduler.persistence.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["booking"])


class HoldRequest(Incoming):
    """Which offer to keep."""

    offer: OpaqueId


class BookRequest(Incoming):
    """Which hold to book; or, with a reason, an offer of tier 1, which is booked at once."""

    hold: OpaqueId | None = None
    offer: OpaqueId | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.hold is None) == (self.offer is None) or (self.offer is None) != (self.reason is None):
            raise Unusable("must name either hold, or offer and reason")
        return self


class HoldView(Outgoing):
    """An offer kept for somebody. After `expires_at` it is as if it had never been."""

    id: OpaqueId
    offer: OpaqueId
    patient: PatientId
    site: Code
    held_at: datetime
    held_by: str
    expires_at: datetime
    status: Literal["held", "expired", "booked", "released"]


@router.post(
    "/holds",
    operation_id="hold_offer",
    summary="Hold an offer",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*BOOKERS)), Idempotent],
)
def hold(body: HoldRequest, caller: CurrentCaller, response: Response) -> HoldView:
    """Keep all times of an offer from everybody else until the hold runs out."""
    service = caller.service
    with caller.begin() as work:
        keep_for = timedelta(minutes=service.settings.hold_minutes)
        row = hold_offer(work, service.board, body.offer, keep_for=keep_for)
        work.commit()
    response.headers["Location"] = f"/v1/holds/{row.id}"
    return _view(row, caller.now)


@router.get(
    "/holds/{hold}",
    operation_id="show_hold",
    summary="One hold",
    responses=responses(404),
    dependencies=[Depends(require(*READERS))],
)
def show_hold(hold: OpaqueId, caller: CurrentCaller) -> HoldView:
    """Whether a hold still stands."""
    with caller.look(hold) as work:
        row = repositories.hold(work.session, hold)
        if row is None or not caller.principal.may_see_site(row.site):
            raise not_found("hold")
    return _view(row, caller.now)


@router.delete(
    "/holds/{hold}",
    operation_id="release_hold",
    summary="Give a hold up",
    status_code=204,
    responses=responses(404, 409),
    dependencies=[Depends(require(*BOOKERS))],
)
def release(hold: OpaqueId, caller: CurrentCaller) -> None:
    """Its times are free at once."""
    with caller.begin() as work:
        release_hold(work, hold)
        work.commit()


@router.post(
    "/bookings",
    operation_id="book_hold",
    summary="Book a hold",
    status_code=201,
    response_model=PlantCourseView | CourseView,
    responses=responses(404, 409),
    dependencies=[Depends(require(*BOOKERS)), Idempotent],
)
def book(body: BookRequest, caller: CurrentCaller, response: Response) -> CourseView:
    """The whole course with all its visits, plant and courier capacity, or nothing."""
    with caller.begin() as work:
        course = _booked(work, caller, body)
        facts = caller.facts(work)
        work.session.flush()
        shown = course_view(work, facts, course)
        work.commit()
    response.headers["Location"] = f"/v1/courses/{course.id}"
    response.headers["ETag"] = etag(course.version)
    return shown


def _booked(work: UnitOfWork, caller: Caller, body: BookRequest) -> CourseRow:
    board = caller.service.board
    if body.hold is not None:
        return book_hold(work, board, body.hold)
    return book_with_room(work, board, str(body.offer), reason=str(body.reason))


def _view(row: HoldRow, now: datetime) -> HoldView:
    status = "expired" if row.status == "held" and row.expires_at <= now else row.status
    return HoldView(
        id=row.id,
        offer=row.offer,
        patient=row.patient,
        site=row.site,
        held_at=row.held_at,
        held_by=row.held_by,
        expires_at=row.expires_at,
        status=status,  # type: ignore[arg-type]  # judged by the model
    )
