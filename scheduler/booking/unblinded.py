"""The unblinded side: who is in which arm, what a dose holds, and opening one patient in an emergency.

Nothing here is called for a blinded reader but `open_emergency`, whose whole purpose is to unblind its caller.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scheduler.booking.access import course_for, must_be, patient_for
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.persistence import occupancy, repositories, unblinded
from scheduler.persistence.tables import ActivityRow, PatientRow, UnblindedOpeningRow
from scheduler.persistence.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from scheduler.booking.board import Board
    from scheduler.booking.shares import Booked

STATISTICIAN = frozenset({Role.STATISTICIAN})
LIST_READERS = frozenset({Role.STATISTICIAN, Role.AUDITOR})
CONTENT_READERS = frozenset({Role.PHARMACIST, Role.PLANNER, Role.QA})
OPENERS = frozenset({Role.DOCTOR, Role.PHARMACIST})


@dataclass(frozen=True)
class Contents:
    """What one dose of one patient holds, for those who make or hand it out.

    `make` is whether cells are made for it; without, it is the comparator. `give_by` is None without a shelf life.
    `weight_kg` is the latest measured weight, or that of registration before one was measured.
    """

    patient: str
    dose: int
    coi: str
    make: bool
    weight_kg: float
    volume_ml: float
    syringes: int
    give_by: datetime | None


@dataclass(frozen=True)
class Opened:
    """An emergency unblinding and the arm it told its caller."""

    id: str
    patient: str
    arm: str
    opened_at: datetime


def arms_for_planning(work: UnitOfWork, facts: Facts) -> Mapping[str, str] | None:
    """Arm by patient for a program that plans with the arm; None for any other, whose list is not even read."""
    if facts.policy.capacity == "shadow" or not facts.protocol.arms:
        return None
    return unblinded.arms(work.session)


def import_randomisation(work: UnitOfWork, board: Board, rows: Iterable[tuple[str, str]]) -> int:
    """Enter (patient, arm) of a randomisation list; how many were new. All or nothing; the caller commits.

    Importing the same again changes nothing.

    Raises
    ------
    Refused
        422 for an unknown patient or arm or a patient listed twice, 409 where an imported arm would change.
    """
    must_be(work.principal, STATISTICIAN, "import the randomisation list")
    listed = list(rows)
    facts = board.facts(work)
    _listed_once(work, facts, listed)
    known = unblinded.arms(work.session)
    changed = [name for name, arm in listed if known.get(name, arm) != arm]
    if changed:
        raise Refused(
            "randomisation-differs",
            409,
            f"{len(changed)} patients have another arm already, the first in line {_line(listed, changed[0])}. "
            "An imported arm never changes; nothing was imported.",
        )
    new = {name: arm for name, arm in listed if name not in known}
    if new:
        unblinded.add_arms(work.session, new, at=work.now, by=work.principal.name)
        occupancy.count_up_calendar(work.session)  # boards that plan with the arm start anew
        work.audit("randomisation:imported", facts.program, after={"patients": len(new)})
    return len(new)


def _listed_once(work: UnitOfWork, facts: Facts, listed: list[tuple[str, str]]) -> None:
    arms = {arm.name for arm in facts.protocol.arms}
    if not arms:
        raise Refused("no-arms", 409, "This program has no arms; there is nothing to randomise.")
    seen: set[str] = set()
    for line, (name, arm) in enumerate(listed, 1):
        problem = (
            "names a patient a second time"
            if name in seen
            else "names an arm the protocol does not have"
            if arm not in arms
            else "names a patient who is not registered"
            if repositories.patient(work.session, name) is None
            else None
        )
        if problem is not None:
            raise Refused("randomisation-line", 422, f"Line {line} {problem}. Nothing was imported.")
        seen.add(name)


def _line(listed: list[tuple[str, str]], name: str) -> int:
    return 1 + [one for one, _ in listed].index(name)


def randomisation(work: UnitOfWork) -> list[tuple[str, str]]:
    """Patient and arm of everybody randomised. The reading itself is recorded: the caller commits."""
    must_be(work.principal, LIST_READERS, "read the randomisation list")
    found = list(unblinded.arms(work.session).items())
    work.audit("randomisation:read", "all", after={"patients": len(found)})
    return found


def contents(work: UnitOfWork, board: Board, patient_id: str, dose: int) -> Contents:
    """What a booked dose holds. The reading itself is recorded: the caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 for another site's patient or an unknown dose, 409 before randomisation.
    """
    must_be(work.principal, CONTENT_READERS, "see what a dose holds")
    patient = patient_for(work, patient_id)
    course = course_for(work, patient_id)
    facts = board.facts(work)
    steps = [one for one in repositories.activities(work.session, patient_id) if one.dose == dose]
    if not any(one.kind == facts.protocol.administration for one in steps):
        raise not_found("dose")
    found = _contents(work, facts, patient, course.coi, steps, dose, _arm_where_needed(work, facts, patient_id))
    work.audit("contents:read", patient_id, after={"dose": dose})
    return found


def contents_at(work: UnitOfWork, facts: Facts, courses: Mapping[str, Booked]) -> dict[tuple[str, int], Contents]:
    """What every dose of some booked courses holds, by patient and dose; none of a patient not randomised yet.

    Only for those who may see it. Whoever is shown it has that recorded.
    """
    arms = unblinded.arms(work.session) if facts.protocol.arms else {}
    found = {}
    for name, booked in courses.items():
        if name not in arms and facts.protocol.arms:
            continue
        for dose in sorted({one.dose for one in booked.activities if one.dose is not None}):
            steps = [one for one in booked.activities if one.dose == dose]
            found[name, dose] = _contents(work, facts, booked.patient, booked.course.coi, steps, dose, arms.get(name))
    return found


def _contents(
    work: UnitOfWork,
    facts: Facts,
    patient: PatientRow,
    coi: str,
    steps: list[ActivityRow],
    dose: int,
    arm: str | None,
) -> Contents:
    measured = repositories.latest_weight(work.session, patient.id, work.now)
    weight_kg = patient.weight_kg if measured is None else measured.weight_kg
    product = facts.protocol.product
    volume_ml, syringes = product.volume_ml(weight_kg), product.syringes(weight_kg)
    filled = next((one for one in steps if one.kind == facts.protocol.filled_in and one.actual_start_at), None)
    if filled is not None and filled.volume_ml is not None and filled.syringes is not None:
        volume_ml, syringes = filled.volume_ml, filled.syringes  # what is in the syringes, whatever was weighed since
    return Contents(
        patient=patient.id,
        dose=dose,
        coi=coi,
        make=arm is None or dose in facts.protocol.arm(arm).active,
        weight_kg=weight_kg,
        volume_ml=volume_ml,
        syringes=syringes,
        give_by=_give_by(facts, steps),
    )


def _arm_where_needed(work: UnitOfWork, facts: Facts, patient_id: str) -> str | None:
    return _arm(work, patient_id) if facts.protocol.arms else None


def _arm(work: UnitOfWork, patient_id: str) -> str:
    arm = unblinded.arm_of(work.session, patient_id)
    if arm is None:
        raise Refused("not-randomised", 409, "This patient is not randomised yet. Ask the statistician.")
    return arm


def _give_by(facts: Facts, steps: list[ActivityRow]) -> datetime | None:
    """The end of the shelf life, by actual times where they are recorded."""
    limit = facts.protocol.shelf_life
    if limit is None or limit.at_most_minutes is None:
        return None
    begins = next((one for one in steps if one.kind == limit.from_ref.kind), None)
    if begins is None:
        return None
    planned = begins.start_at if limit.from_ref.edge == "start" else begins.end_at
    actual = begins.actual_start_at if limit.from_ref.edge == "start" else begins.actual_end_at
    return (actual or planned) + timedelta(minutes=limit.at_most_minutes)


def open_emergency(
    work: UnitOfWork, board: Board, patient_id: str, *, reason: str, signed_meaning: str = "emergency unblinding"
) -> Opened:
    """Tell the caller one patient's arm, with a signature and an alarm to the statistician. The caller commits.

    Nothing of the arm is in the signature, the alarm or the audit trail.

    Raises
    ------
    Refused
        403 for other roles, 404 for another site's patient, 409 where nothing is blinded or nobody randomised,
        422 without a reason.
    """
    must_be(work.principal, OPENERS, "unblind a patient")
    patient_for(work, patient_id)
    protocol = board.facts(work).protocol
    if not protocol.arms or not protocol.blinded:
        raise Refused("not-blinded", 409, "This program is not blinded; there is nothing to open.")
    if not reason.strip():
        raise Refused("reason-missing", 422, "Unblinding a patient needs a reason.")
    arm = _arm(work, patient_id)
    name = f"opn_{secrets.token_hex(10)}"
    signed = {"opening": name, "patient": patient_id, "reason": reason, "opened_at": work.now}
    signature = work.sign(f"opening/{name}", signed, meaning=signed_meaning)
    unblinded.add_opening(
        work.session,
        UnblindedOpeningRow(
            id=name,
            patient=patient_id,
            reason=reason,
            signature=signature,
            opened_at=work.now,
            opened_by=work.principal.name,
        ),
    )
    work.audit("patient:unblinded", patient_id, reason=reason, after={"opening": name, "signature": signature})
    return Opened(name, patient_id, arm, work.now)


def alarms(work: UnitOfWork) -> list[UnblindedOpeningRow]:
    """Every emergency unblinding, the latest first."""
    must_be(work.principal, LIST_READERS, "see alarms")
    return unblinded.openings(work.session)


def acknowledge_alarm(work: UnitOfWork, opening_id: str) -> UnblindedOpeningRow:
    """The sponsor's unblinded side knows of an emergency unblinding. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 for an unknown alarm, 409 for one acknowledged before.
    """
    must_be(work.principal, STATISTICIAN, "acknowledge an alarm")
    row = unblinded.opening(work.session, opening_id)
    if row is None:
        raise not_found("alarm")
    if row.alarm_acknowledged_at is not None:
        raise Refused("already-acknowledged", 409, "This alarm was acknowledged before. There is nothing left to do.")
    row.alarm_acknowledged_at, row.alarm_acknowledged_by = work.now, work.principal.name
    work.audit("alarm:acknowledged", opening_id)
    return row
