"""What a worker does when it is woken: the night that is due, what was asked for, what others left undone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, tzinfo
from zoneinfo import ZoneInfo

from scheduler.booking.webhooks import Post, poster
from scheduler.clock import Clock
from scheduler.domain.course import Facts
from scheduler.persistence import bundle, repositories
from scheduler.persistence.database import Database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.nightly import run_night
from scheduler.reoptimise.runs import (
    PROGRAM,
    Claimed,
    Done,
    LeaseLost,
    SomebodyElses,
    claim,
    claim_what_waits,
    night_due,
)
from scheduler.reoptimise.worker import Stopped, Worker

log = logging.getLogger("marrowline.worker")

Night = Callable[[Database, Clock, Worker, Claimed], None]


@dataclass(frozen=True)
class Shift:
    """A worker, where and by which clocks it works, what a run is, and how messages are sent."""

    database: Database
    clock: Clock
    worker: Worker
    zone: tzinfo
    nightly_at: time
    night: Night = run_night
    send: Post = field(default_factory=lambda: poster(allow_private=False))

    def begin(self, write: bool) -> UnitOfWork:
        """A unit of work in the name of this worker."""
        return UnitOfWork(self.database, now=self.clock(), principal=self.worker.principal, write=write)

    def due_night(self) -> Claimed | SomebodyElses | Done:
        """Do the latest night that should have begun, when nobody has; what was found of it."""
        now = self.clock()
        on = night_due(now, self.zone, self.nightly_at)
        found = claim(self.database, PROGRAM, on, self.worker.name, now, self.worker.lease)
        if isinstance(found, Claimed):
            self._do(found)
        return found

    def what_waits(self) -> list[Claimed]:
        """Do the night that is due, then every run that was asked for or whose worker is gone."""
        night = self.due_night()
        done = [night] if isinstance(night, Claimed) else []
        while not self.worker.stopping.is_set():
            run = claim_what_waits(self.database, PROGRAM, self.worker.name, self.clock(), self.worker.lease)
            if run is None:
                break
            self._do(run)
            done.append(run)
        return done

    def _do(self, run: Claimed) -> None:
        fields = {"run": run.run, "kind": run.kind, "night": run.local_date.isoformat(), "attempt": run.attempt}
        log.info("run begins", extra={"fields": fields})
        try:
            self.night(self.database, self.clock, self.worker, run)
        except LeaseLost:
            log.warning("run lost to another worker", extra={"fields": fields})
        except Stopped:
            log.info("run given back", extra={"fields": fields})
        else:
            log.info("run over", extra={"fields": fields})


def program_zone(database: Database) -> ZoneInfo | None:
    """The time zone by whose nights and dates the program goes; None before one was imported."""
    with database.session() as session:
        program = repositories.program(session)
    if program is None:
        return None
    return program_zone_of(bundle.facts_of(program, (), (), None))


def program_zone_of(facts: Facts) -> ZoneInfo:
    """The time zone of a program: its first plant's."""
    return ZoneInfo(facts.network.plants[0].zone)
