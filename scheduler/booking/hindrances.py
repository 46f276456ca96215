"""Hindrances: what keeps one patient's steps from a while, and the visits that it hits. Declaring one moves nobody."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.booking.access import must_be, patient_for, version_is
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.hits import visits_hit
from scheduler.booking.record import SEE_PLANT
from scheduler.domain.audience import NeutralReason, Principal, Role
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.protocol import Protocol
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import hindrance_of, kinds_of
from scheduler.persistence.tables import HindranceRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

OF_VISITS = frozenset({Role.PLANNER, Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR})
OF_THE_PLANT = frozenset({Role.PLANNER, Role.QA})
DECLARERS = OF_VISITS | OF_THE_PLANT
Kinds = tuple[str, ...] | None


@dataclass(frozen=True)
class Declared:
    """A hindrance and the planned visits that cannot stay as they are; the actor may see all of them."""

    hindrance: HindranceRow
    visits: tuple[VisitRow, ...]


def declare(
    work: UnitOfWork,
    board: Board,
    *,
    patient: str,
    kinds: Kinds,
    dose: int | None,
    start_at: datetime,
    end_at: datetime,
    reason: str,
    neutral: NeutralReason | None = None,
) -> Declared:
    """Declare that steps of one patient cannot be done in ``[start_at, end_at)``.

    `kinds` are the steps, ``follow_up`` for follow-up visits, None for all that is attended; `dose` is the dose meant,
    None for all. `neutral` is what may be said of it to the blinded: ``patient`` unless stated, and always ``supply``
    where steps are meant that nobody attends. From then on nothing is offered there. The caller commits.

    Raises
    ------
    Refused
        403 for other roles (people of a site: visits; the plant: everything, QA what nobody attends), 404 for a patient
        unknown or not the actor's, 422 for a stretch that is over or none, an unknown step or dose, or no reason.
    """
    must_be(work.principal, DECLARERS, "declare a hindrance")
    facts = board.facts(work)
    patient_for(work, patient)
    _known(facts, kinds, dose)
    _must_be_ones_own(work.principal, facts.protocol, kinds, "declare such a hindrance")
    said: NeutralReason = (neutral or "patient") if is_of_visits(facts.protocol, kinds) else "supply"
    return enter(
        work, facts, patient=patient, kinds=kinds, dose=dose, during=(start_at, end_at), reason=reason, neutral=said
    )


def enter(
    work: UnitOfWork,
    facts: Facts,
    *,
    patient: str,
    kinds: Kinds,
    dose: int | None,
    during: tuple[datetime, datetime],
    reason: str,
    neutral: NeutralReason,
) -> Declared:
    """Take a hindrance down, whoever says so; Refused 422 for a stretch that is over or none, or no reason."""
    start_at, end_at = during
    if end_at <= start_at:
        raise Refused("ends-before-start", 422, "end_at must lie after start_at.")
    if end_at <= work.now:
        raise Refused("in-the-past", 422, "This stretch is over. A hindrance must end in the future.")
    if not reason.strip():
        raise Refused("reason-missing", 422, "A hindrance needs a reason.")
    row = HindranceRow(
        id=f"hin_{secrets.token_hex(10)}",
        patient=patient,
        kinds=None if kinds is None else json.dumps(sorted(set(kinds))),
        dose=dose,
        start_at=start_at,
        end_at=end_at,
        reason=reason,
        neutral=neutral,
        declared_at=work.now,
        declared_by=work.principal.name,
    )
    occupancy.count_up_calendar(work.session)  # takes the board: no booking comes in between
    visits = _hits(work, facts, row)
    repositories.add_hindrance(work.session, row)
    told: dict[str, object] = {
        "patient": patient,
        "kinds": kinds_of(row),
        "dose": dose,
        "start_at": start_at,
        "end_at": end_at,
    }
    told |= {"neutral": row.neutral, "visits": [one.id for one in visits]}
    work.audit("hindrance:declared", row.id, reason=reason, after=told)
    return Declared(row, tuple(visits))


def keep_masked(work: UnitOfWork, patient: str, kind: str, dose: int, until: datetime, reason: str) -> None:
    """Keep a step of a dose from coming before an instant, whatever the dose holds. The caller commits.

    Nobody declares this: it follows from what happened. Source: docs/domain.md section 4 (the same minimum rebooking
    lead time for every arm).
    """
    row = HindranceRow(
        id=f"hin_{secrets.token_hex(10)}",
        patient=patient,
        kinds=json.dumps([kind]),
        dose=dose,
        start_at=work.now,
        end_at=until,
        reason=reason,
        neutral="supply",
        declared_at=work.now,
        declared_by=work.principal.name,
    )
    occupancy.count_up_calendar(work.session)
    repositories.add_hindrance(work.session, row)
    work.audit("hindrance:declared", row.id, reason=reason, after={"patient": patient, "dose": dose, "end_at": until})


def withdraw(work: UnitOfWork, board: Board, hindrance_id: str, *, expected_version: int | None = None) -> HindranceRow:
    """Take a hindrance back: from now on it is as if it had never been declared. The caller commits.

    Raises
    ------
    Refused
        403 for those who could not have declared it, 404 unknown or not the actor's to see, 409 when withdrawn before,
        412 for a stale version.
    """
    must_be(work.principal, DECLARERS, "withdraw a hindrance")
    protocol = board.facts(work).protocol
    occupancy.count_up_calendar(work.session)
    row = shown(work, board, hindrance_id)
    _must_be_ones_own(work.principal, protocol, kinds_of(row), "withdraw this hindrance")
    version_is(row, expected_version)
    if row.withdrawn_at is not None:
        raise Refused("already-withdrawn", 409, "This hindrance was withdrawn before. There is nothing left to do.")
    row.withdrawn_at, row.version = work.now, row.version + 1
    work.audit("hindrance:withdrawn", hindrance_id)
    return row


def shown(work: UnitOfWork, board: Board, hindrance_id: str) -> HindranceRow:
    """A hindrance the actor may see; Refused 404 otherwise."""
    row = repositories.hindrance(work.session, hindrance_id)
    if row is None or not _may_see(work, board.facts(work).protocol, row):
        raise not_found("hindrance")
    return row


def listed(work: UnitOfWork, board: Board) -> list[HindranceRow]:
    """The hindrances declared and not withdrawn that the actor may see, by start."""
    rows = repositories.hindrances(work.session)
    return [row for row in rows if _may_see(work, board.facts(work).protocol, row)]


def is_of_visits(protocol: Protocol, kinds: Kinds) -> bool:
    """Whether only what a patient attends is meant; everything else tells of cells, and is the plant's."""
    attended = {step.kind for step in protocol.steps if step.attended} | {FOLLOW_UP}
    return kinds is None or attended.issuperset(kinds)


def _may_see(work: UnitOfWork, protocol: Protocol, row: HindranceRow) -> bool:
    """The plant's side sees all; everybody at a site those of its patients' visits and no more."""
    if work.principal.audience in SEE_PLANT:
        return True
    patient = repositories.patient(work.session, row.patient)
    own = patient is not None and work.principal.site is not None and work.principal.site == patient.site
    return own and is_of_visits(protocol, kinds_of(row))


def _known(facts: Facts, kinds: Kinds, dose: int | None) -> None:
    steps = {step.kind for step in facts.protocol.steps if step.hold is None} | {FOLLOW_UP}
    if kinds is not None and (not kinds or not steps.issuperset(kinds)):
        names = ", ".join(sorted(steps))
        raise Refused(
            "unknown-step",
            422,
            f"kinds must name steps that begin by themselves: {names}. Leave it out to mean all visits.",
            blinded_sentence="kinds must name steps that a patient attends. Leave it out to mean all visits.",
        )
    if dose is not None and dose not in {one.number for one in facts.protocol.doses}:
        raise Refused("unknown-dose", 422, "This protocol has no such dose. Leave it out to mean all of them.")


def _must_be_ones_own(principal: Principal, protocol: Protocol, kinds: Kinds, what: str) -> None:
    must_be(principal, OF_VISITS if is_of_visits(protocol, kinds) else OF_THE_PLANT, what)


def _hits(work: UnitOfWork, facts: Facts, row: HindranceRow) -> list[VisitRow]:
    if repositories.course(work.session, row.patient) is None:
        return []
    return visits_hit(work, facts, replace(facts, hindrances=(*facts.hindrances, hindrance_of(row))), [row.patient])
