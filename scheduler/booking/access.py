"""Who may do what; a record of another site does not exist for a reader of this one."""

from __future__ import annotations

from typing import Protocol

from scheduler.booking.errors import Refused, changed_meanwhile, not_found
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.course import Facts
from scheduler.persistence import repositories
from scheduler.persistence.tables import CourseRow, PatientRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

BOOKERS = frozenset({Role.COORDINATOR, Role.SITE_STAFF, Role.PLANNER})
VISIT_READERS = frozenset({Audience.BLINDED, Audience.PHARMACIST, Audience.PLANT, Audience.AUDITOR, Audience.ADMIN})


class Versioned(Protocol):
    """A record that counts its changes."""

    version: int


def patient_for(work: UnitOfWork, name: str) -> PatientRow:
    """A patient the actor may see; Refused 404 otherwise."""
    row = repositories.patient(work.session, name)
    if row is None or not work.principal.may_see_site(row.site):
        raise not_found("patient")
    return row


def course_for(work: UnitOfWork, name: str, *, lock: bool = False) -> CourseRow:
    """A booked course the actor may see; Refused 404 otherwise."""
    row = repositories.course(work.session, name, lock=lock)
    if row is None or not work.principal.may_see_site(row.site):
        raise not_found("course")
    return row


def visit_for(work: UnitOfWork, name: str) -> VisitRow:
    """A visit the actor may see; Refused 404 otherwise."""
    row = repositories.visit(work.session, name)
    if row is None or work.principal.audience not in VISIT_READERS or not work.principal.may_see_site(row.site):
        raise not_found("visit")
    return row


def must_be(principal: Principal, allowed: frozenset[Role], what: str) -> None:
    """Refused 403 unless the actor has one of the roles."""
    if principal.role not in allowed:
        names = ", ".join(sorted(role.value.replace("_", " ") for role in allowed))
        raise Refused("not-your-role", 403, f"Your role may not {what}. Ask a {names}.")


def version_is(row: Versioned, expected: int | None) -> None:
    """Refused 412 when the record has changed since the caller read it."""
    if expected is not None and row.version != expected:
        raise changed_meanwhile()


def must_be_randomised(facts: Facts, patient_id: str) -> None:
    """Refused 409 where plans are made with the arm and this patient's was not imported yet."""
    if facts.arms is not None and patient_id not in facts.arms:
        raise Refused(
            "not-randomised",
            409,
            "This patient cannot be planned yet: the randomisation is not complete. Ask the statistician.",
        )
