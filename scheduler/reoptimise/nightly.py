"""One run of the plan, from the claim to its end; read it from top to bottom.

    claim -> snapshot -> check -> solve -> judge -> diff -> propose -> publish, or wait for an approval

A run changes nothing unless it ends well, and whatever goes wrong leaves the plan in force as it was.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from scheduler.booking.errors import Refused
from scheduler.clock import Clock
from scheduler.domain.rules import Violation
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.apart import NoAnswer
from scheduler.reoptimise.publish import put_forward
from scheduler.reoptimise.runs import Claimed, LeaseLost, advance, fail, finish, give_back
from scheduler.reoptimise.snapshot import Snapshot, snapshot
from scheduler.reoptimise.solving import Solution, Unsound, solve
from scheduler.reoptimise.worker import Stopped, Worker, kept_alive

log = logging.getLogger("marrowline.worker")

TRIES = 3  # snapshots a run takes when what it saw is changed while it searches
CHANGED_MEANWHILE = frozenset({"plan-outdated", "offer-gone"})
NOBODY_CAN = (
    "What is in the way may no longer move by itself: a planner or doctor moves it by an override, or withdraws what "
    "is in its way. Nothing was changed."
)
_NAMED = 5  # courses and rules a reason names; the rest is counted


class Overtaken(Exception):
    """What a run saw was changed by others again and again before it could publish."""


@dataclass(frozen=True)
class Findings:
    """What the referee says of a snapshot, and the least repair where something is wrong."""

    snapshot: Snapshot
    broken: tuple[Violation, ...]
    solution: Solution | None = None

    @property
    def is_in_order(self) -> bool:
        """Whether nothing is broken and no dose is without a place."""
        return not self.broken and not self.snapshot.lost

    @property
    def unanswered(self) -> tuple[Violation, ...]:
        """What stays broken, because it may no longer move."""
        return self.broken if self.solution is None else self.solution.repaired.stuck

    @property
    def result(self) -> Mapping[str, object]:
        """The figures that stay with the run."""
        return {
            "courses": len(self.snapshot.plan.courses),
            "open_courses": self.snapshot.open_courses,
            "violations": len(self.broken),
            "rules": dict(Counter(one.rule for one in self.broken)),
            "doses_without_a_place": len(self.snapshot.lost),
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
        for _ in range(TRIES):
            seen = take_snapshot(database, clock, worker, run)
            findings = check(database, clock, worker, run, seen)
            findings = put_right(database, clock, worker, run, findings)
            if conclude(database, clock, worker, run, findings):
                return
        raise Overtaken


def take_snapshot(database: Database, clock: Clock, worker: Worker, run: Claimed) -> Snapshot:
    """Read everything that is booked, as of one instant; no transaction stays open."""
    worker.may_go_on()
    with UnitOfWork(database, now=clock(), principal=worker.principal, write=False) as work:
        seen = snapshot(work, worker.board)
    advance(database, run, "building", clock(), base_revision=seen.revision)
    return seen


def check(database: Database, clock: Clock, worker: Worker, run: Claimed, seen: Snapshot) -> Findings:
    """Let the referee judge the plan in force by every rule; what is over or on record forbids nothing any more."""
    worker.may_go_on()
    advance(database, run, "checking", clock())
    return Findings(seen, seen.broken())


def put_right(database: Database, clock: Clock, worker: Worker, run: Claimed, findings: Findings) -> Findings:
    """Look for the repair that breaks the fewest promises, outside any transaction and in a process of its own."""
    if findings.is_in_order:
        return findings
    worker.may_go_on()
    advance(database, run, "solving", clock())
    return replace(findings, solution=solve(findings.snapshot, worker.may_go_on))


def conclude(database: Database, clock: Clock, worker: Worker, run: Claimed, findings: Findings) -> bool:
    """Propose what was found and publish it where the policy lets it go out by itself, all in one transaction.

    False when something that it relies on was changed meanwhile: then nothing was changed here.
    """
    worker.may_go_on()
    with UnitOfWork(database, now=clock(), principal=worker.principal) as work:
        try:
            _conclude(work, worker, run, findings)
        except Refused as refused:
            if refused.slug in CHANGED_MEANWHILE:
                return False
            raise
        work.commit()
    return True


def _conclude(work: UnitOfWork, worker: Worker, run: Claimed, findings: Findings) -> None:
    solution, result = findings.solution, dict(findings.result)
    proposal = None
    if solution is not None:
        proposal = put_forward(work, worker.board, findings.snapshot, solution, run=run.run)
    if proposal is not None:
        result |= {"plan": proposal.plan, "waits_for": proposal.waits_for, "repair": json.loads(proposal.figures)}
        finish(work, run, "proposed" if proposal.waits_for else "published", result)
    elif findings.unanswered:
        fail(work, run, f"{what_is_broken(findings.unanswered)} {NOBODY_CAN}", result)
    else:
        finish(work, run, "unchanged", result)


def what_is_broken(broken: tuple[Violation, ...]) -> str:
    """Which rules and courses, in a sentence for the plant's side."""
    rules = _some(list(dict.fromkeys(one.rule for one in broken)))
    named = sorted({one.patient for one in broken if one.patient})
    courses = f", in the courses {_some(named)}" if named else ""
    count = "once" if len(broken) == 1 else f"{len(broken)} times"
    return f"The plan in force breaks rules {count} ({rules}){courses}."


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
    except (Refused, NoAnswer, Unsound) as problem:
        _fail(database, clock, worker, run, f"{problem} The plan in force stays.")
    except Overtaken:
        reason = (
            f"What is booked was changed {TRIES} times while this run searched. The plan in force stays; ask again."
        )
        _fail(database, clock, worker, run, reason)
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
