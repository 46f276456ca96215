"""Cancel: a patient leaves, or a course is given up; what has not begun is free at once."""

from __future__ import annotations

from scheduler.booking.access import BOOKERS, course_for, must_be, patient_for, version_is
from scheduler.booking.errors import Refused
from scheduler.domain.audience import Role
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.occupancy import NewStay
from scheduler.persistence.tables import CourseRow
from scheduler.persistence.unit_of_work import UnitOfWork

DAY = 24 * 60 * 60
NEUTRAL = "patient"  # a course ends with its patient, whatever the reason
REASONS = frozenset({"withdrawn_consent", "death", "adverse_event", "lost_to_follow_up", "not_eligible", "other"})


def cancel(
    work: UnitOfWork, course_id: str, *, reason_code: str, note: str | None = None, expected_version: int | None = None
) -> CourseRow:
    """End a course: visits still planned are cancelled and their units free from now on. The caller commits.

    What has been performed stays as it was. A step in progress keeps its units to its end, but a unit that would be
    held for another day or more (an incubator position) is free from now on.

    Raises
    ------
    Refused
        404 unknown, 409 when it has ended already, 412 for a stale version, 422 for an unknown reason.
    """
    must_be(work.principal, BOOKERS | {Role.DOCTOR}, "cancel a course")
    if reason_code not in REASONS:
        raise Refused("unknown-reason", 422, f"reason_code must be one of {', '.join(sorted(REASONS))}.")
    revision = work.lock_board()
    row = course_for(work, course_id, lock=True)
    version_is(row, expected_version)
    if row.status != "booked":
        raise Refused("course-ended", 409, "This course has ended already. There is nothing left to cancel.")
    cancelled: list[str] = []
    for activity in repositories.activities(work.session, course_id):
        if activity.status == "open" or (activity.status == "planned" and activity.start_at > work.now):
            activity.status, activity.changed_at = "cancelled", work.now
            activity.version += 1
            cancelled.append(activity.id)
    visits: list[str] = []
    for visit in repositories.visits_of(work.session, course_id):
        if visit.id in cancelled:
            visit.status, visit.changed_at, visit.version = "cancelled", work.now, visit.version + 1
            visit.reason = NEUTRAL
            visits.append(visit.id)
    gone = set(cancelled)
    now = int(work.now.timestamp())
    stays = occupancy.stays_of(work.session, course_id)
    free = [one.id for one in stays if one.id is not None and (one.activity in gone or one.begins > now)]
    long = [one for one in stays if one.id is not None and one.begins <= now and one.ends - now >= DAY]
    occupancy.release_stays(work.session, free + [one.id for one in long if one.id is not None], revision)
    used = [NewStay(one.unit_id, one.begins, now, course_id, one.activity, one.resource) for one in long]
    occupancy.add_stays(work.session, [one for one in used if one.begins < one.ends], revision)
    row.status, row.version = "cancelled", row.version + 1
    patient = patient_for(work, course_id)
    patient.status, patient.version = "withdrawn", patient.version + 1
    work.audit(
        "course:cancelled",
        course_id,
        reason=reason_code if note is None else f"{reason_code}: {note}",
        after={"visits": sorted(visits)},
    )
    return row
