"""What a worker looks after between the nights. Holds need nothing: one that has run out is as if it never was."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, tzinfo

from scheduler.booking.hits import BROKEN_BY_CALENDARS
from scheduler.booking.in_force import plan_in_force
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.rules_context import Judged
from scheduler.persistence import audit, occupancy
from scheduler.persistence import runs as rows
from scheduler.persistence.answers import Answers
from scheduler.persistence.database import Database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.runs import PROGRAM, ask
from scheduler.reoptimise.worker import Worker

log = logging.getLogger("marrowline.worker")


@dataclass(frozen=True)
class AuditHead:
    """The end of the audit trail, to be kept outside the database; `holds` is false where the chain is broken."""

    entries: int
    hash: str
    holds: bool


def forget_answers(database: Database, now: datetime) -> int:
    """Forget answers to requests that nobody will send again; how many."""
    return Answers(database).prune(now)


def audit_head(database: Database) -> AuditHead:
    """Follow the audit trail from its first entry and log where it ends, or the first entry that does not hold."""
    with database.session() as session:
        found = audit.verify(session)
    if isinstance(found, audit.Broken):
        fields: dict[str, object] = {"entry": found.entry, "problem": found.problem}
        log.error("audit trail does not hold", extra={"fields": fields})
        return AuditHead(found.entry - 1, "", False)
    log.info("audit head", extra={"fields": {"entries": found.entries, "hash": found.head}})
    return AuditHead(found.entries, found.head, True)


def recheck_closures(database: Database, worker: Worker, zone: tzinfo, now: datetime) -> int | None:
    """Ask for a run when closures or hindrances have changed since the last one looked and hit a step; its number.

    A holiday declared while the program runs is a closure, too. The nightly would find it as well: this only saves
    waiting for it.
    """
    with UnitOfWork(database, now=now, principal=worker.principal, write=False) as work:
        state = occupancy.board(work.session)
        if state.program is None or state.calendars <= max(_seen(work), worker.calendars_checked):
            return None
        plan, facts = plan_in_force(work, worker.board)
    if not _hits_something(plan, facts, now):
        worker.calendars_checked = state.calendars
        return None
    with UnitOfWork(database, now=now, principal=worker.principal) as work:
        run = ask(work, zone)
        work.commit()
    worker.calendars_checked = state.calendars
    return run.id


def _seen(work: UnitOfWork) -> int:
    """The revision of the closures and hindrances that the last run worked from."""
    last = rows.last_ended(work.session, PROGRAM)
    found = json.loads(last.result or "{}").get("calendar_revision", 0) if last else 0
    return int(found)


def _hits_something(plan: Plan, facts: Facts, now: datetime) -> bool:
    """Whether a step that is still to come cannot be done when and where it is planned."""
    judged = Judged.of(plan, facts)
    to_come = {step.id for one in plan.courses for step in one.activities if step.start_at > now}
    # The first activity a violation names is the one that cannot be done.
    return any(one.activities and one.activities[0] in to_come for rule in BROKEN_BY_CALENDARS for one in rule(judged))
