"""One run of the plan, from the claim to its end; read it from top to bottom.

    claim -> snapshot at revision r -> check -> repair -> end

A run changes nothing unless it ends well, and whatever goes wrong leaves the plan in force as it was.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.booking.errors import Refused
from scheduler.booking.in_force import plan_in_force, standings
from scheduler.clock import Clock
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.rules import Violation
from scheduler.persistence import occupancy
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.repair import Repaired, Standing, repair, still_broken
from scheduler.reoptimise.runs import Claimed, LeaseLost, advance, fail, finish, give_back
from scheduler.reoptimise.worker import Stopped, Worker, kept_alive

log = logging.getLogger("marrowline.worker")

_NAMED = 5  # courses and rules a reason names; the rest is counted


@dataclass(frozen=True)
class Snapshot:
    """What was booked at one revision of the board, as one plan, with the facts of that moment.

    `calendars` is the revision of the closures; both are the database's at the same instant.
    """

    revision: int
    calendars: int
    at: datetime
    plan: Plan
    facts: Facts
    standings: tuple[Standing, ...]

    @property
    def open_courses(self) -> int:
        """How many courses have something still to come."""
        return sum(any(step.end_at > self.at for step in one.activities) for one in self.plan.courses)


@dataclass(frozen=True)
class Findings:
    """What the referee says of a snapshot."""

    snapshot: Snapshot
    broken: tuple[Violation, ...]
    repaired: Repaired | None = None

    @property
    def result(self) -> Mapping[str, object]:
        """The figures that stay with the run."""
        repaired = {} if self.repaired is None else {"repair": figures(self.repaired)}
        return {
            **repaired,
            "courses": len(self.snapshot.plan.courses),
            "open_courses": self.snapshot.open_courses,
            "violations": len(self.broken),
            "rules": dict(Counter(one.rule for one in self.broken)),
            "cost": list(self.snapshot.plan.cost),
            "calendar_revision": self.snapshot.calendars,
        }


def run_night(database: Database, clock: Clock, worker: Worker, run: Claimed) -> None:
    """Do a claimed run, a night's or one that was asked for, until it has ended.

    Raises
    ------
    LeaseLost
        Another worker has the run by now; nothing was changed.
    Stopped
        The worker was told to stop; the run was given back and nothing else was changed.
    DatabaseBusy, DatabaseUnavailable
        Nothing could be written, not even that; the run is taken up again when its lease has run out.
    """
    with _failing_in_words(database, clock, worker, run), kept_alive(database, clock, worker, run):
        snapshot = take_snapshot(database, clock, worker, run)
        findings = check(database, clock, worker, run, snapshot)
        findings = put_right(database, clock, worker, run, findings)
        conclude(database, clock, worker, run, findings)


def take_snapshot(database: Database, clock: Clock, worker: Worker, run: Claimed) -> Snapshot:
    """Read everything that is booked, as of one instant; no transaction stays open."""
    worker.may_go_on()
    now = clock()
    with UnitOfWork(database, now=now, principal=worker.principal, write=False) as work:
        state = occupancy.board(work.session)
        plan, facts = plan_in_force(work, worker.board)
        courses = standings(work, worker.board, plan, facts)
    advance(database, run, "building", clock(), base_revision=state.revision)
    return Snapshot(state.revision, state.calendars, now, plan, facts, courses)


def check(database: Database, clock: Clock, worker: Worker, run: Claimed, snapshot: Snapshot) -> Findings:
    """Let the referee judge the plan in force by every rule; what is over or on record forbids nothing any more."""
    worker.may_go_on()
    advance(database, run, "checking", clock())
    broken = still_broken(snapshot.plan, snapshot.facts, snapshot.standings, snapshot.at)
    return Findings(snapshot, tuple(broken))


def put_right(database: Database, clock: Clock, worker: Worker, run: Claimed, findings: Findings) -> Findings:
    """Look for the repair that breaks the fewest promises, outside any transaction; it is told, not published."""
    if not findings.broken:
        return findings
    worker.may_go_on()
    advance(database, run, "solving", clock())
    snapshot = findings.snapshot
    return replace(findings, repaired=repair(snapshot.facts, snapshot.standings, snapshot.at))


def figures(repaired: Repaired) -> Mapping[str, object]:
    """What a repair would do, in numbers."""
    return {
        "patients": sorted(repaired.changed),
        "visits_moved": repaired.visits_moved,
        "doses_lost": [[one.patient, one.dose] for one in repaired.plan.unplanned if one.dose is not None],
        "undecided": sorted({name for one in repaired.stuck for name in one.activities}),
        "price": list(repaired.price),
        "bound": list(repaired.bound),
        "proven": repaired.is_proven,
    }


def conclude(database: Database, clock: Clock, worker: Worker, run: Claimed, findings: Findings) -> None:
    """End the run: there is nothing to repair, or it says what is broken."""
    worker.may_go_on()
    with UnitOfWork(database, now=clock(), principal=worker.principal) as work:
        if findings.broken:
            fail(work, run, f"{what_is_broken(findings.broken)}{what_would_help(findings)}", findings.result)
        else:
            finish(work, run, "unchanged", findings.result)
        work.commit()


def what_is_broken(broken: tuple[Violation, ...]) -> str:
    """Which rules and courses, in a sentence for the plant's side."""
    rules = _some(list(dict.fromkeys(one.rule for one in broken)))
    named = sorted({one.patient for one in broken if one.patient})
    courses = f", in the courses {_some(named)}" if named else ""
    count = "once" if len(broken) == 1 else f"{len(broken)} times"
    return (
        f"The plan in force breaks rules {count} ({rules}){courses}. Nothing was changed, and nobody may rely on these "
        "courses until their visits are moved or what is in their way is withdrawn."
    )


def what_would_help(findings: Findings) -> str:
    """What a repair would take, in a sentence; empty where nothing was looked for."""
    found = findings.repaired
    if found is None:
        return ""
    lost = sum(one.dose is not None for one in found.plan.unplanned)
    visits = "1 visit" if found.visits_moved == 1 else f"{found.visits_moved} visits"
    doses = "no dose" if lost == 0 else "1 dose" if lost == 1 else f"{lost} doses"
    people = "1 patient" if len(found.changed) == 1 else f"{len(found.changed)} patients"
    best = " No other repair breaks fewer promises." if found.is_proven else ""
    undecided = f" {len(found.stuck)} times a step that may no longer move is in the way." if found.stuck else ""
    return f" A repair would move {visits} of {people} and lose {doses}.{best}{undecided}"


@contextmanager
def _failing_in_words(database: Database, clock: Clock, worker: Worker, run: Claimed) -> Iterator[None]:
    """Whatever ends the block early ends the run too, with a reason; the plan in force stays."""
    try:
        yield
    except (LeaseLost, DatabaseBusy, DatabaseUnavailable):
        raise
    except Stopped:
        give_back(database, run, clock())
        raise
    except Refused as refused:
        _fail(database, clock, worker, run, f"{refused.sentence} The plan in force stays.")
    except Exception as error:
        log.error("run failed", exc_info=error, extra={"fields": {"run": run.run}})
        reason = (
            f"The run ended by a mistake of ours ({type(error).__name__}); the plan in force stays. "
            "Tell the administrator the number of this run: the worker's log says where."
        )
        _fail(database, clock, worker, run, reason)


def _fail(database: Database, clock: Clock, worker: Worker, run: Claimed, reason: str) -> None:
    with UnitOfWork(database, now=clock(), principal=worker.principal) as work:
        fail(work, run, reason)
        work.commit()


def _some(names: list[str]) -> str:
    shown, more = names[:_NAMED], len(names) - _NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
