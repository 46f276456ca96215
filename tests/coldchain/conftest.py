"""Every test here may ask for a dose on its way, in a database of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from scheduler.persistence.database import open_database
from tests.booking.house import House, move_in
from tests.coldchain.house import Way, filled
from tests.databases import new_sqlite


@dataclass(frozen=True)
class _Kept:
    file: Path
    now: datetime
    lot: str
    unit: str


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> _Kept:
    """The database as it is when ANA's first dose is about to be packed; made once, for it takes a while."""
    folder = tmp_path_factory.mktemp("way")
    database = new_sqlite(folder / "house.db")
    made = filled(move_in(database, folder))
    database.dispose()
    return _Kept(folder / "house.db", made.house.now, made.lot, made.unit)


@pytest.fixture
def way(kept: _Kept, tmp_path: Path) -> Iterator[Way]:
    """ANA's first dose, filled and tested, about to be packed."""
    shutil.copy(kept.file, tmp_path / "house.db")
    database = open_database(f"sqlite:///{tmp_path / 'house.db'}")
    yield Way(House(database, now=kept.now), kept.lot, kept.unit)
    database.dispose()
