"""Rival workers: real processes after the same nights, killed at random and now and then wrong about the time.

Each does what ``marrowline worker --once`` does, again and again; only its clock is told to it every night.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from zoneinfo import ZoneInfo

from scheduler.persistence import runs as rows
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.tables_plans import PlanRunRow
from scheduler.reliability.world import FastClock
from scheduler.reoptimise.runs import LEASE, PROGRAM
from scheduler.reoptimise.shift import Shift
from scheduler.reoptimise.worker import Worker
from scheduler.settings import Settings

SPAWNED = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 300.0
ROUNDS = 12
WRONG = (timedelta(hours=1), timedelta(hours=-1), timedelta(days=-1), timedelta(days=1))


def rival(url: str, zone: str, orders: Connection) -> None:
    """A worker that looks for the night whenever it is told what its clock shows; until it is told nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    database, worker = open_database(url), Worker()
    orders.send("ready")
    while (now := _heard(orders)) is not None:
        clock = FastClock(now, time.monotonic(), 1.0)
        shift = Shift(database, clock, worker, ZoneInfo(zone), Settings.model_fields["nightly_at"].default)
        try:
            orders.send(type(shift.due_night()).__name__)
        except Exception as problem:  # to be counted; the next night is tried all the same
            orders.send(f"{type(problem).__name__}: {problem}")
    database.dispose()


def _heard(orders: Connection) -> datetime | None:
    try:
        found: datetime | None = orders.recv()
    except EOFError:  # whoever gave the orders is gone
        return None
    return found


@dataclass
class Crew:
    """Rivals, always as many; whoever was killed is replaced before the next night.

    `kills`, `wrong_clocks` count what was done to them, `problems` are what they stumbled over.
    """

    url: str
    zone: str
    chance: random.Random
    size: int = 3
    kills: int = 0
    wrong_clocks: int = 0
    problems: list[str] = field(default_factory=list)
    _members: list[tuple[SpawnProcess, Connection]] = field(default_factory=list)
    _usual_seconds: float = 1.0

    def night(self, database: Database, on: date, now: datetime, *, kill: bool) -> tuple[PlanRunRow | None, float]:
        """Have a night done by whoever gets it; its row, and how many seconds it took.

        With `kill` one of the workers is ended by SIGKILL at a random moment. While the night is not over, those who
        are left look again, each time when the lease of whoever had it has run out.
        """
        self._complete()
        began, at = time.monotonic(), now
        self._order(at)
        if kill:
            self._kill_one()
        self._hear()
        for _ in range(ROUNDS):
            row = _night(database, on)
            if row is not None and row.ended_at is not None:
                break
            at += LEASE + timedelta(seconds=1)
            self._complete()
            self._order(at, exact=True)
            self._hear()
        seconds = time.monotonic() - began
        self._usual_seconds = 0.8 * self._usual_seconds + 0.2 * seconds
        return _night(database, on), seconds

    def dismiss(self) -> None:
        """End them all."""
        for process, line in self._members:
            process.kill()
            process.join()
            line.close()
        self._members = []

    def _complete(self) -> None:
        new = [self._hired() for _ in range(self.size - len(self._members))]
        for process, line in new:
            if not line.poll(PATIENCE_SECONDS) or line.recv() != "ready":
                raise RuntimeError(f"the worker {process.pid} did not start")
        self._members += new

    def _hired(self) -> tuple[SpawnProcess, Connection]:
        ours, theirs = SPAWNED.Pipe()
        process = SPAWNED.Process(target=rival, args=(self.url, self.zone, theirs))
        process.start()
        theirs.close()
        return process, ours

    def _order(self, now: datetime, *, exact: bool = False) -> None:
        """Tell each what its clock shows; now and then one that is an hour or a day off."""
        wrong = None if exact or self.chance.random() > 0.15 else self.chance.randrange(self.size)
        for number, (_, line) in enumerate(self._members):
            off = self.chance.choice(WRONG) if number == wrong else timedelta(0)
            self.wrong_clocks += bool(off)
            line.send(now + off)

    def _kill_one(self) -> None:
        time.sleep(self.chance.uniform(0, self._usual_seconds))
        process, line = self._members.pop(self.chance.randrange(len(self._members)))
        process.kill()
        process.join()
        line.close()
        self.kills += 1

    def _hear(self) -> None:
        """Wait until each has answered."""
        open_lines = {line: process for process, line in self._members}
        until = time.monotonic() + PATIENCE_SECONDS
        while open_lines:
            heard = wait(list(open_lines), max(0.0, until - time.monotonic()))
            if not heard:
                raise RuntimeError("a worker does not answer")
            for line in heard:
                assert isinstance(line, Connection)
                said = line.recv()
                if said not in ("Claimed", "SomebodyElses", "Done"):
                    self.problems.append(said)
                del open_lines[line]


def _night(database: Database, on: date) -> PlanRunRow | None:
    with database.session() as session:
        return rows.night(session, PROGRAM, on)
