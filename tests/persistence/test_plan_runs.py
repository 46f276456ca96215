"""The database itself refuses a second nightly of a date and a second run that waits; older databases get the table."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from scheduler.persistence import schema
from scheduler.persistence.database import Database
from scheduler.persistence.errors import Duplicate
from scheduler.persistence.tables_plans import PlanRunRow
from tests.databases import discard, new_postgres, new_sqlite

MONDAY, TUESDAY = date(2027, 3, 1), date(2027, 3, 2)


def enter(database: Database, kind: str, status: str, on: date = MONDAY, scope: str = "program") -> None:
    with database.writing() as session:
        session.add(PlanRunRow(scope=scope, local_date=on, kind=kind, status=status))


@pytest.mark.parametrize("status", ["claimed", "failed", "unchanged"])
def test_a_second_nightly_of_a_date_is_refused_whatever_became_of_the_first(database: Database, status: str) -> None:
    enter(database, "nightly", status)
    with pytest.raises(Duplicate):
        enter(database, "nightly", "claimed")


def test_a_second_run_that_waits_is_refused(database: Database) -> None:
    enter(database, "asked", "waiting")
    with pytest.raises(Duplicate):
        enter(database, "asked", "waiting", TUESDAY)


def test_runs_of_other_dates_scopes_and_kinds_may_be_side_by_side(database: Database) -> None:
    enter(database, "nightly", "claimed")
    enter(database, "nightly", "claimed", TUESDAY)
    enter(database, "nightly", "claimed", scope="North")
    for _ in range(2):
        enter(database, "asked", "unchanged")


@pytest.fixture(params=["sqlite", "postgresql"])
def from_before_runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database as the version before made it, with something in it."""
    in_sqlite = request.param == "sqlite"
    old = new_sqlite(tmp_path / "old.db", migrated=False) if in_sqlite else new_postgres(migrated=False)
    with old.engine.begin() as connection:
        command.upgrade(schema.configuration(connection), "0002")
        connection.execute(text("UPDATE board SET revision = 7"))
    yield old
    discard(old)


def test_a_database_from_before_runs_keeps_its_rows_and_gets_the_table(from_before_runs: Database) -> None:
    from_before_runs.migrate()
    with from_before_runs.engine.connect() as connection:
        assert schema.differences(connection) == []
        assert connection.execute(text("SELECT revision FROM board")).scalar_one() == 7
        assert connection.execute(text("SELECT count(*) FROM plan_run")).scalar_one() == 0
