"""Reschedule: take up other times for a booked course. The new is booked before the old is given up, in one step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from scheduler.booking.access import BOOKERS, course_for, must_be, patient_for, version_is
from scheduler.booking.board import Board
from scheduler.booking.book import attended, visit_on, visit_values
from scheduler.booking.errors import Refused
from scheduler.booking.hold import open_offer
from scheduler.booking.override import OVERRIDERS, may_override, write_overrides
from scheduler.booking.seating import referee, seated
from scheduler.booking.windows import windows_missed
from scheduler.domain.course import Facts
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import (
    NOT_YET,
    UNPLACED,
    activity_values,
    course_from,
    course_of,
    patient_of,
    units_text,
)
from scheduler.persistence.occupancy import NewStay
from scheduler.persistence.tables import ActivityRow, CourseRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

REASONS = frozenset(
    {"patient_request", "patient_unwell", "site_unavailable", "site_equipment", "logistics", "supply", "other"}
)
NEUTRAL = {
    "patient_request": "patient",
    "patient_unwell": "patient",
    "site_unavailable": "site",
    "site_equipment": "site",
    "logistics": "logistics",
    "supply": "supply",
}
"""What a visit says of why it moved; nothing for other reasons."""
RECORDED_RULES = frozenset({"pair_window", "booster_window", "quarter_hour", "dose_volume"})


def reschedule(
    work: UnitOfWork,
    board: Board,
    course_id: str,
    offer_id: str,
    *,
    reason_code: str,
    note: str | None = None,
    expected_version: int | None = None,
    signed_meaning: str | None = None,
) -> CourseRow:
    """Move visits of a booked course to the times of an offer. Ids stay; the caller commits.

    An offer that breaks a window or the fence is an override: a planner or doctor takes it up, with a note that says
    why and `signed_meaning`, what the signature says; each rule broken becomes a deviation. Whoever looks beyond the
    rules and is offered a date that breaks none may take that as well: a doctor need not ask for a coordinator first.

    Raises
    ------
    Refused
        404 unknown, 409 when the offer is gone or was made for an earlier state of the course, 412 for a stale version.
    """
    must_be(work.principal, BOOKERS | OVERRIDERS, "move a visit")
    if reason_code not in REASONS:
        raise Refused("unknown-reason", 422, f"reason_code must be one of {', '.join(sorted(REASONS))}.")
    revision = work.lock_board()
    row = course_for(work, course_id, lock=True)
    version_is(row, expected_version)
    offer = open_offer(work, offer_id)
    if offer.patient != course_id or offer.course_version is None:
        raise Refused("offer-not-found", 404, "This offer does not belong to this course. Look for new offers.")
    if offer.course_version != row.version or row.status != "booked":
        raise Refused("offer-outdated", 409, "The course has changed since this offer was made. Look for new offers.")
    broken = may_override(work, offer, note, signed_meaning)
    patient = patient_of(patient_for(work, course_id))
    rows = {one.id: one for one in repositories.activities(work.session, course_id)}
    if any(rows[name].status not in NOT_YET for name in json.loads(offer.replaces) if name in rows):
        raise Refused("offer-outdated", 409, "The course has changed since this offer was made. Look for new offers.")
    before = course_of(patient, row, rows.values())
    old_stays = occupancy.stays_of(work.session, course_id)
    with board.desk(work, registered_on=patient.registered_on) as desk:
        own = frozenset(one.id for one in old_stays if one.id is not None)
        course, stays = seated(work, board, desk, course_from(offer.course), releasing=own)
        found = referee(desk.facts, patient, course, allowed=performed_rules(rows) | broken, before=before)
        if not set(windows_missed(desk.facts, before, course, rows).values()) <= broken:
            raise Refused("offer-outdated", 409, "A dose was given on another day since. Look for new offers.")
        exchange(work, {course_id: stays}, revision)
        moved = rewrite(work, desk.facts, course, before, rows)
        say_why(work, moved, NEUTRAL.get(reason_code))
    if broken:
        write_overrides(work, course, offer, found, reason=note or "", meaning=signed_meaning or "")
    offer.status = "booked"
    row.version += 1
    work.audit(
        "course:rescheduled",
        course_id,
        reason=reason_code if note is None else f"{reason_code}: {note}",
        before={name: old for name, (old, _) in moved.items()},
        after={name: new for name, (_, new) in moved.items()},
    )
    return row


def say_why(work: UnitOfWork, moved: Iterable[str], reason: str | None) -> None:
    """Moved visits say why, in a word that is the same whatever a dose contains."""
    for name in moved:
        visit = repositories.visit(work.session, name)
        assert visit is not None
        visit.reason = reason


def performed_rules(rows: dict[str, ActivityRow]) -> frozenset[str]:
    """What was performed outside its window is a recorded deviation and forbids nothing now."""
    return RECORDED_RULES if any(one.status not in NOT_YET for one in rows.values()) else frozenset()


def exchange(work: UnitOfWork, new: Mapping[str, list[NewStay]], revision: int) -> None:
    """Release the stays of courses that change and write those that are new; what is the same stays untouched.

    All are released before any is written: one course may take the place of another.
    """
    fresh: list[NewStay] = []
    gone: list[int] = []
    for course, stays in new.items():
        old = occupancy.stays_of(work.session, course)
        left = {(one.unit_id, one.begins, one.ends, one.activity, one.resource): one.id for one in old}
        fresh += [one for one in stays if left.pop(_place(one), None) is None]
        gone += [name for name in left.values() if name is not None]
    occupancy.release_stays(work.session, gone, revision)
    work.session.flush()
    occupancy.add_stays(work.session, fresh, revision)


def _place(one: NewStay) -> tuple[int, int, int, str, str]:
    return one.unit_id, one.begins, one.ends, one.activity, one.resource


def rewrite(
    work: UnitOfWork, facts: Facts, course: PlannedCourse, before: PlannedCourse, rows: dict[str, ActivityRow]
) -> dict[str, tuple[str | None, str]]:
    """Bring activity and visit rows to the new times; the visits that moved, old and new start.

    What was open is planned again; such a visit, and one that is new, has no old start.
    """
    old = {one.id: one for one in before.activities}
    visits = {one.id for one in attended(facts, course.activities)}
    moved: dict[str, tuple[str | None, str]] = {}
    for one in course.activities:
        row = rows.get(one.id)
        if row is None:
            work.session.add(ActivityRow(**activity_values(course.patient, one)))
            work.session.flush()
            if one.id in visits:
                work.session.add(VisitRow(**visit_values(work, facts, course, one)))
                moved[one.id] = None, one.start_at.isoformat()
            continue
        if old.get(one.id) == one:
            continue
        was_open, row.status = row.status == "open", "planned" if row.status in UNPLACED else row.status
        row.start_at, row.end_at, row.place = one.start_at, one.end_at, one.place
        row.units, row.lane = units_text(one.units), one.lane
        row.changed_at, row.version = work.now, row.version + 1
        if was_open:
            row.volume_ml, row.syringes = one.volume_ml, one.syringes
        visit = repositories.visit(work.session, one.id) if one.id in visits else None
        if visit is not None and (was_open or (visit.start_at, visit.end_at) != (one.start_at, one.end_at)):
            moved[one.id] = None if was_open else visit.start_at.isoformat(), one.start_at.isoformat()
            visit.on_date = visit_on(facts, course.site, one)
            visit.start_at, visit.end_at = one.start_at, one.end_at
            visit.confirmed_at = visit.confirmed_by = None
            visit.status = row.status
            visit.changed_at, visit.version = work.now, visit.version + 1
    return moved


def left_open(work: UnitOfWork, course: PlannedCourse, rows: Mapping[str, ActivityRow]) -> list[str]:
    """Steps that were planned and that the course no longer has lose their time; the visits among them."""
    there = {one.id for one in course.activities}
    gone = [row for row in rows.values() if row.status == "planned" and row.id not in there]
    visits: list[str] = []
    for row in gone:
        row.status, row.changed_at, row.version = "open", work.now, row.version + 1
        visit = repositories.visit(work.session, row.id)
        if visit is not None:
            visit.status = "open"
            visit.confirmed_at = visit.confirmed_by = None
            visit.changed_at, visit.version = work.now, visit.version + 1
            visits.append(visit.id)
    return sorted(visits)
