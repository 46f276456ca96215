"""A repair as a plan that is proposed: kept with what it changes, until it is approved, rejected or overtaken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from scheduler.booking.override import FENCE
from scheduler.documents.diff_json import diff_json
from scheduler.documents.diff_text import diff_lines
from scheduler.documents.plan_json import plan_json
from scheduler.domain.course import FOLLOW_UP
from scheduler.domain.diff import PlanDiff, VisitChange, counts, moves_cost, plan_diff
from scheduler.domain.plan import Activity
from scheduler.persistence import proposals as rows
from scheduler.persistence.tables_plans import PlanRow, ProposalRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.snapshot import Snapshot
from scheduler.reoptimise.solving import Loss, Solution

STATE_WORDS = {
    "approved": "was approved",
    "published": "is published",
    "superseded": "was overtaken by a later one",
    "rejected": "was rejected",
}


def propose(
    work: UnitOfWork,
    snapshot: Snapshot,
    solution: Solution,
    *,
    run: int | None = None,
    revises: int | None = None,
    refused: frozenset[str] = frozenset(),
) -> ProposalRow:
    """Keep a repair as a proposed plan; earlier proposals are overtaken by it. The caller commits.

    Parameters
    ----------
    run
        The run that found it; None for one that answers an event.
    revises
        The plan some of whose moves were refused.
    refused
        The visits that had to keep their times.
    """
    plan, facts = solution.repaired.plan, snapshot.facts
    confirmed = frozenset(one for standing in snapshot.standings for one in standing.confirmed)
    diff = plan_diff(snapshot.plan, plan, facts, now=snapshot.at, confirmed=confirmed, reasons=dict(solution.reasons))
    for old in rows.in_state(work.session, "proposed"):
        overtake(work, old)
    document = plan_json(plan, facts.network)
    row = PlanRow(
        program=plan.program,
        state="proposed",
        document=document,
        sha256=hashlib.sha256(document.encode()).hexdigest(),
        made_at=work.now,
        made_by=work.principal.name,
    )
    found, waits = figures(solution, diff), waits_for(snapshot, solution, diff)
    proposal = ProposalRow(
        plan=0,
        run=run,
        revises=revises,
        revision=snapshot.revision,
        calendar_revision=snapshot.calendars,
        changed=json.dumps({name: snapshot.versions[name] for name in sorted(solution.changed)}),
        refused=json.dumps(sorted(refused)),
        losses=json.dumps([loss_json(one) for one in solution.losses]),
        visits=json.dumps([visit_columns(one) for one in diff.visits if one.change != "kept"]),
        diff=diff_json(diff, facts.network),
        text="\n".join(diff_lines(diff, facts)),
        figures=json.dumps(found),
        waits_for=waits,
        approve_by=None if waits is None else approve_by(snapshot, solution, diff),
    )
    number = rows.add(work.session, row, proposal)
    work.audit("plan:proposed", f"plan/{number}", after={"sha256": row.sha256, "run": run, **found})
    return proposal


def overtake(work: UnitOfWork, row: PlanRow) -> None:
    """A plan that was proposed or published has a later one in its place."""
    row.state, row.version = "superseded", row.version + 1
    work.audit("plan:superseded", f"plan/{row.id}")


def waits_for(snapshot: Snapshot, solution: Solution, diff: PlanDiff) -> str | None:
    """Why a person has to approve a plan before it is published; None where the policy lets it go out by itself."""
    policy = snapshot.facts.policy
    lost, most = len(solution.given_up), policy.unattended_visits
    near = sum(one.id in snapshot.let_go for one in diff.visits if one.change != "kept")
    plant_at = snapshot.at + timedelta(days=policy.plant_fence_days)
    soon = sum(one.start_at < plant_at for one in begun_anew(snapshot, solution))
    confirmed = sum(one.confirmed for one in diff.visits if one.change in ("moved", "dropped"))
    moved = counts(diff.visits)["moved"] + counts(diff.visits)["dropped"]
    if lost:
        return f"It gives up {_many(lost, 'dose')}.{_made_again(snapshot, solution)}"
    if confirmed:
        return f"It moves {_many(confirmed, 'visit')} that a patient has confirmed."
    if near:
        return f"It moves {_many(near, 'visit')} that {_is(near)} nearer than {policy.patient_fence_days} days."
    if soon:
        return f"It begins {_many(soon, 'step')} that {_is(soon)} nearer than {policy.plant_fence_days} days."
    if moved > most:
        return f"It moves {_many(moved, 'visit')}; the policy lets at most {most} move unattended."
    if solution.repaired.stuck:
        return "It leaves something broken that may no longer move."
    return None


def _made_again(snapshot: Snapshot, solution: Solution) -> str:
    """What else could be done for first doses whose harvest is over: no repair goes back behind what was done."""
    first = {(one.patient, one.dose) for one in solution.given_up}
    begun = [
        one.patient.id
        for one in snapshot.standings
        if (one.patient.id, snapshot.facts.protocol.doses[0].number) in first
        and any(step.dose is None and step.kind != FOLLOW_UP for step in one.course.activities if step.id in one.fixed)
    ]
    if not begun:
        return ""
    return (
        f" Before it is signed: where the lot of dose 1 of {', '.join(begun)} is reported as failed, that dose is made "
        "again, from the patient bank or a new harvest, and the later doses follow it."
    )


def approve_by(snapshot: Snapshot, solution: Solution, diff: PlanDiff) -> datetime | None:
    """The last instant at which approving a plan still lets it be carried out, and moves nothing that is too near.

    That is a day before the first step with a new time begins, where that still lies ahead, else when it begins: a
    signature may go into the plant's fence, and nothing new is begun within a day, whoever says so. It is sooner where
    a visit that moves comes inside the patients' fence before that. None where nothing begins anew and nothing moves.
    """
    first = min((one.start_at for one in begun_anew(snapshot, solution)), default=None)
    begins = None if first is None else first - FENCE if first - FENCE > snapshot.at else first
    fence = timedelta(days=snapshot.facts.policy.patient_fence_days)
    changed = (one for one in diff.visits if one.change != "kept" and one.id not in snapshot.let_go)
    near = (one.before.start_at - fence for one in changed if one.before is not None)
    return min((at for at in (begins, *near) if at is not None and at > snapshot.at), default=None)


def begun_anew(snapshot: Snapshot, solution: Solution) -> list[Activity]:
    """The steps of the courses a plan changes that begin at another time or place than before, or were not there."""
    old = {one.id: (one.start_at, one.place, one.lane) for course in snapshot.plan.courses for one in course.activities}
    return [
        one
        for course in solution.repaired.plan.courses
        if course.patient in solution.changed
        for one in course.activities
        if old.get(one.id) != (one.start_at, one.place, one.lane)
    ]


def figures(solution: Solution, diff: PlanDiff) -> dict[str, Any]:
    """What a repair does, in numbers: doses, moves, and how near to the least the proof comes."""
    repaired, number = solution.repaired, counts(diff.visits)
    moved, retimed = moves_cost(diff)
    return {
        "patients": sorted(repaired.changed),
        "visits_moved": number["moved"] + number["dropped"],
        "visits_retimed": retimed,
        "moves_cost": moved,
        "doses_lost": [[one.patient, one.dose] for one in solution.given_up],
        "doses_without_a_place": len(solution.losses),
        "undecided": sorted({name for one in repaired.stuck for name in one.activities}),
        "price": list(repaired.price),
        "bound": list(repaired.bound),
        "proven": repaired.is_proven,
    }


def losses_of(proposal: ProposalRow) -> list[Loss]:
    """The doses a proposed plan gives up."""
    return [_loss(one) for one in json.loads(proposal.losses)]


def visit_columns(one: VisitChange) -> dict[str, Any]:
    """The columns of a row of `visit_change` as plain JSON: nothing here has known the plant."""
    times: dict[str, datetime | None] = {
        "before_start_at": one.before.start_at if one.before else None,
        "before_end_at": one.before.end_at if one.before else None,
        "after_start_at": one.after.start_at if one.after else None,
        "after_end_at": one.after.end_at if one.after else None,
    }
    return {
        "visit": one.id,
        "patient": one.patient,
        "site": one.site,
        "kind": one.kind,
        "dose": one.dose,
        "name": one.name,
        "change": one.change,
        "reason": one.reason,
        **{name: None if at is None else at.isoformat() for name, at in times.items()},
    }


def loss_json(loss: Loss) -> dict[str, Any]:
    """A loss as plain JSON."""
    instants = {name: _text(getattr(loss, name)) for name in ("remake_until", "deviation_until")}
    return asdict(loss) | instants


def _loss(found: Mapping[str, Any]) -> Loss:
    instants = {name: _instant(found[name]) for name in ("remake_until", "deviation_until")}
    return Loss(**{**found, **instants})


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
