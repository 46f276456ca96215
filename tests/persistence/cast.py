"""Who acts in these tests, when, and on what: Charlie's database has one suite and one procedure room."""

from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from scheduler.domain.audience import Principal, Role
from scheduler.persistence.database import Database
from scheduler.persistence.tables import StayRow, UnitRow
from scheduler.persistence.unit_of_work import UnitOfWork

NOW = datetime(2027, 1, 4, 8, 0, tzinfo=UTC)
COORDINATOR = Principal("Nora North", Role.COORDINATOR, "North", "nora")
PLANNER = Principal("Paul Plant", Role.PLANNER, None, "paul")


def unit_of_work(database: Database, *, after: timedelta = timedelta(0), write: bool = True) -> UnitOfWork:
    return UnitOfWork(database, now=NOW + after, principal=COORDINATOR, request_id="r-1", write=write)


def with_units(database: Database, count: int = 2) -> Database:
    """Units 1, 2, ... are suites of the plant."""
    with database.writing() as session:
        session.add_all(
            UnitRow(id=number, place="PLT", kind="suite", name=f"suite {number}") for number in range(1, count + 1)
        )
    return database


def stay(begins: int, ends: int, *, unit: int = 1, live: bool = True, expires: int | None = None) -> StayRow:
    return StayRow(
        unit_id=unit,
        begins=begins,
        ends=ends,
        course="NOR-001",
        activity="NOR-001/1/fill",
        resource="suite",
        expires=expires,
        live=live,
        changed_revision=1,
    )


def taken(session: Session) -> list[tuple[int, int, int]]:
    """Unit, begin and end of every live stay, in order."""
    rows = session.exec(select(StayRow).where(col(StayRow.live)))
    return sorted((row.unit_id, row.begins, row.ends) for row in rows)
