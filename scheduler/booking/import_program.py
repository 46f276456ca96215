"""Import a program: its facts, its units, its patients, and, where one is given, its plan as booked courses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from scheduler.booking.board import Board
from scheduler.booking.book import visit_times, written
from scheduler.booking.errors import Refused
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.rules import violations
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.bundle import Bundle
from scheduler.persistence.occupancy import NewStay
from scheduler.persistence.tables import PatientRow, ProgramRow
from scheduler.persistence.tables_plans import PlanRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.needs import needs_of, unit_names
from scheduler.planning.seats import Need


@dataclass(frozen=True)
class Imported:
    """What an import found new: whether the program was, how many patients, how many courses were booked."""

    program: bool
    patients: int
    courses: int


def import_program(
    work: UnitOfWork, board: Board, bundle: Bundle, facts: Facts, plan: Plan | None = None, document: str = ""
) -> Imported:
    """Enter a program; what is there stays, so that importing again changes nothing. The caller commits.

    Parameters
    ----------
    facts
        The program as loaded, with its patients.
    plan
        A plan of it to be booked whole: only for patients that have no course yet. `document` is its text.

    Raises
    ------
    Refused
        When the database serves another program, or the plan breaks a rule.
    """
    known = repositories.program(work.session)
    if known is not None and known.name != facts.program:
        raise Refused(
            "other-program", 409, f"This database serves the program {known.name}. Use a database of its own."
        )
    if known is not None and known.sha256 != bundle.sha256:
        raise Refused(
            "program-differs",
            409,
            f"The program {known.name} was imported with other facts. A running program keeps its facts; "
            "use another database for changed ones.",
        )
    if known is None:
        _enter(work, bundle, facts)
    new = [one for one in facts.patients if repositories.patient(work.session, one.id) is None]
    for one in new:
        work.session.add(
            PatientRow(
                id=one.id,
                site=one.site,
                registered_on=one.registered_on,
                weight_kg=one.weight_kg,
                registered_at=work.now,
                registered_by=work.principal.name,
            )
        )
    work.session.flush()
    booked = 0 if plan is None else _book_plan(work, board, facts, plan, document)
    if known is None or new or booked:
        work.audit(
            "program:imported", facts.program, after={"sha256": bundle.sha256, "patients": len(new), "courses": booked}
        )
    return Imported(known is None, len(new), booked)


def _enter(work: UnitOfWork, bundle: Bundle, facts: Facts) -> None:
    work.session.add(
        ProgramRow(
            name=facts.program,
            title=facts.title,
            starts_on=facts.starts_on,
            files=bundle.text,
            sha256=bundle.sha256,
            imported_at=work.now,
            imported_by=work.principal.name,
        )
    )
    occupancy.add_units(
        work.session, ((place, kind, name) for (place, kind), names in unit_names(facts).items() for name in names)
    )


def _book_plan(work: UnitOfWork, board: Board, facts: Facts, plan: Plan, document: str) -> int:
    """Book every course of a plan whose patient has none yet."""
    found = violations(plan, facts)
    if found:
        raise Refused("breaks-rule", 409, f"The plan breaks {found[0].rule}: {found[0].message}. Nothing was booked.")
    courses = [one for one in plan.courses if one.activities and repositories.course(work.session, one.patient) is None]
    if not courses:
        return 0
    revision = work.lock_board()
    needs: list[tuple[str, Need]] = []
    for course in courses:
        row = written(work, facts, course)
        patient = repositories.patient(work.session, course.patient)
        assert patient is not None
        patient.status, patient.version = "booked", patient.version + 1
        needs += [(course.patient, need) for need in needs_of(facts, course) if need.begins < need.ends]
        work.audit("course:booked", row.id, after={"plan": plan.program, "visits": visit_times(facts, course)})
    with board.desk(work) as desk:
        # A plan names its units; only the places on courier runs are given out here, beside those taken already.
        lanes = iter(desk.seats.seat(need for _, need in needs if need.prefers is None).units)
        stays = [
            NewStay(
                board.numbers[next(lanes) if need.prefers is None else (need.place, need.kind, need.prefers)],
                need.begins,
                need.ends,
                patient_id,
                need.activity,
                need.resource,
            )
            for patient_id, need in needs
        ]
    occupancy.add_stays(work.session, stays, revision)
    work.session.add(
        PlanRow(
            program=plan.program,
            state="published",
            document=document,
            sha256=hashlib.sha256(document.encode()).hexdigest(),
            made_at=work.now,
            made_by=work.principal.name,
        )
    )
    return len(courses)
