"""Courses: read, move, cancel, and take over from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.bookings import READERS, course_view, summary_of
from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.paging import Page, page_of
from api.revisions import etag, expected_version
from api.routers.patients import Offers, offers_for
from api.schemas import (
    Code,
    Count,
    CourseSummary,
    CourseView,
    Day,
    DoseNumber,
    Incoming,
    Note,
    OpaqueId,
    Outgoing,
    PatientId,
    PlantCourseView,
    Signature,
)
from api.uploads import csv_body, csv_bytes
from scheduler.booking.access import BOOKERS, course_for
from scheduler.booking.cancel import cancel
from scheduler.booking.find import Ask
from scheduler.booking.import_courses import import_courses
from scheduler.booking.reschedule import reschedule
from scheduler.domain.audience import Role
from scheduler.persistence import repositories
from scheduler.persistence.tables import CourseRow
from scheduler.persistence.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["courses"])

MoveReason = Literal[
    "patient_request", "patient_unwell", "site_unavailable", "site_equipment", "logistics", "supply", "other"
]
EndReason = Literal["withdrawn_consent", "death", "adverse_event", "lost_to_follow_up", "not_eligible", "other"]


class Courses(Outgoing):
    """Courses by patient."""

    items: list[CourseSummary]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class NewTimes(Incoming):
    """Which visits of a booked course should be at other times: those of one dose, or with `onwards` of all later.

    With `override` a planner or doctor may go outside windows and nearer than the plant's fence.
    """

    dose: DoseNumber
    onwards: bool = False
    override: bool = False
    not_before: Day | None = None
    not_after: Day | None = None
    count: Count = 3
    refused: Annotated[list[OpaqueId], Field(max_length=50)] = Field(default_factory=list)


class Move(Incoming):
    """Which offer to take up, and why. An offer that breaks a rule needs a note and a signature."""

    offer: OpaqueId
    reason_code: MoveReason
    note: Note = None
    signature: Signature | None = None


class End(Incoming):
    """Why a course ends."""

    reason_code: EndReason
    note: Note = None


class ImportedLine(Outgoing):
    """What became of one line; 1 is the header. A line that was refused says why."""

    line: int
    patient: PatientId | None
    ok: bool
    problem: str | None


class ImportReport(Outgoing):
    """What became of a file, and how many patients were imported."""

    dry_run: bool
    patients: int
    lines: list[ImportedLine]


@router.get(
    "/courses",
    operation_id="list_courses",
    summary="Booked courses",
    responses=responses(400, 404),
    dependencies=[Depends(require(*READERS))],
)
def list_courses(
    response: Response,
    caller: CurrentCaller,
    page: Annotated[Page, Depends(page_of("courses", str))],
    site: Annotated[Code | None, Query(description="Only courses of this site.")] = None,
) -> Courses:
    """The courses of one's own site, or of all sites, by patient; those that ended are among them."""
    if site is not None:
        caller.must_see(site, "site")
    after = str(page.after[0]) if page.after else ""
    with caller.look("courses") as work:
        rows = repositories.courses(work.session, site=site or caller.principal.site, after=after, limit=page.limit + 1)
    shown = rows[: page.limit]
    more = [shown[-1].id] if len(rows) > len(shown) else None
    return Courses(items=[CourseSummary(**summary_of(row)) for row in shown], next=page.next(response, more))


@router.get(
    "/courses/{course}",
    operation_id="show_course",
    summary="One course",
    response_model=PlantCourseView | CourseView,
    responses=responses(404, 409),
    dependencies=[Depends(require(*READERS))],
)
def show_course(course: PatientId, response: Response, caller: CurrentCaller) -> CourseView:
    """A course with its visits; the plant sees its own steps too.

    The ETag is for changing the course. It does not change with every step recorded or visit confirmed.
    """
    with caller.look(course) as work:
        row = course_for(work, course)
        shown = course_view(work, caller.facts(work), row)
    response.headers["ETag"] = etag(row.version)
    return shown


@router.post(
    "/courses/import",
    operation_id="import_courses",
    summary="Take over courses that have begun",
    responses=responses(400, 409, 413, 415, 422),
    openapi_extra=csv_body(
        "patient,site,registered_on,weight_kg,kind,dose,start_at,end_at\n"
        "HYU-001,HYU,2027-01-04,61.5,harvest,,2027-01-12T09:00:00+09:00,2027-01-12T10:30:00+09:00\n"
    ),
    dependencies=[Depends(require(Role.PLANNER)), Idempotent],
)
def take_over(
    caller: CurrentCaller,
    content: Annotated[bytes, Depends(csv_bytes)],
    dry_run: Annotated[bool, Query(description="Report what would happen and keep nothing.")] = False,
) -> ImportReport:
    """CSV of performed steps with their actual times; what remains of each course is planned and booked.

    All lines of a patient are imported, or none of them.
    """
    report = import_courses(caller.begin, caller.service.board, content, dry_run=dry_run)
    lines = [
        ImportedLine(line=one.line, patient=one.patient if one.ok else None, ok=one.ok, problem=one.problem)
        for one in report
    ]
    patients = {one.patient for one in report if one.ok}
    return ImportReport(dry_run=dry_run, patients=len(patients), lines=lines)


@router.post(
    "/courses/{course}/offers",
    operation_id="find_new_times",
    summary="Ask for other times",
    responses=responses(404, 409),
    dependencies=[Depends(require(*BOOKERS, Role.DOCTOR)), Idempotent],
)
def find_new_times(course: PatientId, body: NewTimes, caller: CurrentCaller) -> Offers:
    """Other times for a booked course, inside all windows. Reschedule with an offer; it needs no hold."""
    ask = Ask(
        count=body.count,
        refused=tuple(body.refused),
        not_before=body.not_before,
        not_after=body.not_after,
        dose=body.dose,
        onwards=body.onwards,
        override=body.override,
    )
    return offers_for(caller, course, ask)


@router.post(
    "/courses/{course}/reschedule",
    operation_id="reschedule_course",
    summary="Move visits",
    response_model=PlantCourseView | CourseView,
    responses=responses(404, 409, 412, 428),
    dependencies=[Depends(require(*BOOKERS, Role.DOCTOR)), Idempotent],
)
def move(
    course: PatientId,
    body: Move,
    caller: CurrentCaller,
    response: Response,
    version: Annotated[int, Depends(expected_version)],
) -> CourseView:
    """Take up the times of an offer: the new are booked before the old are given up. Ids of visits stay."""
    meaning = caller.signed(body.signature)

    def change(work: UnitOfWork) -> CourseRow:
        return reschedule(
            work,
            caller.service.board,
            course,
            body.offer,
            reason_code=body.reason_code,
            note=body.note,
            expected_version=version,
            signed_meaning=meaning,
        )

    return _changed(caller, response, change)


@router.post(
    "/courses/{course}/cancel",
    operation_id="cancel_course",
    summary="End a course",
    response_model=PlantCourseView | CourseView,
    responses=responses(404, 409, 412, 428),
    dependencies=[Depends(require(*BOOKERS, Role.DOCTOR)), Idempotent],
)
def end(
    course: PatientId,
    body: End,
    caller: CurrentCaller,
    response: Response,
    version: Annotated[int, Depends(expected_version)],
) -> CourseView:
    """The patient leaves: planned visits are cancelled and everything they took is free at once."""
    return _changed(
        caller,
        response,
        lambda work: cancel(work, course, reason_code=body.reason_code, note=body.note, expected_version=version),
    )


def _changed(caller: Caller, response: Response, change: Callable[[UnitOfWork], CourseRow]) -> CourseView:
    """Change a course and show it as it is then."""
    with caller.begin() as work:
        row = change(work)
        work.session.flush()
        shown = course_view(work, caller.facts(work), row)
        work.commit()
    response.headers["ETag"] = etag(row.version)
    return shown
