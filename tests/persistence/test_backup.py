"""What was backed up comes back, into either database, or nothing does."""

import json
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from scheduler.domain.audience import Principal, Role
from scheduler.domain.errors import BadInput
from scheduler.persistence import audit
from scheduler.persistence.audit import Verified
from scheduler.persistence.backup import backup, restore
from scheduler.persistence.bundle import bundle_of, facts_of
from scheduler.persistence.database import Database
from scheduler.persistence.keys import KeyStore, make_key
from scheduler.persistence.tables import ActivityRow, AttemptRow, CourseRow, PatientRow, ProgramRow, metadata
from scheduler.persistence.tables_plans import PlanRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs import load_program
from tests.databases import discard, new_postgres, new_sqlite
from tests.persistence.cast import NOW, stay, taken, unit_of_work, with_units

PLAN = '{"courses":["Ana – Süd"]}'


def add_attempt(work: UnitOfWork) -> None:
    """A course of which a fill was given up, with what that waits for."""
    add, flush = work.session.add, work.session.flush
    registered = {"registered_on": NOW.date(), "registered_at": NOW, "registered_by": "Nora"}
    add(PatientRow(id="NOR-001", site="North", weight_kg=61.5, **registered))
    flush()
    add(CourseRow(id="NOR-001", site="North", coi="X-1", booked_at=NOW, booked_by="Nora", restarted="[1]"))
    flush()
    fill = {"course": "NOR-001", "kind": "fill", "dose": 1, "place": "Plant", "units": "{}"}
    fill |= {"start_at": NOW, "end_at": NOW}
    add(ActivityRow(id="NOR-001/1/fill", attempt=2, status="open", **fill))
    flush()
    why = {"why": "lot_failed", "given_up_at": NOW, "given_up_by": "Paul"}
    add(AttemptRow(activity="NOR-001/1/fill", attempt=1, status="failed", version=2, **why, **fill))


@pytest.fixture
def filled(database: Database) -> Database:
    """A program, a plan, an attempt, two stays, a key and the audit trail of it all."""
    bundle = bundle_of("alsummit")
    with unit_of_work(with_units(database)) as work:
        work.lock_board()
        work.session.add(
            ProgramRow(
                name=bundle.name,
                title=bundle.title,
                starts_on=bundle.starts_on,
                files=bundle.text,
                sha256=bundle.sha256,
                imported_at=NOW,
                imported_by="Ada",
            )
        )
        work.session.add(
            PlanRow(program="alsummit", state="approved", document=PLAN, sha256="0", made_at=NOW, made_by="Paul")
        )
        add_attempt(work)
        work.session.add_all([stay(100, 200), stay(200, 300, live=False)])
        work.sign("plan/1", PLAN, meaning="approval")
        work.commit()
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    to_fill = new_sqlite(tmp_path / "restored.db") if request.param == "sqlite" else new_postgres()
    yield to_fill
    discard(to_fill)


def rows(database: Database) -> dict[str, list[object]]:
    with database.session() as session:
        return {
            table.name: [tuple(row) for row in session.execute(table.select().order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def test_every_row_comes_back_in_either_database(filled: Database, empty: Database, tmp_path: Path) -> None:
    saved = backup(filled, tmp_path / "backup.zip")
    assert restore(empty, tmp_path / "backup.zip") == saved
    assert rows(empty) == rows(filled)
    assert (saved.rows["stay"], saved.rows["plan"], saved.rows["attempt"], saved.entries) == (2, 1, 1, 1)


def test_what_was_restored_can_be_worked_with(filled: Database, empty: Database, tmp_path: Path) -> None:
    with unit_of_work(filled) as work:
        key = make_key(work, name="Nora", role=Role.COORDINATOR, site="North")
        work.commit()
    backup(filled, tmp_path / "backup.zip")
    restore(empty, tmp_path / "backup.zip")
    assert isinstance(KeyStore(empty).identify(key), Principal)
    with unit_of_work(empty) as work:
        assert work.lock_board() == 2  # the board goes on counting after the first unit's 1
        work.session.add(stay(200, 300))  # and rows are numbered on
        work.audit("course:booked", "NOR-001")
        work.commit()
    with empty.session() as session:
        trail = audit.verify(session)
        assert taken(session) == [(1, 100, 200), (1, 200, 300)]
        assert session.exec(select(PlanRow.document)).one() == PLAN
        assert facts_of(session.get_one(ProgramRow, 1), (), (), None).network == load_program("alsummit").network
    assert isinstance(trail, Verified) and trail.entries == 3


def test_only_its_owner_may_read_a_backup(sqlite_database: Database, tmp_path: Path) -> None:
    backup(sqlite_database, tmp_path / "backup.zip")
    assert stat.S_IMODE(os.stat(tmp_path / "backup.zip").st_mode) == 0o600


def test_a_backup_never_replaces_a_file(sqlite_database: Database, tmp_path: Path) -> None:
    (tmp_path / "backup.zip").write_text("yesterday's")
    with pytest.raises(BadInput, match="there is such a file"):
        backup(sqlite_database, tmp_path / "backup.zip")
    assert (tmp_path / "backup.zip").read_text() == "yesterday's"


def test_a_backup_that_fails_leaves_no_file(filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="No space left on device"):
        backup(filled, tmp_path / "out" / "backup.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_is_not_there_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file or directory"):
        backup(sqlite_database, tmp_path / "nowhere" / "backup.zip")


def test_a_database_of_another_revision_is_neither_saved_nor_filled(sqlite_database: Database, tmp_path: Path) -> None:
    backup(sqlite_database, tmp_path / "backup.zip")
    with sqlite_database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    for act in (backup, restore):
        with pytest.raises(BadInput, match="is at revision 0000"):
            act(sqlite_database, tmp_path / "another.zip")


def test_a_database_with_rows_is_not_filled(filled: Database, tmp_path: Path) -> None:
    before = rows(filled)
    backup(filled, tmp_path / "backup.zip")
    with pytest.raises(BadInput, match="is not empty"):
        restore(filled, tmp_path / "backup.zip")
    assert rows(filled) == before


def bent(source: Path, target: Path, member: str, bend: Callable[[bytes], bytes]) -> Path:
    """The same archive with one member changed, its checksums in the archive made good."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, bend(content) if name == member else content)
    return target


def other_revision(manifest: bytes) -> bytes:
    return json.dumps(json.loads(manifest) | {"revision": "9999"}).encode()


@pytest.mark.parametrize(
    ("member", "bend", "problem"),
    [
        ("stay.jsonl", lambda rows: rows.replace(b"200", b"201", 1), "stay is not as it was saved"),
        ("stay.jsonl", lambda rows: rows.splitlines(keepends=True)[0], "stay is not as it was saved"),
        ("stay.jsonl", lambda rows: rows.replace(b'"live"', b'"lives"'), "a row of stay has other columns"),
        ("unit.jsonl", lambda rows: b"not JSON", "is not a whole backup"),
        ("manifest.json", lambda _: b"{}", "is not a whole backup"),
        ("manifest.json", other_revision, "was made of revision 9999"),
        ("manifest.json", lambda text: text.replace(b'"entries":1', b'"entries":2'), "does not end where it did"),
    ],
)
def test_a_changed_backup_is_refused_and_leaves_nothing(
    filled: Database,
    empty: Database,
    tmp_path: Path,
    member: str,
    bend: Callable[[bytes], bytes],
    problem: str,
) -> None:
    before = rows(empty)
    backup(filled, tmp_path / "backup.zip")
    changed = bent(tmp_path / "backup.zip", tmp_path / "changed.zip", member, bend)
    with pytest.raises(BadInput, match=problem):
        restore(empty, changed)
    assert rows(empty) == before


def test_a_backup_cut_short_is_refused(filled: Database, sqlite_database: Database, tmp_path: Path) -> None:
    whole = tmp_path / "backup.zip"
    backup(filled, whole)
    for length in (0, 1, whole.stat().st_size // 2, whole.stat().st_size - 1):
        (tmp_path / "short.zip").write_bytes(whole.read_bytes()[:length])
        with pytest.raises(BadInput, match="is not a whole backup"):
            restore(new_sqlite(tmp_path / f"{length}.db"), tmp_path / "short.zip")


def test_a_file_that_is_not_there_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        restore(sqlite_database, tmp_path / "backup.zip")


def test_a_trail_that_does_not_hold_is_not_backed_up(sqlite_database: Database, tmp_path: Path) -> None:
    with unit_of_work(sqlite_database) as work:
        work.audit("course:booked", "NOR-001")
        work.commit()
    with sqlite_database.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_entry_kept_from_update"))
        connection.execute(text("UPDATE audit_entry SET actor = 'x'"))
    with pytest.raises(BadInput, match="entry 1 was changed"):
        backup(sqlite_database, tmp_path / "backup.zip")
    assert not (tmp_path / "backup.zip").exists()
