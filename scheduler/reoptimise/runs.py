"""Runs of the plan: who does one, for how long, and how it ends.

A night is a row with a unique key, the scope and the *local date* of the program: however many workers start, crash
or wake late, and whatever their clocks do, one row is all there can be. Whoever has the row has it for the length of a
lease and says so again in time; a lease that ran out is taken over, and `attempt` counts up. From then on the former
holder is told `LeaseLost` by every change it tries, its publishing included, because that is the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Literal

from scheduler.booking.access import must_be
from scheduler.booking.errors import not_found
from scheduler.domain.audience import Principal, Role
from scheduler.domain.errors import MarrowlineError
from scheduler.persistence import repositories
from scheduler.persistence import runs as rows
from scheduler.persistence.database import Database
from scheduler.persistence.runs import Lease
from scheduler.persistence.tables_plans import PlanRunRow
from scheduler.persistence.unit_of_work import UnitOfWork

PROGRAM = "program"
"""The one scope there is yet: everything that the database's program has booked."""

LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 10
OVERDUE_AFTER = timedelta(hours=26)
ASKERS = frozenset({Role.PLANNER})

Step = Literal["building", "solving", "checking"]
GoodEnd = Literal["proposed", "published", "unchanged"]
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Claimed:
    """A run that is this worker's until its lease runs out; `attempt` tells its claims apart."""

    run: int
    scope: str
    local_date: date
    kind: str
    worker: str
    attempt: int


@dataclass(frozen=True)
class SomebodyElses:
    """Another worker is at it, and has it until `lease_until` at least."""

    run: int
    worker: str
    lease_until: datetime


@dataclass(frozen=True)
class Done:
    """This run is over."""

    run: int
    status: str


class LeaseLost(MarrowlineError):
    """Another worker has this run by now, and nothing of this one's was changed. Stop working on it."""

    def __init__(self, run: int) -> None:
        super().__init__(f"Run {run} is another worker's by now; nothing was changed. Leave it to that worker.")
        self.run = run


@dataclass(frozen=True)
class Standing:
    """How the nights have gone: when the last good one ended, whether it is too long ago, and how all runs ended."""

    last_good_at: datetime | None
    overdue: bool
    ended: Mapping[tuple[str, str], int]


def night_due(now: datetime, zone: tzinfo, at: time) -> date:
    """The local date of the latest night that should have begun by now.

    A night begins at `at` by the program's clocks. Where that hour comes twice or not at all, the date is still one.
    """
    local = now.astimezone(zone)
    return local.date() if local.time() >= at else local.date() - timedelta(days=1)


# --- having a run -----------------------------------------------------------------------------------------------------


def claim(
    database: Database, scope: str, local_date: date, worker: str, now: datetime, lease: timedelta = LEASE
) -> Claimed | SomebodyElses | Done:
    """Have a night to oneself, or learn why not.

    Parameters
    ----------
    local_date
        The night, by the program's calendar; see `night_due`.
    worker
        A name no other worker has.
    lease
        How long it is this worker's without a `heartbeat`.
    """
    mine = Lease(worker, now, now + lease)
    with database.writing() as session:
        number = rows.enter_night(session, scope, local_date, mine)
        if number is not None:
            return Claimed(number, scope, local_date, "nightly", worker, 1)
        row = rows.night(session, scope, local_date)
        assert row is not None, "what was refused as a second one has a first"
        if row.ended_at is not None:
            return Done(_number(row), row.status)
        if not _lapsed(row, now, lease) or not rows.take(session, row, mine):
            return _somebody_elses(row, now)
    return _claimed(database, row, mine)


def claim_what_waits(
    database: Database, scope: str, worker: str, now: datetime, lease: timedelta = LEASE
) -> Claimed | None:
    """Have the oldest run that was asked for, or whose worker is gone; None when there is none."""
    mine = Lease(worker, now, now + lease)
    with database.writing() as session:
        free = (row for row in rows.not_ended(session, scope) if _lapsed(row, now, lease))
        row = next((row for row in free if rows.take(session, row, mine)), None)
    if row is None:
        return None
    found = _claimed(database, row, mine)
    return found if isinstance(found, Claimed) else None


def heartbeat(database: Database, run: Claimed, now: datetime, lease: timedelta = LEASE) -> None:
    """Say that this worker is still at it; LeaseLost when the run is another's or over."""
    _change(database, run, {"heartbeat_at": now, "lease_until": now + lease})


def advance(database: Database, run: Claimed, step: Step, now: datetime, *, base_revision: int | None = None) -> None:
    """Say what is being done; LeaseLost when the run is another's or over.

    `base_revision` is the board's at the snapshot that the run works from.
    """
    based = {} if base_revision is None else {"base_revision": base_revision}
    _change(database, run, {"status": step, "heartbeat_at": now, **based})


def give_back(database: Database, run: Claimed, now: datetime) -> None:
    """Leave a run to whoever comes next, at once; LeaseLost when it is another's or over."""
    _change(database, run, {"lease_until": now})


def finish(work: UnitOfWork, run: Claimed, status: GoodEnd, result: Result) -> None:
    """End a run that did its work, in the transaction that publishes what it found. The caller commits.

    Raises
    ------
    LeaseLost
        When the run is another's or over: then nothing of this unit may be committed.
    """
    _end(work, run, status, result, None)
    work.audit("plan_run:ended", f"run/{run.run}", after={"status": status, "result": dict(result)})


def fail(work: UnitOfWork, run: Claimed, reason: str, result: Result | None = None) -> None:
    """End a run that could not do its work: the plan in force stays. The caller commits.

    `reason` is a sentence for the plant's side, with the remedy; it may name patients. LeaseLost as `finish`.
    """
    _end(work, run, "failed", result or {}, reason)
    work.audit("plan_run:failed", f"run/{run.run}", reason=reason, after={"result": dict(result or {})})


# --- asking for one ---------------------------------------------------------------------------------------------------


def ask(work: UnitOfWork, zone: tzinfo, scope: str = PROGRAM) -> PlanRunRow:
    """A run as soon as a worker is free; the one that waits already, where one does. The caller commits.

    Raises
    ------
    Refused
        403 for other roles.
    """
    must_be(work.principal, ASKERS, "ask for a run of the plan")
    on = work.now.astimezone(zone).date()
    number = rows.enter_waiting(work.session, scope, on, work.principal.name, work.now)
    if number is None:
        # A worker may take the one that waits between two statements; then the next one waits.
        return rows.waiting(work.session, scope) or ask(work, zone, scope)
    work.audit("plan_run:asked", f"run/{number}")
    return shown(work, number)


def shown(work: UnitOfWork, number: int) -> PlanRunRow:
    """A run as it is now; Refused 404 when there is none."""
    row = rows.run(work.session, number)
    if row is None:
        raise not_found("run")
    return row


def listed(work: UnitOfWork, *, before: int | None, limit: int) -> list[PlanRunRow]:
    """Runs with the newest first, those older than a number."""
    return rows.newest(work.session, before=before, limit=limit)


def standing(work: UnitOfWork) -> Standing:
    """How the nights have gone up to now. Before a program was imported nothing can be overdue."""
    last, program = rows.last_good_nightly_at(work.session), repositories.program(work.session)
    since = last or (program.imported_at if program else None)
    overdue = since is not None and work.now - since > OVERDUE_AFTER
    return Standing(last, overdue, rows.ended_by_kind(work.session))


# --- the lease --------------------------------------------------------------------------------------------------------


def _lapsed(row: PlanRunRow, now: datetime, lease: timedelta) -> bool:
    """Whether nobody has a run any more.

    A lease that ends later than any lease can was given by a clock that has since been put back: waiting for it could
    take days. Whoever still has it is told by the next change it tries.
    """
    return row.lease_until is None or row.lease_until <= now or row.lease_until > now + 2 * lease


def _claimed(database: Database, row: PlanRunRow, mine: Lease) -> Claimed | Done:
    """A run that was taken; one that has cost too many workers their life is ended instead."""
    run = Claimed(_number(row), row.scope, row.local_date, row.kind, mine.worker, row.attempt + 1)
    if row.attempt < MOST_ATTEMPTS:
        return run
    reason = (
        f"This run was begun {row.attempt} times and never ended: each time its worker stopped. "
        "The plan in force stays. Look into the workers' logs, then ask for a run."
    )
    with UnitOfWork(database, now=mine.now, principal=acting(mine.worker)) as work:
        fail(work, run, reason)
        work.commit()
    return Done(run.run, "failed")


def acting(worker: str) -> Principal:
    """A worker as the audit trail names it."""
    return Principal("nightly worker", Role.PLANNER, None, worker)


def _somebody_elses(row: PlanRunRow, now: datetime) -> SomebodyElses:
    return SomebodyElses(_number(row), row.claimed_by or "", row.lease_until or now)


def _end(work: UnitOfWork, run: Claimed, status: str, result: Result, reason: str | None) -> None:
    text = json.dumps(dict(result), ensure_ascii=False, sort_keys=True)
    values = {"status": status, "ended_at": work.now, "result": text, "reason": reason, "lease_until": None}
    if not rows.change(work.session, run.run, run.worker, run.attempt, values):
        raise LeaseLost(run.run)


def _change(database: Database, run: Claimed, values: dict[str, Any]) -> None:
    with database.writing() as session:
        if not rows.change(session, run.run, run.worker, run.attempt, values):
            raise LeaseLost(run.run)


def _number(row: PlanRunRow) -> int:
    assert row.id is not None, "a row that was read has its number"
    return row.id
