"""The people of a trial at their screens: the service in this process, a clock one moves, and a key for everybody."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from api.app import create_app
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.world import PLANNER, new_key
from scheduler.settings import Settings

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

CLEAN = frozenset({404, 409, 412})
"""A refusal of these is one that people meet; any other answer that is no success is a fault of somebody."""


@dataclass
class Moved:
    """A clock that shows what it was last set to; it never goes back."""

    now: datetime

    def __call__(self) -> datetime:
        """The instant it shows."""
        return self.now

    def reach(self, at: datetime) -> None:
        """Show an instant, unless it is over."""
        self.now = max(self.now, at)


@dataclass
class People:
    """Everybody who calls the service, and what they were answered."""

    client: TestClient
    database: Database
    clock: Moved
    keys: Mapping[tuple[Role, str | None], str]
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unclean: list[str] = field(default_factory=list)

    def get(self, role: Role, site: str | None, path: str) -> Any:
        """What a GET shows."""
        answer = self.client.get(path, headers=self._headers(role, site))
        self._note("GET", path, answer.status_code, answer.json())
        return answer.json()

    def version(self, role: Role, site: str | None, path: str) -> str:
        """The ETag of a record."""
        found: str = self.client.get(path, headers=self._headers(role, site)).headers["ETag"]
        return found

    def post(self, role: Role, site: str | None, path: str, body: object, *, version: str | None = None) -> Any:
        """What a POST that succeeds is answered; None when it was refused."""
        match = {} if version is None else {"If-Match": version}
        answer = self.client.post(path, json=body, headers=self._headers(role, site) | match)
        shown = answer.json()
        self._note("POST", path, answer.status_code, shown)
        return shown if answer.is_success else None

    def signature(self, role: Role, site: str | None, meaning: str) -> dict[str, str]:
        """A signature of somebody."""
        return {"key": self.keys[role, site], "meaning": meaning}

    def look(self) -> UnitOfWork:
        """A unit of work to read what is booked, as it is now."""
        return UnitOfWork(self.database, now=self.clock(), principal=PLANNER, write=False)

    def _headers(self, role: Role, site: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role, site]}"}

    def _note(self, method: str, path: str, status: int, shown: Any) -> None:
        what = path.rpartition("/")[2].partition("?")[0]
        if status < 300:
            self.done[what] += method == "POST"
        elif status in CLEAN:
            self.refused[f"{what} {status} {shown['type'].rpartition('/')[2].rpartition(':')[2]}"] += 1
        else:
            self.unclean.append(f"{self.clock()} {method} {path} {status} {shown}")


@contextmanager
def people_at(url: str, facts: Facts, clock: Moved) -> Iterator[People]:
    """Everybody at the service of a database, until the end of the block."""
    with warnings.catch_warnings(action="ignore"):  # about the client it is made of
        from fastapi.testclient import TestClient  # a development dependency stands behind it

    callers: list[tuple[Role, str | None]] = [(Role.PLANNER, None)]
    callers += [(role, one.code) for one in facts.network.sites for role in (Role.COORDINATOR, Role.DOCTOR)]
    keys = {(role, site): new_key(url, clock(), role, site) for role, site in callers}
    database = open_database(url)
    app = create_app(Settings(metrics=False), database=database, clock=clock)
    try:
        with TestClient(app, raise_server_exceptions=False) as client:
            yield People(client, database, clock, keys)
    finally:
        database.dispose()
