"""The audit trail cannot be changed, and where somebody gets round that, it shows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, text

from scheduler.domain.audience import Role
from scheduler.persistence import audit
from scheduler.persistence.audit import FIRST, Broken, Verified, canonical
from scheduler.persistence.database import Database
from scheduler.persistence.errors import RowRefused
from tests.persistence.cast import NOW, unit_of_work


def with_entries(database: Database, *subjects: str) -> Database:
    for subject in subjects or ("NOR-001", "NOR-002", "NOR-003"):
        with unit_of_work(database) as work:
            work.audit("course:booked", subject, reason="asked for", after={"weight_kg": 61.5})
            work.commit()
    return database


def checked(database: Database, anchor: tuple[int, str] | None = None) -> Verified | Broken:
    with database.session() as session:
        return audit.verify(session, anchor=anchor)


def without_guards(database: Database, tamper: Callable[[Connection], object]) -> None:
    """What somebody could do who owns the database."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for kept in ("delete", "update", "replace"):
                connection.execute(text(f"DROP TRIGGER audit_entry_kept_from_{kept}"))
        else:
            connection.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        tamper(connection)


def test_an_empty_trail_holds(database: Database) -> None:
    assert checked(database) == Verified(0, FIRST)


def test_an_untouched_trail_holds(database: Database) -> None:
    verified = checked(with_entries(database))
    assert isinstance(verified, Verified)
    with database.session() as session:
        rows = list(audit.read(session))
    assert (verified.entries, verified.head) == (3, rows[-1].hash)
    assert [row.previous_hash for row in rows] == [FIRST, rows[0].hash, rows[1].hash]


def test_entries_of_one_unit_of_work_follow_each_other(database: Database) -> None:
    with unit_of_work(database) as work:
        for subject in ("NOR-001", "NOR-002"):
            work.audit("course:booked", subject)
        work.commit()
    assert isinstance(checked(database), Verified)
    with database.session() as session:
        assert [(row.id, row.subject) for row in audit.read(session)] == [(1, "NOR-001"), (2, "NOR-002")]


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'Somebody else'",
        "role = 'admin'",
        "site = 'South'",
        "action = 'course:cancelled'",
        "subject = 'NOR-009'",
        "reason = NULL",
        "after = '{\"kg\": 99}'",
        "before = '{}'",
        "request_id = 'r-2'",
        "at = '2027-01-04 08:00:01.000000'",
    ],
)
def test_a_changed_entry_is_found(database: Database, change: str) -> None:
    without_guards(with_entries(database), lambda on: on.execute(text(f"UPDATE audit_entry SET {change} WHERE id = 2")))
    assert checked(database) == Broken(2, "was changed after it was written: its content does not give its hash")


def test_an_entry_changed_with_its_hash_is_found_by_the_next(database: Database) -> None:
    def rewrite(connection: Connection) -> None:
        connection.execute(text("UPDATE audit_entry SET actor = 'Somebody else' WHERE id = 2"))
        with database.session() as session:
            row = next(audit.read(session, after=1))
        row.actor = "Somebody else"
        assert audit._hash(row) != row.hash
        connection.execute(text("UPDATE audit_entry SET hash = :hash WHERE id = 2"), {"hash": audit._hash(row)})

    without_guards(with_entries(database), rewrite)
    assert checked(database) == Broken(3, "does not hold the hash of the entry before it")


@pytest.mark.parametrize(("gone", "next_one"), [(1, 2), (2, 3)])
def test_a_missing_entry_is_found(database: Database, gone: int, next_one: int) -> None:
    without_guards(with_entries(database), lambda on: on.execute(text(f"DELETE FROM audit_entry WHERE id = {gone}")))
    assert checked(database) == Broken(gone, f"is missing: entry {next_one} comes in its place")


def test_a_missing_entry_is_found_even_when_the_others_are_numbered_anew(database: Database) -> None:
    def close_the_gap(connection: Connection) -> None:
        connection.execute(text("DELETE FROM audit_entry WHERE id = 2"))
        connection.execute(text("UPDATE audit_entry SET id = 2 WHERE id = 3"))

    without_guards(with_entries(database), close_the_gap)
    assert checked(database) == Broken(2, "does not hold the hash of the entry before it")


def test_entries_cut_off_at_the_end_are_found_by_what_was_noted_down(database: Database) -> None:
    noted = checked(with_entries(database))
    assert isinstance(noted, Verified)
    without_guards(database, lambda on: on.execute(text("DELETE FROM audit_entry WHERE id = 3")))
    assert isinstance(checked(database), Verified)
    assert checked(database, (noted.entries, noted.head)) == Broken(3, "is missing: the trail once reached entry 3")


def test_a_trail_written_anew_is_found_by_what_was_noted_down(database: Database) -> None:
    noted = checked(with_entries(database))
    assert isinstance(noted, Verified)
    without_guards(database, lambda on: on.execute(text("DELETE FROM audit_entry WHERE id >= 2")))
    with_entries(database, "NOR-007", "NOR-008", "NOR-009")
    assert isinstance(checked(database), Verified)
    broken = checked(database, (noted.entries, noted.head))
    assert broken == Broken(3, "is not the entry that was noted down under this number")


def test_what_was_noted_down_still_holds_when_the_trail_has_grown(database: Database) -> None:
    noted = checked(with_entries(database))
    assert isinstance(noted, Verified)
    grown = checked(with_entries(database, "NOR-004"), (noted.entries, noted.head))
    assert isinstance(grown, Verified) and grown.entries == 4


def test_the_trail_is_read_from_a_cursor_and_by_subject_and_action(database: Database) -> None:
    with_entries(database, "NOR-001", "NOR-002", "NOR-001", "NOR-001")
    with database.session() as session:
        assert [row.id for row in audit.read(session, after=1, limit=2)] == [2, 3]
        assert [row.id for row in audit.read(session, subject="NOR-001")] == [1, 3, 4]
        assert [row.id for row in audit.read(session, subject="NOR-001", after=1, limit=1)] == [3]
        assert [row.id for row in audit.read(session, action="course:cancelled")] == []


@dataclass(frozen=True)
class Told:
    on: date
    doses: tuple[int, ...]


def test_the_same_content_gives_the_same_text() -> None:
    seoul = timezone(timedelta(hours=9))
    content = {"b": datetime(2027, 1, 4, 17, 0, tzinfo=seoul), "a": Told(date(2027, 1, 5), (1, 2)), "c": {"ü", "a"}}
    # 17:00 in Seoul is 08:00 UTC.
    assert canonical(content) == '{"a":{"doses":[1,2],"on":"2027-01-05"},"b":"2027-01-04T08:00:00Z","c":["a","ü"]}'
    assert canonical(dict(reversed(content.items()))) == canonical(content)
    assert canonical([Role.QA, NOW]) == '["qa","2027-01-04T08:00:00Z"]'


@pytest.mark.parametrize("content", [datetime(2027, 1, 4), math.nan, math.inf])
def test_content_that_means_nothing_definite_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match=r"UTC offset|not JSON compliant"):
        canonical({"at": content})


VALUES = "1, '2027-01-04', 'x', 'x', 'x:y', 'x', 'x', '{hash}'"
REPLACE = "INSERT OR REPLACE INTO audit_entry (id, at, actor, role, action, subject, previous_hash, hash) VALUES"


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"])
def test_the_database_refuses_to_change_the_trail(database: Database, statement: str) -> None:
    with_entries(database)
    with pytest.raises(RowRefused, match="kept as written"), database.engine.begin() as connection:
        connection.execute(text(statement))
    assert isinstance(checked(database), Verified)


def test_sqlite_refuses_to_replace_an_entry_by_its_number(sqlite_database: Database) -> None:
    with_entries(sqlite_database)
    with pytest.raises(RowRefused, match="kept as written"), sqlite_database.engine.begin() as connection:
        connection.execute(text(f"{REPLACE} ({VALUES.format(hash='new')})"))


def test_sqlite_refuses_to_replace_an_entry_by_its_hash(sqlite_database: Database) -> None:
    with_entries(sqlite_database)
    with sqlite_database.session() as session:
        taken = next(audit.read(session, after=2)).hash
    values = VALUES.format(hash=taken).replace("1,", "99,", 1)
    with pytest.raises(RowRefused, match="kept as written"), sqlite_database.engine.begin() as connection:
        connection.execute(text(f"{REPLACE} ({values})"))


def test_postgresql_refuses_to_empty_the_trail(postgres_database: Database) -> None:
    with_entries(postgres_database)
    with pytest.raises(RowRefused, match="kept as written"), postgres_database.engine.begin() as connection:
        connection.execute(text("TRUNCATE audit_entry"))
