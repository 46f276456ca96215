"""Every test here may ask for a database, and for a house: a small program in one, with the people who book in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler.persistence.database import Database
from tests.booking.house import House, move_in
from tests.databases import database, discard, new_sqlite, postgres_database, sqlite_database

__all__ = ["database", "postgres_database", "sqlite_database"]


@pytest.fixture
def house(sqlite_database: Database, tmp_path: Path) -> House:
    """The masked program, on SQLite."""
    return move_in(sqlite_database, tmp_path)


@pytest.fixture
def both(database: Database, tmp_path: Path) -> House:
    """The masked program, on SQLite and on PostgreSQL."""
    return move_in(database, tmp_path)


@pytest.fixture
def build(sqlite_database: Database, tmp_path: Path) -> Callable[..., House]:
    """A house of another kind: with another capacity, or without blinding."""

    def built(capacity: str = "shadow", *, blinded: bool = True) -> House:
        return move_in(sqlite_database, tmp_path, capacity=capacity, blinded=blinded)

    return built


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[], House]]:
    """Makes a new house, on SQLite, as often as it is asked."""
    made: list[Database] = []

    def one() -> House:
        folder = tmp_path / f"house-{len(made)}"
        folder.mkdir()
        made.append(new_sqlite(folder / "house.db"))
        return move_in(made[-1], folder)

    yield one
    for each in made:
        discard(each)
