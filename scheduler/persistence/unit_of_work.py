"""One use case, one transaction: it rolls back unless committed, and its audit entries are part of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from sqlalchemy import update
from sqlmodel import Session, col

from scheduler.domain.audience import Principal
from scheduler.persistence import audit, outbox
from scheduler.persistence.audit import AuditEntry
from scheduler.persistence.database import Database
from scheduler.persistence.signatures import signature_row
from scheduler.persistence.tables import BoardRow, StayRow


class UnitOfWork:
    """A transaction with its actor and its instant.

    Used as ``with UnitOfWork(...) as work: ...; work.commit()``; whatever leaves the block without the commit changes
    nothing. Locks are taken in one order, the board before the audit trail, so that no two units wait for each other.

    Parameters
    ----------
    database
        Where.
    now
        The instant everything in this unit happens at; aware.
    principal
        Who acts.
    request_id
        The request this belongs to, as the log names it.
    write
        False for a unit that only reads: it sees one state of the database throughout and cannot commit.
    """

    session: Session

    def __init__(
        self,
        database: Database,
        *,
        now: datetime,
        principal: Principal,
        request_id: str | None = None,
        write: bool = True,
    ) -> None:
        self.database = database
        self.now = now
        self.principal = principal
        self.request_id = request_id
        self._write = write
        self._entries: list[AuditEntry] = []
        self._board_revision: int | None = None
        self._turn = database.turn() if write else None

    def __enter__(self) -> UnitOfWork:
        if self._turn is not None:
            self._turn.__enter__()
        self.session = self.database.session(write=self._write)
        self._changes = outbox.watch(self.session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.session.close()
        finally:
            if self._turn is not None:
                self._turn.__exit__(None, None, None)

    def audit(
        self, action: str, subject: str, *, reason: str | None = None, before: object = None, after: object = None
    ) -> None:
        """Record what is done; the entry joins the trail with the commit, or never.

        Parameters
        ----------
        action
            ``subject:verb_past``, such as ``course:booked``.
        subject
            The id of what it is done to.
        reason
            Why, where a reason is asked for.
        before, after
            What was and what is now: anything `audit.canonical` can write. None means nothing to tell.
        """
        self._must_write()
        self._entries.append(
            AuditEntry(self.now, self.principal, action, subject, reason, before, after, self.request_id)
        )

    def sign(self, record: str, content: object, *, meaning: str) -> str:
        """Sign a record as the acting person; the caller has made sure that it is this person.

        Parameters
        ----------
        record
            What is signed, such as ``plan/12``.
        content
            The record as it stands: the signature holds for exactly this content.
        meaning
            What signing says, such as ``override of a visit window``.

        Returns
        -------
        str
            The id of the signature.
        """
        self._must_write()
        row = signature_row(f"sig_{secrets.token_hex(10)}", record, content, meaning, self.principal, self.now)
        self.session.add(row)
        self.session.flush()  # what refers to the signature may be written next
        self.audit("signature:made", record, after={"id": row.id, "hash": row.hash, "meaning": meaning})
        return row.id

    def lock_board(self) -> int:
        """Have the board to oneself until the end of the unit, before reading or changing any stay.

        Counts the board's revision up, once a unit, and releases the stays of holds that have run out.

        Returns
        -------
        int
            The revision that stays changed in this unit carry.
        """
        self._must_write()
        if self._board_revision is None:
            count_up = update(BoardRow).values(revision=BoardRow.revision + 1).returning(col(BoardRow.revision))
            self._board_revision = int(self.session.execute(count_up).scalar_one())
            self._release_expired(self._board_revision)
        return self._board_revision

    @property
    def writes(self) -> bool:
        """Whether this unit may change anything; one that only reads sees the database as it was when it began."""
        return self._write

    @property
    def board_locked(self) -> bool:
        """Whether this unit has the board to itself: what it writes to stays carries the board's present revision."""
        return self._board_revision is not None

    def commit(self) -> None:
        """Make everything done in this unit last, with its audit entries and messages, or nothing at all."""
        self._must_write()
        outbox.write_messages(self.session, self._changes, self.now)
        audit.append(self.session, self._entries)
        self._entries = []
        self.session.commit()
        self._changes = outbox.watch(self.session)
        self._board_revision = None

    def _release_expired(self, revision: int) -> None:
        expired = col(StayRow.live) & (col(StayRow.expires) <= int(self.now.timestamp()))
        release = update(StayRow).where(expired).values(live=False, changed_revision=revision)
        self.session.execute(release, execution_options={"synchronize_session": False})

    def _must_write(self) -> None:
        if not self._write:
            raise RuntimeError("this unit of work only reads; open it with write=True")


Begin = Callable[[bool], UnitOfWork]
"""Makes a unit of work, writing or not: for what reads, lets go of the transaction, and writes."""
