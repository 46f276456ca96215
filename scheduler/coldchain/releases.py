"""Releases: a named person of quality says at two stages that a lot may be used, and signs it.

A lot that lives for days is given before its sterility is known. Where the test fails afterwards, the doctor who
treats the patient is told at once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from scheduler.booking.access import course_for, must_be
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.record import DONE
from scheduler.coldchain.notices import raise_notice
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts, activity_id
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables import CourseRow
from scheduler.persistence.tables_coldchain import DonationRow, DoseUnitRow, LotRow, ReleaseRow
from scheduler.persistence.unit_of_work import UnitOfWork

Stage = Literal["before_sterility", "final"]
RELEASERS = frozenset({Role.QA})
LOT_READERS = frozenset({Role.PLANNER, Role.QA, Role.AUDITOR})


@dataclass(frozen=True)
class ToldLot:
    """A lot with its units, and what was said of it."""

    row: LotRow
    units: list[DoseUnitRow]
    releases: list[ReleaseRow]


@dataclass(frozen=True)
class Made:
    """What was taken and made for one course."""

    coi: str
    donations: list[DonationRow]
    lots: list[ToldLot]


def lots_listed(work: UnitOfWork, course_id: str) -> Made:
    """Donations and lots of a course, those that failed as well; Refused 403 for other roles, 404 without a course."""
    must_be(work.principal, LOT_READERS, "see lots")
    course = course_for(work, course_id)
    lots = [
        ToldLot(one, custody.units_in(work.session, one.id), custody.releases_of(work.session, one.id))
        for one in custody.lots_of(work.session, course_id)
    ]
    return Made(course.coi, custody.donations_of(work.session, course_id), lots)


def release(
    work: UnitOfWork, facts: Facts, lot_id: str, *, stage: Stage, passed: bool, reason: str, signed_meaning: str | None
) -> ReleaseRow:
    """Say that a lot passed a stage, or failed it. The caller commits.

    Parameters
    ----------
    stage
        ``before_sterility`` once the quick tests are known, ``final`` once all are.
    reason
        What it rests on.

    Raises
    ------
    Refused
        403 for other roles and without a signature, 404 for an unknown lot, 409 where the stage was decided before,
        the first was failed or is still to come, or the lot was never filled.
    """
    must_be(work.principal, RELEASERS, "release a lot")
    lot = custody.lot(work.session, lot_id, lock=True)
    if lot is None:
        raise not_found("lot")
    if signed_meaning is None:
        raise Refused("signature-missing", 403, "A release is signed. Send signature with your own key.")
    _may_be_said(work, lot, stage)
    name = f"rel_{secrets.token_hex(10)}"
    signed = {"release": name, "lot": lot_id, "stage": stage, "passed": passed, "reason": reason}
    signature = work.sign(f"release/{name}", signed, meaning=signed_meaning)
    row = ReleaseRow(
        id=name,
        lot=lot_id,
        stage=stage,
        passed=passed,
        reason=reason,
        signature=signature,
        decided_at=work.now,
        decided_by=work.principal.name,
    )
    custody.add(work.session, row)
    work.audit("lot:released" if passed else "lot:failed", lot_id, reason=reason, after={"signed": signed})
    if not passed:
        _tell(work, facts, lot, stage)
    return row


def _may_be_said(work: UnitOfWork, lot: LotRow, stage: Stage) -> None:
    said = {one.stage: one for one in custody.releases_of(work.session, lot.id)}
    if not custody.units_in(work.session, lot.id):
        raise Refused("never-filled", 409, "The fill of this lot failed: there is nothing to release.")
    if stage in said:
        raise Refused("already-decided", 409, "This stage was decided before. What was signed stays.")
    first = said.get("before_sterility")
    if stage == "final" and (first is None or not first.passed):
        raise Refused("stage-before-missing", 409, "The lot has not passed the stage before sterility.")
    if stage == "before_sterility" and "final" in said:
        raise Refused("already-decided", 409, "The final stage was decided before. What was signed stays.")


def _tell(work: UnitOfWork, facts: Facts, lot: LotRow, stage: Stage) -> None:
    """Whom a failed lot concerns: once it could be given the doctor too, in words that tell nothing of what it held.

    An injection may be recorded late, so the doctor is not only told of what was recorded.
    """
    course = repositories.course(work.session, lot.course)
    assert course is not None
    given = repositories.activity(work.session, activity_id(lot.course, lot.dose, facts.protocol.administration))
    is_current = _is_current(work, lot)
    was_given = is_current and given is not None and given.status in DONE
    test = "its sterility test" if stage == "final" else "a test before its release"
    then = "It was given." if was_given else "Do not give it; keep it apart."
    _notice(work, course, lot, Role.PHARMACIST, f"The lot of dose {lot.dose} of {lot.course} failed {test}. {then}")
    if was_given or (is_current and stage == "final"):
        words = f"A test of dose {lot.dose} of {lot.course} failed: it may not be sterile."
        then = "By the records it was not given yet. Do not give it; if it was given, see the patient today."
        if was_given:
            then = "It was given. See the patient today and look for an infection."
        _notice(work, course, lot, Role.DOCTOR, f"{words} {then}")


def _is_current(work: UnitOfWork, lot: LotRow) -> bool:
    fill = repositories.activity(work.session, lot.activity)
    return fill is not None and fill.attempt == lot.attempt


def _notice(work: UnitOfWork, course: CourseRow, lot: LotRow, role: Role, sentence: str) -> None:
    raise_notice(
        work, "lot_failed", role, site=course.site, patient=course.id, dose=lot.dose, sentence=sentence, urgent=True
    )
