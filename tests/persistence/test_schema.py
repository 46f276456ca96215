"""Migrations make exactly the tables of the code, on both databases, however often and by however many at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from scheduler.persistence import schema
from scheduler.persistence.database import Database, open_database
from tests.databases import discard, new_postgres, new_sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    in_sqlite = request.param == "sqlite"
    without = new_sqlite(tmp_path / "empty.db", migrated=False) if in_sqlite else new_postgres(migrated=False)
    yield without
    discard(without)


def test_an_empty_database_is_brought_to_the_newest_revision(empty: Database) -> None:
    assert empty.revision() is None
    empty.migrate()
    assert empty.revision() == empty.head()


def test_a_migrated_database_differs_in_nothing_from_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        assert schema.differences(connection) == []


def test_a_column_that_was_forgotten_in_a_migration_is_noticed(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE closure DROP COLUMN resource"))
        assert [difference[0] for difference in schema.differences(connection)] == ["add_column"]


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE board SET revision = 7"))
    database.migrate()
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT id, revision FROM board")).all() == [(1, 7)]


def test_several_may_migrate_at_once(empty: Database) -> None:
    others = [open_database(empty.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Database.migrate, others))
    for other in others:
        other.dispose()
    assert empty.revision() == empty.head()
    with empty.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM board")).scalar_one() == 1


def test_a_migration_that_fails_leaves_nothing(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def upgrade_and_fail(configuration: Config, to: str) -> None:
        genuine(configuration, to)
        raise OSError("the plug was pulled")

    genuine = command.upgrade
    monkeypatch.setattr(command, "upgrade", upgrade_and_fail)
    with pytest.raises(OSError, match="the plug was pulled"):
        empty.migrate()
    assert empty.revision() is None
