"""Decisions: a dose that the plan cannot keep stays open until it is planned again or somebody gives it up for good."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from scheduler.booking.access import must_be, version_is
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.record import complete
from scheduler.booking.remake import free
from scheduler.domain.audience import Audience, NeutralReason, Principal, Role
from scheduler.domain.course import Facts, follow_up_id
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence import proposals, repositories
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.tables_plans import DecisionRow
from scheduler.persistence.unit_of_work import UnitOfWork

DECIDERS = frozenset({Role.PLANNER, Role.DOCTOR})


class Lost(Protocol):
    """A dose that was given up, and until when deciding otherwise still helps."""

    @property
    def patient(self) -> str: ...
    @property
    def dose(self) -> int: ...
    @property
    def cause(self) -> str: ...
    @property
    def neutral(self) -> NeutralReason | None: ...
    @property
    def remake_until(self) -> datetime | None: ...
    @property
    def deviation_until(self) -> datetime | None: ...


def raise_decisions(work: UnitOfWork, losses: Iterable[Lost], *, plan: int | None) -> list[DecisionRow]:
    """Open a decision for each lost dose that has none, and bring the last moments of the others up to date."""
    raised: list[DecisionRow] = []
    for lost in losses:
        known = [one for one in proposals.open_decisions(work.session, lost.patient) if one.dose == lost.dose]
        for row in known:
            row.remake_until, row.deviation_until = lost.remake_until, lost.deviation_until
        if not known:
            raised.append(_raised(work, lost, plan))
    return raised


def _raised(work: UnitOfWork, lost: Lost, plan: int | None) -> DecisionRow:
    course = repositories.course(work.session, lost.patient)
    assert course is not None, "a dose that was lost had a course"
    row = DecisionRow(
        id=f"dec_{secrets.token_hex(10)}",
        course=lost.patient,
        site=course.site,
        dose=lost.dose,
        plan=plan,
        cause=lost.cause,
        neutral=lost.neutral,
        raised_at=work.now,
        remake_until=lost.remake_until,
        deviation_until=lost.deviation_until,
    )
    proposals.add_decision(work.session, row)
    work.audit("decision:raised", row.id, after={"course": row.course, "dose": row.dose, "plan": plan})
    return row


def settle_planned(work: UnitOfWork, facts: Facts, courses: Sequence[PlannedCourse]) -> None:
    """Decisions on doses that have a place again are settled by that."""
    for course in courses:
        for row in proposals.open_decisions(work.session, course.patient):
            if course.find(facts.protocol.administration, row.dose) is not None:
                proposals.settle(row, "planned", work.principal.name, work.now)
                work.audit("decision:settled", row.id, after={"outcome": "planned"})


def skip(
    work: UnitOfWork,
    board: Board,
    decision_id: str,
    *,
    reason: str,
    signed_meaning: str | None,
    expected_version: int | None = None,
) -> DecisionRow:
    """Give a dose up for good: from now on no plan looks for a place for it. The caller commits.

    What lies ahead of it is given up, its visits are cancelled, and what it would have held is free. What was done for
    it stays on record.

    Raises
    ------
    Refused
        403 for other roles or without a signature, 404 unknown or another site's, 409 when it is settled already,
        412 for a stale version.
    """
    must_be(work.principal, DECIDERS, "give a dose up")
    revision = work.lock_board()
    row = decision_for(work, decision_id)
    version_is(row, expected_version)
    if row.settled_at is not None:
        raise Refused("decision-settled", 409, f"This decision is settled already: the dose was {row.outcome}.")
    if signed_meaning is None or not signed_meaning.strip():
        raise Refused("signature-missing", 403, "Giving a dose up is signed. Sign it with your key and what it means.")
    signed = {"decision": row.id, "course": row.course, "dose": row.dose, "outcome": "skipped", "reason": reason}
    signature = work.sign(f"decision/{row.id}", signed, meaning=signed_meaning)
    proposals.settle(row, "skipped", work.principal.name, work.now, reason)
    _end_dose(work, board.facts(work), row, revision)
    work.audit("decision:settled", row.id, reason=reason, after={"signature": signature, "signed": signed})
    return row


def _end_dose(work: UnitOfWork, facts: Facts, decision: DecisionRow, revision: int) -> None:
    """What lies ahead of a dose, and the follow-up visits that count from it, are no part of the plan any more."""
    course = repositories.course(work.session, decision.course, lock=True)
    patient = repositories.patient(work.session, decision.course)
    assert course is not None and patient is not None, "a decision is about a course"
    rows = {one.id: one for one in repositories.activities(work.session, course.id)}
    counted = {follow_up_id(course.id, one.name) for one in facts.protocol.follow_ups if one.anchor == decision.dose}
    ended = [one for one in rows.values() if one.dose == decision.dose or one.id in counted]
    ended = [one for one in ended if one.status == "open" or (one.status == "planned" and one.end_at > work.now)]
    free(work, course.id, {one.id: one.attempt for one in ended}, revision)
    for one in ended:
        _ended(work, one)
    course.version += 1
    complete(work, facts, course, patient, rows)


def _ended(work: UnitOfWork, row: ActivityRow) -> None:
    row.status, row.changed_at, row.version = "given_up", work.now, row.version + 1
    visit = repositories.visit(work.session, row.id)
    if visit is not None:
        visit.status, visit.changed_at, visit.version = "cancelled", work.now, visit.version + 1
        visit.confirmed_at = visit.confirmed_by = None


def decision_for(work: UnitOfWork, name: str) -> DecisionRow:
    """A decision the actor may see; Refused 404 otherwise."""
    row = proposals.decision(work.session, name)
    if row is None or not work.principal.may_see_site(row.site):
        raise not_found("decision")
    return row


def decisions_listed(work: UnitOfWork, *, all_of_them: bool) -> list[DecisionRow]:
    """The open decisions of the actor's site or of all sites, or with `all_of_them` the settled ones, too."""
    found = proposals.decisions(work.session, site=work.principal.site)
    return [one for one in found if all_of_them or one.settled_at is None]


class Moments(NamedTuple):
    """Until when a decision helps, as its reader may know; None where it does not, or must not be told."""

    remake_until: datetime | None
    deviation_until: datetime | None


def moments_told(facts: Facts, reader: Principal, row: DecisionRow) -> Moments:
    """The last moments of a decision for a reader.

    Where a masked program is planned with the arm, how long making a dose again takes depends on what it holds, so that
    nobody at a site is told. Source: docs/domain.md section 4.
    """
    tells_the_arm = facts.protocol.blinded and facts.policy.capacity != "shadow"
    if tells_the_arm and reader.audience not in (Audience.PLANT, Audience.AUDITOR):
        return Moments(None, None)
    return Moments(row.remake_until, row.deviation_until)


def skipped_doses(work: UnitOfWork, course: str | None = None) -> dict[str, frozenset[int]]:
    """By patient, the doses that were given up for good, in one course or in all."""
    found: dict[str, frozenset[int]] = {}
    for row in proposals.decisions(work.session, site=None, course=course):
        if row.outcome == "skipped":
            found[row.course] = found.get(row.course, frozenset()) | {row.dose}
    return found
