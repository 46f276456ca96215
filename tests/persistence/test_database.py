"""Addresses, journals, locks: what differs between the two databases and must not be seen elsewhere."""

import sqlite3
import threading
import traceback
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler.domain.errors import BadInput
from scheduler.persistence import database as module
from scheduler.persistence.database import Database, journal_mode, open_database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable, Duplicate, RowRefused
from tests.persistence.cast import unit_of_work


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is not the address"),
        ("marrowline.db", "is not the address"),
        ("mysql://localhost/x", "'mysql' is not supported"),
        ("postgresql+asyncpg://localhost/x", "'postgresql\\+asyncpg' is not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////no/such/folder/x.db", "there is no folder '/no/such/folder'"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_its_remedy(url: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        open_database(url)


def test_a_password_is_never_printed() -> None:
    opened = open_database("postgresql+psycopg://ana:s3cret@localhost/x")
    assert "s3cret" not in repr(opened) and "s3cret" in opened.url
    with pytest.raises(BadInput) as refused:
        open_database("mysql://ana:s3cret@localhost/x")
    assert "s3cret" not in str(refused.value)


def test_a_database_answers(database: Database) -> None:
    database.ping()


def test_a_server_that_is_not_there_is_told_in_our_words(tmp_path: Path) -> None:
    absent = open_database(f"postgresql+psycopg://ana@/x?host={tmp_path}")
    with pytest.raises(DatabaseUnavailable):
        absent.ping()


def test_a_file_that_cannot_be_opened_is_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DatabaseUnavailable):
        open_database(f"sqlite:///{tmp_path / 'folder.db'}").ping()


@pytest.mark.parametrize(
    ("version", "journal"), [((3, 40, 1), "DELETE"), ((3, 51, 2), "DELETE"), ((3, 51, 3), "WAL"), ((3, 52, 0), "WAL")]
)
def test_sqlite_before_the_corrected_version_keeps_a_rollback_journal(
    version: tuple[int, int, int], journal: str
) -> None:
    assert journal_mode(version) == journal


def test_sqlite_is_set_up_to_lose_nothing(sqlite_database: Database) -> None:
    with sqlite_database.engine.connect() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    mode = journal_mode(sqlite3.sqlite_version_info[:3]).lower()
    assert found == {"journal_mode": mode, "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000}


def test_what_a_writer_has_read_cannot_change_before_it_writes(sqlite_database: Database, tmp_path: Path) -> None:
    outsider = sqlite3.connect(tmp_path / "marrowline.db", timeout=0)
    with unit_of_work(sqlite_database) as work:
        work.session.execute(text("SELECT revision FROM board"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            outsider.execute("UPDATE board SET revision = 9")
    outsider.close()


def test_whoever_waits_too_long_is_told_that_the_database_is_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    impatient = open_database(database.url)
    with unit_of_work(database) as work:
        work.lock_board()
        with pytest.raises(DatabaseBusy), unit_of_work(impatient) as other:
            other.lock_board()
    impatient.dispose()


def test_a_thread_that_waits_too_long_for_its_turn_is_told_so(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    told: list[bool] = []

    def other() -> None:
        with pytest.raises(DatabaseBusy), unit_of_work(sqlite_database):
            told.append(False)
        told.append(True)

    with unit_of_work(sqlite_database):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert told == [True]


FAILED = "INSERT INTO failed_key (id, origin, failed_at) VALUES (1, :origin, :at)"


def test_a_row_the_tables_refuse_is_told_without_its_values(database: Database) -> None:
    patient = "-".join(("NOR", "001"))  # not as in the lines of this file, which the traceback quotes
    with pytest.raises(RowRefused, match="failed_at") as refused, database.engine.begin() as connection:
        connection.execute(text(FAILED), {"origin": patient, "at": None})
    assert patient not in "".join(traceback.format_exception(refused.value))


def test_a_key_that_is_there_already_is_told_apart(database: Database) -> None:
    with pytest.raises(Duplicate), database.engine.begin() as connection:
        for _ in range(2):
            connection.execute(text(FAILED), {"origin": "NOR-001", "at": "2027-01-04 08:00:00"})
