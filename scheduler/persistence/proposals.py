"""Events, proposed plans, what they change for sites, and decisions, as questions and changes of a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from scheduler.persistence.tables_plans import DecisionRow, EventRow, PlanRow, ProposalRow, VisitChangeRow


def add_event(session: Session, row: EventRow) -> None:
    """Enter what went wrong."""
    session.add(row)
    session.flush()


def event(session: Session, name: str) -> EventRow | None:
    """An event by its id."""
    return session.get(EventRow, name)


def events(session: Session, *, site: str | None, before: tuple[str, str] | None, limit: int) -> list[EventRow]:
    """What went wrong at a site or at all, the latest first, of what was reported before an (instant, id)."""
    query = select(EventRow).order_by(col(EventRow.reported_at).desc(), col(EventRow.id).desc()).limit(limit)
    if site is not None:
        query = query.where(EventRow.site == site)
    if before is not None:
        at = datetime.fromisoformat(before[0])
        same = (col(EventRow.reported_at) == at) & (col(EventRow.id) < before[1])
        query = query.where((col(EventRow.reported_at) < at) | same)
    return list(session.exec(query))


def add(session: Session, plan: PlanRow, proposal: ProposalRow) -> int:
    """Enter a plan with its proposal; the number both have from now on."""
    session.add(plan)
    session.flush()
    assert plan.id is not None, "a row that was written has its number"
    proposal.plan = plan.id
    session.add(proposal)
    session.flush()
    return plan.id


def add_changes(session: Session, changes: Sequence[VisitChangeRow]) -> None:
    """Enter what a plan changes for sites, as it is published."""
    session.add_all(changes)
    session.flush()


def plan(session: Session, number: int, *, lock: bool) -> tuple[PlanRow, ProposalRow] | None:
    """A plan that was proposed, with `lock` to be changed; None for others, such as one that was imported."""
    row = session.get(PlanRow, number, with_for_update=lock or None)
    proposal = session.get(ProposalRow, number)
    return None if row is None or proposal is None else (row, proposal)


def proposal(session: Session, number: int) -> ProposalRow | None:
    """What a plan proposed; None for a plan that was not a proposal."""
    return session.get(ProposalRow, number)


def in_state(session: Session, state: str) -> list[PlanRow]:
    """The plans in a state, oldest first."""
    return list(session.exec(select(PlanRow).where(PlanRow.state == state).order_by(col(PlanRow.id))))


def of_run(session: Session, run: int) -> list[ProposalRow]:
    """What a run proposed, oldest first; more than one where moves were refused."""
    return list(session.exec(select(ProposalRow).where(ProposalRow.run == run).order_by(col(ProposalRow.plan))))


class Told(NamedTuple):
    """Changes of visits, and the number of the last plan among them where there are more of older plans."""

    rows: list[VisitChangeRow]
    more: list[int] | None


def changes_told(session: Session, *, site: str | None, before: int | None, limit: int) -> Told:
    """What published plans changed for a site or for all, the newest plan first, of plans older than a number.

    Whole plans are given: as many as have at most `limit` changes together, at least one.
    """
    query = select(VisitChangeRow.plan, func.count()).group_by(col(VisitChangeRow.plan))
    changes = select(VisitChangeRow).order_by(col(VisitChangeRow.plan).desc(), col(VisitChangeRow.visit))
    if site is not None:
        query, changes = query.where(VisitChangeRow.site == site), changes.where(VisitChangeRow.site == site)
    if before is not None:
        query = query.where(col(VisitChangeRow.plan) < before)
    counted = list(session.exec(query.order_by(col(VisitChangeRow.plan).desc()).limit(limit + 1)))
    many = list(accumulate(count for _, count in counted))
    shown = [plan for (plan, _), total in zip(counted, many, strict=True) if total <= limit or plan == counted[0][0]]
    rows = list(session.exec(changes.where(col(VisitChangeRow.plan).in_(shown))))
    return Told(rows, [shown[-1]] if len(shown) < len(counted) else None)


def changes_of(session: Session, plan: int, site: str) -> list[VisitChangeRow]:
    """What a published plan changed for a site, by visit."""
    query = select(VisitChangeRow).where(VisitChangeRow.plan == plan, VisitChangeRow.site == site)
    return list(session.exec(query.order_by(col(VisitChangeRow.visit))))


def decision(session: Session, name: str) -> DecisionRow | None:
    """A decision by its id."""
    return session.get(DecisionRow, name)


def open_decisions(session: Session, course: str | None = None) -> list[DecisionRow]:
    """Decisions nobody has settled yet, of one course or of all, oldest first."""
    query = select(DecisionRow).where(col(DecisionRow.settled_at).is_(None))
    if course is not None:
        query = query.where(DecisionRow.course == course)
    return list(session.exec(query.order_by(col(DecisionRow.raised_at), col(DecisionRow.id))))


def decisions(session: Session, *, site: str | None, course: str | None = None) -> list[DecisionRow]:
    """Every decision of a site or of all, oldest first."""
    query = select(DecisionRow)
    if site is not None:
        query = query.where(DecisionRow.site == site)
    if course is not None:
        query = query.where(DecisionRow.course == course)
    return list(session.exec(query.order_by(col(DecisionRow.raised_at), col(DecisionRow.id))))


def add_decision(session: Session, row: DecisionRow) -> None:
    """Enter a decision."""
    session.add(row)
    session.flush()


def settle(row: DecisionRow, outcome: str, by: str, at: datetime, note: str | None = None) -> None:
    """Say what came of a decision."""
    row.outcome, row.settled_by, row.settled_at, row.note = outcome, by, at, note
    row.version += 1
