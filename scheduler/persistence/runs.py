"""Runs of the plan as rows: entering, taking and changing them, each one a statement that only one of several wins."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Executable, and_, func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from scheduler.persistence.tables_plans import PlanRunRow

GOOD = ("proposed", "published", "unchanged")
"""How a run ends that did its work; the other end is ``failed``."""

_number = col(PlanRunRow.id)


class Lease(NamedTuple):
    """Who has a run, from when and until when."""

    worker: str
    now: datetime
    until: datetime

    def values(self, attempt: int) -> dict[str, Any]:
        """The columns of a run that was just claimed."""
        return {
            "status": "claimed",
            "claimed_by": self.worker,
            "attempt": attempt,
            "lease_until": self.until,
            "heartbeat_at": self.now,
        }


# --- changes ----------------------------------------------------------------------------------------------------------


def enter_night(session: Session, scope: str, local_date: date, lease: Lease) -> int | None:
    """A new nightly, claimed at once; None when there is one of this scope and date already."""
    values = {"scope": scope, "local_date": local_date, "kind": "nightly", "started_at": lease.now}
    return _insert(session, values | lease.values(1))


def enter_waiting(session: Session, scope: str, local_date: date, asked_by: str, now: datetime) -> int | None:
    """A new run that waits for a worker; None when one of the scope waits already."""
    values = {"scope": scope, "local_date": local_date, "kind": "asked", "status": "waiting", "attempt": 0}
    return _insert(session, values | {"asked_by": asked_by, "asked_at": now})


def take(session: Session, row: PlanRunRow, lease: Lease) -> bool:
    """Claim a run as it was read; False when somebody else claimed it or its holder gave a sign of life since."""
    as_read = and_(
        _number == row.id,
        col(PlanRunRow.attempt) == row.attempt,
        col(PlanRunRow.lease_until).is_not_distinct_from(row.lease_until),
        col(PlanRunRow.ended_at).is_(None),
    )
    started = row.started_at or lease.now
    return _update(session, as_read, lease.values(row.attempt + 1) | {"started_at": started})


def change(session: Session, run: int, worker: str, attempt: int, values: dict[str, Any]) -> bool:
    """Change a run that is not over as its holder; False when somebody else has it or it has ended."""
    mine = and_(
        _number == run,
        col(PlanRunRow.claimed_by) == worker,
        col(PlanRunRow.attempt) == attempt,
        col(PlanRunRow.ended_at).is_(None),
    )
    return _update(session, mine, values)


# --- questions --------------------------------------------------------------------------------------------------------


def run(session: Session, number: int) -> PlanRunRow | None:
    """A run by its number, as it is now."""
    return session.get(PlanRunRow, number, populate_existing=True)


def night(session: Session, scope: str, local_date: date) -> PlanRunRow | None:
    """The nightly of a scope and date."""
    query = select(PlanRunRow).where(
        PlanRunRow.scope == scope, PlanRunRow.local_date == local_date, PlanRunRow.kind == "nightly"
    )
    return session.exec(query).first()


def waiting(session: Session, scope: str) -> PlanRunRow | None:
    """The run of a scope that no worker has claimed yet."""
    return session.exec(select(PlanRunRow).where(PlanRunRow.scope == scope, PlanRunRow.status == "waiting")).first()


def not_ended(session: Session, scope: str) -> list[PlanRunRow]:
    """The runs of a scope that wait or are worked on, oldest first."""
    query = select(PlanRunRow).where(PlanRunRow.scope == scope, col(PlanRunRow.ended_at).is_(None))
    return list(session.exec(query.order_by(_number)))


def newest(session: Session, *, before: int | None, limit: int) -> list[PlanRunRow]:
    """Runs with the newest first, those older than a number."""
    query = select(PlanRunRow).order_by(_number.desc()).limit(limit)
    return list(session.exec(query if before is None else query.where(_number < before)))


def last_ended(session: Session, scope: str) -> PlanRunRow | None:
    """The newest run of a scope that has ended, however it did."""
    query = select(PlanRunRow).where(PlanRunRow.scope == scope, col(PlanRunRow.ended_at).is_not(None))
    return session.exec(query.order_by(_number.desc())).first()


def last_good_nightly_at(session: Session) -> datetime | None:
    """When the latest nightly that did its work ended."""
    good = and_(col(PlanRunRow.kind) == "nightly", col(PlanRunRow.status).in_(GOOD))
    found: datetime | None = session.exec(select(func.max(col(PlanRunRow.ended_at))).where(good)).one()
    return found


def ended_by_kind(session: Session) -> dict[tuple[str, str], int]:
    """How many runs have ended, by kind and status."""
    query = select(PlanRunRow.kind, PlanRunRow.status, func.count()).where(col(PlanRunRow.ended_at).is_not(None))
    rows = session.execute(query.group_by(col(PlanRunRow.kind), col(PlanRunRow.status))).all()
    return {(row[0], row[1]): int(row[2]) for row in rows}


def _insert(session: Session, values: dict[str, Any]) -> int | None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return _first(session, insert(PlanRunRow).values(**values).on_conflict_do_nothing().returning(_number))


def _update(session: Session, which: ColumnElement[bool], values: dict[str, Any]) -> bool:
    return _first(session, update(PlanRunRow).where(which).values(**values).returning(_number)) is not None


def _first(session: Session, statement: Executable) -> int | None:
    # Not by the row count: drivers do not give one for every statement.
    row = session.execute(statement, execution_options={"synchronize_session": False}).first()
    return None if row is None else int(row[0])
