"""A worker: one process that does runs, one after the other, and says meanwhile that it is alive."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from scheduler.booking.board import Board
from scheduler.clock import Clock
from scheduler.domain.audience import Principal
from scheduler.domain.errors import MarrowlineError
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable
from scheduler.reoptimise.runs import LEASE, Claimed, LeaseLost, acting, heartbeat

log = logging.getLogger("marrowline.worker")

BEATS_A_LEASE = 4
LONGEST = timedelta(hours=1)


class Stopped(MarrowlineError):
    """The worker was told to stop, so it gave its run back; another worker may have it at once."""

    def __init__(self) -> None:
        super().__init__("The worker was told to stop and gave its run back. Another worker goes on with it.")


def new_name() -> str:
    """A name no other worker has: machine, process, and a few letters by lot."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(3)}"


@dataclass
class Worker:
    """Who does runs in this process.

    Attributes
    ----------
    name
        No other worker has it.
    board
        What is taken, in memory.
    lease
        How long a run is this worker's without a sign of life.
    stopping
        Set when the process is to end: the run is given back at the next step.
    calendars_checked
        The revision of the closures that this worker has checked the plan against.
    """

    name: str = field(default_factory=new_name)
    board: Board = field(default_factory=Board)
    lease: timedelta = LEASE
    stopping: threading.Event = field(default_factory=threading.Event)
    calendars_checked: int = 0

    @property
    def principal(self) -> Principal:
        """This worker as the audit trail names it."""
        return acting(self.name)

    def may_go_on(self) -> None:
        """Return, or raise `Stopped` when the process is to end."""
        if self.stopping.is_set():
            raise Stopped


@contextmanager
def kept_alive(database: Database, clock: Clock, worker: Worker, run: Claimed) -> Iterator[None]:
    """Renew the lease of a run while the block lasts, from a thread of its own.

    After `LONGEST` no more: a run that hangs is then another worker's. The thread only renews; that the lease was lost
    is told to the block by the next change it tries.
    """
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(database, clock, worker, run, over), daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()


def _beat(database: Database, clock: Clock, worker: Worker, run: Claimed, over: threading.Event) -> None:
    every = worker.lease / BEATS_A_LEASE
    for _ in range(LONGEST // every):
        if over.wait(every.total_seconds()):
            return
        try:
            heartbeat(database, run, clock(), worker.lease)
        except LeaseLost:
            return
        except (DatabaseBusy, DatabaseUnavailable):
            log.warning("heartbeat missed", extra={"fields": {"run": run.run}})
