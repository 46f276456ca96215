"""Book: a held course becomes the patient's, with its visits and all capacity of plant and couriers, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from scheduler.booking.access import BOOKERS, must_be, patient_for
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.booking.hold import live_hold
from scheduler.booking.identity import new_id
from scheduler.booking.seating import referee
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.persistence import occupancy, outbox, repositories
from scheduler.persistence.bulk import add_rows
from scheduler.persistence.mapping import activity_values, course_from, patient_of
from scheduler.persistence.tables import ActivityRow, CourseRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork


def book_hold(work: UnitOfWork, board: Board, hold_id: str) -> CourseRow:
    """Book what a hold keeps. The caller commits.

    Raises
    ------
    Refused
        404 for an unknown hold, 409 for one that has run out, was given up or is booked.
    """
    must_be(work.principal, BOOKERS, "book a course")
    revision = work.lock_board()
    hold = live_hold(work, hold_id)
    offer = repositories.offer(work.session, hold.offer)
    assert offer is not None
    patient_row = patient_for(work, hold.patient)
    course = course_from(offer.course)
    stays = occupancy.stays_of(work.session, hold.patient, hold=hold.id)
    facts = board.facts(work)
    course = _with_units(course, {(one.activity, one.resource): board.units[one.unit_id][2] for one in stays})
    referee(facts, patient_of(patient_row), course)
    # The ids of an earlier, cancelled course of the same patient are taken: its rows are history.
    row = written(work, facts, course)
    if occupancy.keep_stays(work.session, hold.id, revision) == 0:
        raise Refused("hold-expired", 409, "This hold has run out and its times are free again. Look for new offers.")
    hold.status, offer.status = "booked", "booked"
    patient_row.status, patient_row.version = "booked", patient_row.version + 1
    work.audit("course:booked", row.id, after={"hold": hold.id, "visits": visit_times(facts, course)})
    return row


def written(work: UnitOfWork, facts: Facts, course: PlannedCourse) -> CourseRow:
    """A course's rows: itself, its activities and its visits."""
    if repositories.course(work.session, course.patient) is not None:
        raise Refused("already-booked", 409, "This patient has a course already. Reschedule a visit of it instead.")
    row = CourseRow(
        id=course.patient,
        site=course.site,
        plant=course.plant,
        coi=new_id("C"),
        booked_at=work.now,
        booked_by=work.principal.name,
    )
    work.session.add(row)
    work.session.flush()
    add_rows(work.session, ActivityRow, [activity_values(course.patient, one) for one in course.activities])
    outbox.note_new_steps(work.session, [one.id for one in course.activities])
    visits = attended(facts, course.activities)
    # By the session, which tells subscribers of new visits.
    work.session.add_all(VisitRow(**visit_values(work, facts, course, one)) for one in visits)
    work.session.flush()
    return row


def _with_units(course: PlannedCourse, held: Mapping[tuple[str, str], str]) -> PlannedCourse:
    """The course with the units its hold has by now: they may have changed hands since it was made."""
    return replace(
        course,
        activities=tuple(
            replace(one, units={kind: held.get((one.id, kind), unit) for kind, unit in one.units.items()})
            for one in course.activities
        ),
    )


def attended(facts: Facts, activities: Iterable[Activity]) -> list[Activity]:
    """The activities a patient comes for."""
    kinds = {step.kind for step in facts.protocol.steps if step.attended} | {FOLLOW_UP}
    return [one for one in activities if one.kind in kinds]


def visit_on(facts: Facts, site: str, one: Activity) -> date:
    """The local date of a visit."""
    return local_date(one.start_at, facts.network.place(site).zone)


def visit_values(work: UnitOfWork, facts: Facts, course: PlannedCourse, one: Activity) -> dict[str, Any]:
    """The columns of a new visit's row."""
    return {
        "id": one.id,
        "course": course.patient,
        "site": course.site,
        "on_date": visit_on(facts, course.site, one),
        "start_at": one.start_at,
        "end_at": one.end_at,
        "changed_at": work.now,
    }


def visit_times(facts: Facts, course: PlannedCourse) -> dict[str, str]:
    """When each visit begins, by its id: what the audit trail keeps of a course for every reader."""
    return {one.id: one.start_at.isoformat() for one in attended(facts, course.activities)}
