"""The audit trail: every entry holds the hash of the one before it, so that what was once written stays written."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import text as sql
from sqlmodel import Session, col, select

from scheduler.domain.audience import Principal
from scheduler.persistence.tables import AuditRow

FIRST = "0" * 64
"""What the first entry has for the hash of the one before it."""

_LOCK = 6_277_102  # who appends in PostgreSQL holds this advisory lock until the transaction ends
_ACTION = re.compile(r"[a-z_]+:[a-z_]+")
_CHAINED = (
    "id",
    "at",
    "actor",
    "role",
    "site",
    "action",
    "subject",
    "reason",
    "before",
    "after",
    "request_id",
    "previous_hash",
)


@dataclass(frozen=True)
class AuditEntry:
    """One change or one read that is recorded: who did what to what, why, and what was there before and after.

    `action` is ``subject:verb_past`` such as ``course:booked``; `before` and `after` are plain JSON values.
    """

    at: datetime
    by: Principal
    action: str
    subject: str
    reason: str | None = None
    before: object = None
    after: object = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        if not _ACTION.fullmatch(self.action):
            raise ValueError(f"{self.action!r} is not subject:verb_past")


@dataclass(frozen=True)
class Verified:
    """The chain holds: how many entries there are, and the hash of the last one."""

    entries: int
    head: str


@dataclass(frozen=True)
class Broken:
    """The chain does not hold: the first entry at fault and what is wrong with it."""

    entry: int
    problem: str


def canonical(content: object) -> str:
    """Content as JSON that is the same for the same content: keys sorted, no spaces, instants in UTC.

    Raises
    ------
    ValueError
        For a naive instant, and for a number that is not finite.
    TypeError
        For what JSON cannot hold.
    """
    return json.dumps(_plain(content), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    """The hash of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def append(session: Session, entries: Sequence[AuditEntry]) -> None:
    """Chain entries to the trail in the session's transaction.

    The chain stays locked until that transaction ends, so this is the last thing it does before the commit: whoever
    waits for the chain holds other locks, and whoever has the chain waits for none.
    """
    if not entries:
        return
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = session.exec(select(AuditRow.id, AuditRow.hash).order_by(col(AuditRow.id).desc()).limit(1)).first()
    entries_so_far, previous = last or (0, FIRST)
    for number, entry in enumerate(entries, entries_so_far + 1):
        row = _row(number, entry, previous)
        session.add(row)
        previous = row.hash
    session.flush()


def verify(session: Session, *, anchor: tuple[int, str] | None = None) -> Verified | Broken:
    """Follow the chain from its first entry.

    Parameters
    ----------
    session
        A reading session.
    anchor
        Number and hash of an entry noted down earlier. Nothing inside a database can show that its last entries
        were cut off; a hash kept outside can.
    """
    expected, previous = 1, FIRST
    noted = anchor is None
    for row in read(session):
        problem = _problem(row, expected, previous)
        if problem is None and anchor is not None and row.id == anchor[0]:
            noted = True
            problem = None if row.hash == anchor[1] else "is not the entry that was noted down under this number"
        if problem is not None:
            return Broken(expected, problem)
        expected, previous = expected + 1, row.hash
    if not noted:
        return Broken(expected, f"is missing: the trail once reached entry {anchor[0] if anchor else 0}")
    return Verified(expected - 1, previous)


def read(
    session: Session,
    *,
    after: int = 0,
    limit: int | None = None,
    subject: str | None = None,
    action: str | None = None,
) -> Iterator[AuditRow]:
    """Entries by number, those beyond `after` only, a thousand at a time in memory.

    `subject` and `action` keep the entries with exactly that subject or action.
    """
    query = select(AuditRow).where(col(AuditRow.id) > after).order_by(col(AuditRow.id)).limit(limit)
    if subject is not None:
        query = query.where(AuditRow.subject == subject)
    if action is not None:
        query = query.where(AuditRow.action == action)
    yield from session.exec(query.execution_options(yield_per=1000))


def last_number(session: Session) -> int:
    """The number of the last entry; 0 in an empty trail."""
    return session.exec(select(AuditRow.id).order_by(col(AuditRow.id).desc()).limit(1)).first() or 0


def _row(number: int, entry: AuditEntry, previous: str) -> AuditRow:
    row = AuditRow(
        id=number,
        at=entry.at.astimezone(UTC),
        actor=entry.by.name,
        role=entry.by.role.value,
        site=entry.by.site,
        action=entry.action,
        subject=entry.subject,
        reason=entry.reason,
        before=None if entry.before is None else canonical(entry.before),
        after=None if entry.after is None else canonical(entry.after),
        request_id=entry.request_id,
        previous_hash=previous,
        hash="",
    )
    row.hash = _hash(row)
    return row


def _hash(row: AuditRow) -> str:
    return sha256(canonical({name: getattr(row, name) for name in _CHAINED}))


def _problem(row: AuditRow, expected: int, previous: str) -> str | None:
    if row.id != expected:
        return f"is missing: entry {row.id} comes in its place"
    if row.previous_hash != previous:
        return "does not hold the hash of the entry before it"
    if row.hash != _hash(row):
        return "was changed after it was written: its content does not give its hash"
    return None


def _plain(content: object) -> object:
    if isinstance(content, datetime):
        if content.utcoffset() is None:
            raise ValueError("an instant needs its UTC offset")
        return content.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(content, date):
        return content.isoformat()
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return {field.name: _plain(getattr(content, field.name)) for field in dataclasses.fields(content)}
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, set | frozenset):
        return sorted((_plain(one) for one in content), key=str)
    if isinstance(content, list | tuple):
        return [_plain(one) for one in content]
    return content
