"""Publish: a repair is put forward, goes out by itself or waits, and is approved or rejected by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from scheduler.booking.access import must_be
from scheduler.booking.board import Board
from scheduler.booking.decisions import raise_decisions, settle_planned
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.replan import replan
from scheduler.documents.plan_reader import plan_from_json
from scheduler.domain.audience import Role
from scheduler.persistence import occupancy, repositories
from scheduler.persistence import proposals as rows
from scheduler.persistence.tables_plans import PlanRow, ProposalRow, VisitChangeRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.proposals import STATE_WORDS, losses_of, overtake, propose
from scheduler.reoptimise.snapshot import Snapshot
from scheduler.reoptimise.solving import Solution

APPROVERS = frozenset({Role.PLANNER})
AGAIN = "Ask for a new run and approve what it proposes."
OUTDATED = f"What this plan was worked out from has changed since. {AGAIN}"
INSTANTS = ("before_start_at", "before_end_at", "after_start_at", "after_end_at")


def put_forward(
    work: UnitOfWork, board: Board, snapshot: Snapshot, solution: Solution, *, run: int | None = None
) -> ProposalRow | None:
    """Propose what a search found, and publish it where the policy lets it go out by itself. The caller commits.

    A dose that had no place before and has none now is a decision at once. None where nothing would change.

    Raises
    ------
    Refused
        409 when something that the search relied on has changed since.
    """
    raise_decisions(work, [one for one in solution.losses if not one.was_planned], plan=None)
    if not solution.changed:
        return None
    proposal = propose(work, snapshot, solution, run=run)
    if proposal.waits_for is None:
        row, _ = proposed(work, proposal.plan)
        publish(work, board, row, proposal)
    return proposal


def approve(work: UnitOfWork, board: Board, number: int, *, note: str | None, signed_meaning: str | None) -> PlanRow:
    """Approve a proposed plan by name and signature, and publish it in the same step. The caller commits.

    Raises
    ------
    Refused
        403 for other roles or without a signature, 404 unknown, 409 when it is no longer proposed, when its time is
        over, or when what it relies on has changed: then it stays proposed, and nothing was changed.
    """
    must_be(work.principal, APPROVERS, "approve a plan")
    row, proposal = proposed(work, number)
    if signed_meaning is None or not signed_meaning.strip():
        raise Refused("signature-missing", 403, "Approving a plan is signed. Sign it with your key and what it means.")
    if proposal.approve_by is not None and work.now > proposal.approve_by:
        until = proposal.approve_by.astimezone(UTC)
        raise Refused("too-late", 409, f"This plan could be approved until {until:%Y-%m-%d %H:%M} UTC. {AGAIN}")
    signed = {"plan": number, "sha256": row.sha256, "note": note}
    signature = work.sign(f"plan/{number}", signed, meaning=signed_meaning)
    row.state, row.version = "approved", row.version + 1
    work.audit("plan:approved", f"plan/{number}", reason=note, after={"signature": signature, "signed": signed})
    publish(work, board, row, proposal)
    return row


def reject(work: UnitOfWork, number: int, *, reason: str) -> PlanRow:
    """Turn a proposed plan down; the plan in force stays. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 unknown, 409 when it is no longer proposed.
    """
    must_be(work.principal, APPROVERS, "reject a plan")
    row, _ = proposed(work, number)
    row.state, row.version = "rejected", row.version + 1
    work.audit("plan:rejected", f"plan/{number}", reason=reason)
    return row


def publish(work: UnitOfWork, board: Board, row: PlanRow, proposal: ProposalRow) -> None:
    """Make a plan the one in force: its courses take up their times, and what changes is there to be told.

    Raises
    ------
    Refused
        409 when a course it changes, or a closure, has changed since; when a unit is taken by now; or when the referee
        finds a rule broken that was not broken before.
    """
    work.lock_board()
    _up_to_date(work, proposal)
    versions: dict[str, int] = json.loads(proposal.changed)
    plan = plan_from_json(row.document, f"plan/{row.id}")
    changes = [_change(work, proposal.plan, one) for one in json.loads(proposal.visits)]
    courses = [one for one in plan.courses if one.patient in versions]
    try:
        replan(work, board, courses, {one.visit: one.reason for one in changes}, why=f"plan {row.id}")
    except Refused as refused:
        if refused.slug != "offer-gone":
            raise
        raise Refused("plan-outdated", 409, OUTDATED) from refused
    rows.add_changes(work.session, changes)
    settle_planned(work, board.facts(work), courses)
    raise_decisions(work, losses_of(proposal), plan=row.id)
    for old in rows.in_state(work.session, "published"):
        overtake(work, old)
    row.state, row.version = "published", row.version + 1
    work.audit("plan:published", f"plan/{row.id}", after={"sha256": row.sha256, "courses": sorted(versions)})


def proposed(work: UnitOfWork, number: int) -> tuple[PlanRow, ProposalRow]:
    """A plan that waits to be approved; Refused 404 unknown, 409 when something has become of it already."""
    found = rows.plan(work.session, number, lock=work.writes)
    if found is None:
        raise not_found("plan")
    row, _ = found
    if row.state != "proposed":
        raise Refused("plan-closed", 409, f"This plan {STATE_WORDS[row.state]}. Look for the one that is proposed now.")
    return found


def _up_to_date(work: UnitOfWork, proposal: ProposalRow) -> None:
    versions: dict[str, int] = json.loads(proposal.changed)
    now = repositories.courses_named(work.session, sorted(versions))
    same = all(name in now and now[name].version == version for name, version in versions.items())
    if not same or occupancy.board(work.session).calendars != proposal.calendar_revision:
        raise Refused("plan-outdated", 409, OUTDATED)


def _change(work: UnitOfWork, plan: int, found: dict[str, Any]) -> VisitChangeRow:
    """A change as it is told; a visit that lost its date before keeps the reason that was given then."""
    visit = repositories.visit(work.session, found["visit"])
    if found["reason"] is None and visit is not None and visit.status == "open":
        found = {**found, "reason": visit.reason}
    instants = {name: None if found[name] is None else datetime.fromisoformat(found[name]) for name in INSTANTS}
    return VisitChangeRow(**{**found, **instants}, plan=plan, told_at=work.now)
