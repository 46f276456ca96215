"""Replan: whole courses take up the times of a plan, all in one step; ids stay, and what has no time is left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.booking.reschedule import RECORDED_RULES, exchange, left_open, rewrite
from scheduler.booking.seating import referee, seated_together
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import course_of, patient_of
from scheduler.persistence.tables import ActivityRow, CourseRow
from scheduler.persistence.unit_of_work import UnitOfWork

Reasons = Mapping[str, str | None]

MISSING = "accounted_for"
"""The rule that a dose without a place breaks when its course is judged alone; whoever replans accounts for it."""


@dataclass(frozen=True)
class _Person:
    patient: Patient
    row: CourseRow
    rows: dict[str, ActivityRow]
    before: PlannedCourse


def replan(work: UnitOfWork, board: Board, courses: Sequence[PlannedCourse], reasons: Reasons, *, why: str) -> None:
    """Bring booked courses to new times. The caller has the board locked, and commits.

    Parameters
    ----------
    courses
        The courses that change, whole; a dose that is not in its course is left open, its visits are cancelled.
    reasons
        By visit, why it is not as it was, in the one word a site learns.
    why
        For the audit trail.

    Raises
    ------
    Refused
        409 when a course has ended, a step that was done or is no longer there would change, a unit is taken, or the
        referee finds a rule broken that was not broken before.
    """
    people = [_person(work, course) for course in courses]
    revision = work.lock_board()
    with board.desk(work, registered_on=max((one.patient.registered_on for one in people), default=None)) as desk:
        own = [one.id for each in people for one in occupancy.stays_of(work.session, each.row.id)]
        releasing = frozenset(one for one in own if one is not None)
        seated = seated_together(work, board, desk, courses, releasing=releasing)
        for person, (course, _) in zip(people, seated, strict=True):
            referee(desk.facts, person.patient, course, allowed=_allowed(work, person), before=person.before)
        exchange(work, {course.patient: stays for course, stays in seated}, revision)
        for person, (course, _) in zip(people, seated, strict=True):
            _written(work, desk.facts, person, course, reasons, why)


def _person(work: UnitOfWork, course: PlannedCourse) -> _Person:
    row = repositories.course(work.session, course.patient, lock=True)
    patient_row = repositories.patient(work.session, course.patient)
    if row is None or patient_row is None or row.status != "booked":
        raise Refused("plan-outdated", 409, f"The course of {course.patient} has ended since. Ask for a new run.")
    rows = {one.id: one for one in repositories.activities(work.session, course.patient)}
    patient = patient_of(patient_row)
    before = course_of(patient, row, rows.values())
    _done_stays(before, course, rows)
    return _Person(patient, row, rows, before)


def _done_stays(before: PlannedCourse, course: PlannedCourse, rows: Mapping[str, ActivityRow]) -> None:
    """Refused when a step that was done would change; a course that gives up every dose leaves it out as history."""
    new = {one.id: (one.start_at, one.place) for one in course.activities}
    for old in before.activities:
        if rows[old.id].status != "planned" and new.get(old.id, (old.start_at, old.place)) != (old.start_at, old.place):
            raise Refused("plan-outdated", 409, f"{old.id} has been recorded since. Ask for a new run of the plan.")


def _allowed(work: UnitOfWork, person: _Person) -> frozenset[str]:
    """What is on record as broken, and doses without a place, forbid nothing."""
    signed = {one.rule for one in repositories.deviations_of(work.session, person.row.id)}
    recorded = RECORDED_RULES if any(one.status != "planned" for one in person.rows.values()) else frozenset()
    return frozenset({MISSING, *signed, *recorded})


def _written(
    work: UnitOfWork, facts: Facts, person: _Person, course: PlannedCourse, reasons: Reasons, why: str
) -> None:
    moved = rewrite(work, facts, course, person.before, person.rows)
    cancelled = left_open(work, course, person.rows)
    for name in [*moved, *cancelled]:
        visit = repositories.visit(work.session, name)
        assert visit is not None, "what moves or is cancelled here is a visit"
        visit.reason = reasons.get(name)
    person.row.version += 1
    person.row.plant = course.plant or person.row.plant
    work.audit(
        "course:rescheduled",
        person.row.id,
        reason=why,
        before={name: old for name, (old, _) in moved.items()} | dict.fromkeys(cancelled, "planned"),
        after={name: new for name, (_, new) in moved.items()} | dict.fromkeys(cancelled, "cancelled"),
    )
