"""Confirm and acknowledge: what the patient knows of a visit."""

from __future__ import annotations

from scheduler.booking.access import must_be, version_is, visit_for
from scheduler.booking.errors import Refused
from scheduler.domain.audience import Role
from scheduler.persistence import repositories
from scheduler.persistence.tables import VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

TELLERS = frozenset({Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR})


def confirm(work: UnitOfWork, visit_id: str, *, expected_version: int | None = None) -> VisitRow:
    """The patient knows this date and will come. Confirming again changes nothing. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 unknown, 409 for a visit that is not planned any more, 412 for a stale version.
    """
    row = _planned(work, visit_id, expected_version)
    if row.confirmed_at is not None and row.told_version == row.version:
        return row
    row.changed_at, row.version = work.now, row.version + 1
    row.confirmed_at, row.confirmed_by, row.told_version = work.now, work.principal.name, row.version
    work.audit("visit:confirmed", visit_id, after={"start_at": row.start_at})
    return row


def acknowledge(work: UnitOfWork, visit_id: str, *, expected_version: int | None = None) -> VisitRow:
    """The patient was told of the present time, without a promise to come. Repeating it changes nothing.

    The caller commits. Refused as `confirm` is.
    """
    row = _planned(work, visit_id, expected_version)
    if row.told_version == row.version:
        return row
    row.changed_at, row.version = work.now, row.version + 1
    row.told_version = row.version
    work.audit("visit:acknowledged", visit_id, after={"start_at": row.start_at})
    return row


def _planned(work: UnitOfWork, visit_id: str, expected_version: int | None) -> VisitRow:
    row = visit_for(work, visit_id)
    must_be(work.principal, TELLERS, "say what a patient was told")
    course = repositories.course(work.session, row.course, lock=True)
    work.session.refresh(row)  # as it is now that the course is ours
    version_is(row, expected_version)
    if row.status != "planned" or course is None or course.status != "booked":
        raise Refused("visit-ended", 409, "This visit is over or was cancelled. There is nothing left to tell.")
    return row
