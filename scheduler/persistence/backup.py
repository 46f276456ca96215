"""The whole database in one file, and back: the same file fits SQLite and PostgreSQL.

The file is a ZIP archive with one JSON line a row, a member for each table in the order in which rows may be inserted,
and last a manifest with the revision of the tables, the rows and the hash of every member, and the end of the audit
trail. It holds everything, arms and key hashes included: keep it like the database itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Date, Table, delete, func, insert, select
from sqlalchemy import text as sql
from sqlmodel import Session

from scheduler.domain.errors import BadInput
from scheduler.persistence import audit
from scheduler.persistence.audit import Broken, canonical
from scheduler.persistence.columns import UtcDateTime
from scheduler.persistence.database import Database
from scheduler.persistence.tables import metadata

FORMAT = 1
_MANIFEST = "manifest.json"
_AT_ONCE = 1000
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Contents:
    """What a backup holds.

    Attributes
    ----------
    revision
        Of the tables.
    rows
        How many, by table.
    entries, head
        Length of the audit trail, and the hash of its last entry.
    """

    revision: str
    rows: Mapping[str, int]
    entries: int
    head: str


def backup(database: Database, path: Path) -> Contents:
    """Write the database as it is at this moment to a new file; others may go on writing.

    Raises
    ------
    BadInput
        When the file exists or cannot be written, when the tables are not those of this version, or when the audit
        trail does not hold. No file is left then.
    """
    _must_be_current(database)
    with _whole_file(path) as file, database.session() as session, zipfile.ZipFile(file, "w") as archive:
        trail = audit.verify(session)
        if isinstance(trail, Broken):
            raise _broken_trail("database", trail)
        tables = [_save(session, table, archive) for table in metadata.sorted_tables]
        manifest = {
            "format": FORMAT,
            "revision": database.head(),
            "tables": tables,
            "audit": {"entries": trail.entries, "head": trail.head},
        }
        archive.writestr(_MANIFEST, canonical(manifest), zipfile.ZIP_DEFLATED)
    return _contents(manifest)


def restore(database: Database, path: Path) -> Contents:
    """Fill an empty database from a backup; all of it or nothing.

    Raises
    ------
    BadInput
        When the file cannot be read, is damaged, or is of other tables than these; when the database is not empty; or
        when the audit trail does not hold. Nothing was changed then.
    """
    _must_be_current(database)
    try:
        with zipfile.ZipFile(path) as archive, database.turn(), database.session(write=True) as session:
            manifest = json.loads(archive.read(_MANIFEST))
            _must_fit(path, manifest, database.head())
            _must_be_empty(session)
            session.execute(delete(metadata.tables["board"]))  # the one row a migration makes
            for told in manifest["tables"]:
                _load(session, path, archive, told)
            _must_end_alike(session, path, manifest["audit"])
            session.commit()
            return _contents(manifest)
    except OSError as problem:
        reason = f"cannot be read ({problem.strerror or problem})"
        raise BadInput(str(path), "file", reason, "Check the name and that you may read it") from problem
    except _UNREADABLE as problem:
        raise _damaged(path, str(problem)) from problem


def _save(session: Session, table: Table, archive: zipfile.ZipFile) -> dict[str, object]:
    """Write the rows of a table; what the manifest tells of them."""
    digest, rows = hashlib.sha256(), 0
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=_AT_ONCE)
    member = zipfile.ZipInfo(_member(table.name))
    member.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(member, "w", force_zip64=True) as out:
        for row in session.execute(query).mappings():
            line = (canonical(dict(row)) + "\n").encode("utf-8")
            digest.update(line)
            out.write(line)
            rows += 1
    return {"name": table.name, "rows": rows, "sha256": digest.hexdigest()}


def _load(session: Session, path: Path, archive: zipfile.ZipFile, told: Mapping[str, Any]) -> None:
    table = metadata.tables[told["name"]]
    digest, rows = hashlib.sha256(), 0
    with archive.open(_member(table.name)) as member:
        values = (_values(table, line) for line in _hashed(member, digest.update))
        while some := list(islice(values, _AT_ONCE)):
            session.execute(insert(table), some)
            rows += len(some)
    if (rows, digest.hexdigest()) != (told["rows"], told["sha256"]):
        raise _damaged(path, f"{table.name} is not as it was saved")
    _number_on(session, table)


def _hashed(member: IO[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for line in member:
        update(line)
        yield line


def _values(table: Table, line: bytes) -> dict[str, object]:
    """The values of a row; ValueError when they are not of this table."""
    row = json.loads(line)
    if row.keys() != set(table.columns.keys()):
        raise ValueError(f"a row of {table.name} has other columns")
    return {column.name: _value(column.type, row[column.name]) for column in table.columns}


def _value(kind: object, value: Any) -> object:
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return value


def _number_on(session: Session, table: Table) -> None:
    """Have PostgreSQL number new rows after those restored; SQLite does by itself."""
    (key, *others) = table.primary_key
    if session.get_bind().dialect.name == "postgresql" and not others and key.type.python_type is int:
        last = session.execute(select(func.max(key))).scalar_one()
        sequence = session.execute(sql(f"SELECT pg_get_serial_sequence('{table.name}', '{key.name}')")).scalar_one()
        if last is not None and sequence is not None:
            session.execute(select(func.setval(sequence, last)))


def _must_be_current(database: Database) -> None:
    if database.revision() != database.head():
        problem = f"is at revision {database.revision() or 'none'}, this version works with {database.head()}"
        raise BadInput("database", "revision", problem, "Run 'marrowline migrate' first")


def _must_fit(path: Path, manifest: Mapping[str, Any], revision: str) -> None:
    if manifest["format"] != FORMAT or manifest["revision"] != revision:
        problem = f"was made of revision {manifest['revision']}, this database is at {revision}"
        raise BadInput(str(path), "revision", problem, "Restore with the version that made it, then migrate")
    if [told["name"] for told in manifest["tables"]] != [table.name for table in metadata.sorted_tables]:
        raise ValueError("tables are missing")


def _must_be_empty(session: Session) -> None:
    for table in metadata.sorted_tables:
        made_by_migration = 1 if table.name == "board" else 0
        if session.execute(select(func.count()).select_from(table)).scalar_one() > made_by_migration:
            remedy = "Restore into a new database that was only migrated"
            raise BadInput("database", table.name, "is not empty", remedy)


def _must_end_alike(session: Session, path: Path, told: Mapping[str, Any]) -> None:
    trail = audit.verify(session)
    if isinstance(trail, Broken):
        raise _broken_trail(str(path), trail)
    if (trail.entries, trail.head) != (told["entries"], told["head"]):
        raise _damaged(path, "the audit trail does not end where it did")


def _contents(manifest: Mapping[str, Any]) -> Contents:
    rows = {told["name"]: told["rows"] for told in manifest["tables"]}
    return Contents(manifest["revision"], rows, manifest["audit"]["entries"], manifest["audit"]["head"])


def _member(table: str) -> str:
    return f"{table}.jsonl"


def _damaged(path: Path, reason: str) -> BadInput:
    return BadInput(str(path), "file", f"is not a whole backup: {reason}", "Take another copy of it, or an older one")


def _broken_trail(where: str, trail: Broken) -> BadInput:
    remedy = "Find out who changed it before anything else is written"
    return BadInput(where, "audit trail", f"entry {trail.entry} {trail.problem}", remedy)


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner reads; it has its name once the block has ended well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        if path.exists():
            raise FileExistsError("there is such a file")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as problem:
        reason = f"cannot be written ({problem.strerror or problem})"
        raise BadInput(str(path), "file", reason, "Name a new file in a folder with room") from problem
    finally:
        temporary.unlink(missing_ok=True)
