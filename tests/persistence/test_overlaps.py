"""No unit is taken twice at once, whoever writes and however: the database itself refuses."""

import multiprocessing
from collections.abc import Callable
from itertools import pairwise

import pytest
from sqlalchemy import text

from scheduler.persistence.database import Database, open_database
from scheduler.persistence.errors import DatabaseBusy, Overlap
from tests.persistence.cast import stay, taken, with_units


def add(database: Database, *rows: object) -> None:
    with database.writing() as session:
        session.add_all(rows)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (100, 200),  # the same
        (50, 101),  # into its beginning
        (199, 300),  # out of its end
        (120, 130),  # inside
        (0, 1000),  # around
    ],
)
def test_a_stay_that_overlaps_another_is_refused(database: Database, begins: int, ends: int) -> None:
    add(with_units(database), stay(100, 200))
    with pytest.raises(Overlap):
        add(database, stay(begins, ends))
    with database.session() as session:
        assert taken(session) == [(1, 100, 200)]


def test_postgresql_names_the_unit_that_is_taken(postgres_database: Database) -> None:
    add(with_units(postgres_database), stay(100, 200, unit=2))
    with pytest.raises(Overlap) as refused:
        add(postgres_database, stay(150, 160, unit=2))
    assert refused.value.unit == 2


def test_stays_may_touch(database: Database) -> None:
    add(with_units(database), stay(100, 200), stay(200, 300), stay(50, 100))
    with database.session() as session:
        assert taken(session) == [(1, 50, 100), (1, 100, 200), (1, 200, 300)]


def test_other_units_are_not_taken(database: Database) -> None:
    add(with_units(database), stay(100, 200, unit=1), stay(100, 200, unit=2))
    with database.session() as session:
        assert taken(session) == [(1, 100, 200), (2, 100, 200)]


def test_a_released_stay_is_in_nobodys_way(database: Database) -> None:
    add(with_units(database), stay(100, 200, live=False), stay(100, 200), stay(120, 130, live=False))
    with database.session() as session:
        assert taken(session) == [(1, 100, 200)]


def test_a_released_stay_cannot_come_back_over_another(database: Database) -> None:
    add(with_units(database), stay(100, 200, live=False), stay(150, 250))
    with pytest.raises(Overlap), database.engine.begin() as connection:
        connection.execute(text("UPDATE stay SET live = true WHERE begins = 100"))


@pytest.mark.parametrize(
    "change",
    ["SET begins = 150", "SET unit_id = 1, begins = 100, ends = 500", "SET begins = 199"],
)
def test_a_stay_cannot_be_moved_over_another(database: Database, change: str) -> None:
    add(with_units(database), stay(100, 200), stay(200, 300))
    with pytest.raises(Overlap), database.engine.begin() as connection:
        connection.execute(text(f"UPDATE stay {change} WHERE begins = 200"))


def test_a_stay_may_be_shortened_in_its_place(database: Database) -> None:
    add(with_units(database), stay(100, 200), stay(200, 300))
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE stay SET ends = 250 WHERE begins = 200"))
    with database.session() as session:
        assert taken(session) == [(1, 100, 200), (1, 200, 250)]


def test_a_long_stay_is_seen_behind_a_short_one_that_was_released(database: Database) -> None:
    add(with_units(database), stay(0, 1000), stay(300, 310, live=False))
    with pytest.raises(Overlap):
        add(database, stay(500, 600))


def test_replacing_a_row_in_sqlite_is_no_way_round(sqlite_database: Database) -> None:
    add(with_units(sqlite_database), stay(100, 200), stay(200, 300))
    values = "(2, 1, 150, 300, 'NOR-002', 'NOR-002/1/fill', 'suite', 1, 1)"
    columns = "(id, unit_id, begins, ends, course, activity, resource, live, changed_revision)"
    with pytest.raises(Overlap), sqlite_database.engine.begin() as connection:
        connection.execute(text(f"INSERT OR REPLACE INTO stay {columns} VALUES {values}"))
    with sqlite_database.session() as session:
        assert taken(session) == [(1, 100, 200), (1, 200, 300)]


def race(url: str, seed: int, attempts: int, report: Callable[[tuple[int, int]], None]) -> None:
    """Take stretches of one unit that others want too; no look beforehand. Reports how many were had and refused."""
    database = open_database(url)
    had = refused = 0
    for attempt in range(attempts):
        begins = (attempt * 37 + seed * 11) % 500  # a walk over 500 seconds, another for each process
        try:
            add(database, stay(begins, begins + 15))
            had += 1
        except Overlap:
            refused += 1
        except DatabaseBusy:
            continue
    database.dispose()
    report((had, refused))


def test_processes_racing_for_one_unit_never_both_have_it(database: Database) -> None:
    with_units(database)
    spawned = multiprocessing.get_context("spawn")
    reports = spawned.SimpleQueue()
    racers = [spawned.Process(target=race, args=(database.url, seed, 150, reports.put)) for seed in range(3)]
    for racer in racers:
        racer.start()
    results = [reports.get() for _ in racers]
    for racer in racers:
        racer.join()
    with database.session() as session:
        stays = taken(session)
    assert len(stays) == sum(had for had, _ in results)
    assert sum(refused for _, refused in results) > 100  # 500 s hold at most 33 stays of 15 s: most of 450 are refused
    assert all(one[2] <= following[1] for one, following in pairwise(stays))
