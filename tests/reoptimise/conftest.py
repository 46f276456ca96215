"""Every test here may ask for a database, and for a house: a small program in one, with the people who book in it."""

from pathlib import Path

import pytest

from scheduler.persistence.database import Database
from tests.booking.house import House, move_in
from tests.databases import database, postgres_database, sqlite_database

__all__ = ["database", "postgres_database", "sqlite_database"]


@pytest.fixture
def house(sqlite_database: Database, tmp_path: Path) -> House:
    """The masked program, on SQLite."""
    return move_in(sqlite_database, tmp_path)


@pytest.fixture
def both(database: Database, tmp_path: Path) -> House:
    """The masked program, on SQLite and on PostgreSQL."""
    return move_in(database, tmp_path)
