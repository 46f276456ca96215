"""The cast: Nora of North and Sam of South coordinate, Paul plans at the plant, Ada audits; Charlie has no key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scheduler.domain.audience import Principal, Role
from scheduler.domain.course import Facts
from scheduler.persistence.audit import read
from scheduler.persistence.database import Database
from scheduler.persistence.keys import make_key
from scheduler.persistence.tables import AuditRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs import load_program

NOW = datetime(2027, 1, 4, 0, 0, tzinfo=UTC)  # Monday 09:00 in Seoul
ADMIN = Principal("Mina Admin", Role.ADMIN, None, "console")


class FixedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Keys:
    nora: dict[str, str]
    sam: dict[str, str]
    paul: dict[str, str]
    ada: dict[str, str]


def issue_keys(database: Database) -> Keys:
    """Headers with a key for everybody who has one."""
    with UnitOfWork(database, now=NOW, principal=ADMIN) as work:
        made = {
            "nora": make_key(work, name="Nora North", role=Role.COORDINATOR, site="HYU"),
            "sam": make_key(work, name="Sam South", role=Role.COORDINATOR, site="PNY"),
            "paul": make_key(work, name="Paul Plant", role=Role.PLANNER, site=None),
            "ada": make_key(work, name="Ada Audit", role=Role.AUDITOR, site=None),
        }
        work.commit()
    return Keys(**{name: {"Authorization": f"Bearer {key}"} for name, key in made.items()})


def facts() -> Facts:
    """The trial `alsummit` without its patients."""
    return replace(load_program("alsummit"), patients=())


def trail(database: Database, action: str | None = None) -> list[AuditRow]:
    with database.session() as session:
        return list(read(session, action=action))
