"""Migrations: Alembic, set up in code, with the scripts that lie beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy import text as sql

from scheduler.persistence.tables import metadata

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 6_277_101  # any number of ours: who migrates a PostgreSQL database holds this advisory lock


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Bring the tables to `head`, in one transaction, one process at a time."""
    with _alone(engine) as connection:
        if revision(connection) != head():
            command.upgrade(configuration(connection), "head")


@cache
def head() -> str:
    """The newest revision this code knows."""
    newest = ScriptDirectory.from_config(configuration()).get_current_head()
    assert newest is not None, "there is always a first migration"
    return newest


def revision(connection: Connection) -> str | None:
    """The revision the tables are at; None in an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: Connection) -> list[Any]:
    """What Alembic would change to make the tables those of `tables`; empty when they are the same."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    if engine.dialect.name == "sqlite":
        with _alone_in_sqlite(engine) as connection:
            yield connection
        return
    with engine.begin() as connection:
        connection.execute(sql("SET LOCAL lock_timeout = 0"))
        connection.execute(sql("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection


@contextmanager
def _alone_in_sqlite(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(begin_immediate=True).connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")  # a batch migration drops and renames tables others refer to
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                assert not broken, f"the migration left references to missing rows: {broken[:3]}"
        finally:
            raw.execute("PRAGMA foreign_keys=ON")
