"""Anna, Berta and Carla are rival workers; the night is that of 1 March 2027, which begins at 02:30 in Seoul."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.persistence import runs as rows
from scheduler.persistence.database import Database
from scheduler.persistence.tables_plans import PlanRunRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.runs import PROGRAM, Claimed, Done, SomebodyElses, acting, claim, finish

SEOUL, NEW_YORK = ZoneInfo("Asia/Seoul"), ZoneInfo("America/New_York")
HALF_PAST_TWO = time(2, 30)
NIGHT = date(2027, 3, 1)
NOW = datetime(2027, 2, 28, 17, 30, tzinfo=UTC)  # 02:30 of 1 March in Seoul
LEASE = timedelta(minutes=2)
SECOND = timedelta(seconds=1)


def asked_for(
    database: Database, worker: str, after: timedelta = timedelta(0), night: date = NIGHT
) -> Claimed | SomebodyElses | Done:
    """What a worker is answered that wants the night."""
    return claim(database, PROGRAM, night, worker, NOW + after, LEASE)


def claimed(database: Database, worker: str, after: timedelta = timedelta(0), night: date = NIGHT) -> Claimed:
    found = asked_for(database, worker, after, night)
    assert isinstance(found, Claimed), found
    return found


def finished(database: Database, run: Claimed, after: timedelta = timedelta(0)) -> None:
    """End a run as one that found nothing to do."""
    with UnitOfWork(database, now=NOW + after, principal=acting(run.worker)) as work:
        finish(work, run, "unchanged", {"violations": 0})
        work.commit()


def all_runs(database: Database) -> list[PlanRunRow]:
    """Every run, oldest first."""
    with database.session() as session:
        return rows.newest(session, before=None, limit=1000)[::-1]
