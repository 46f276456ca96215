"""What requests with an Idempotency-Key were answered, so that the same request sent twice is done once.

Every call here commits what it does at once, so that processes see each other's requests. Between the commit of what a
request does and `finish` a process can die; the request is then taken over when it is sent again, and finds its work
done.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate
from sqlmodel import Session, col, select

from scheduler.persistence.audit import sha256
from scheduler.persistence.database import Database
from scheduler.persistence.tables import AnswerRow

_PRUNED_AT_ONCE = 100
_PRUNED_EVERY = 50  # requests: twice as many are forgotten as are begun
_KEY = col(AnswerRow.key)


@dataclass(frozen=True)
class Fresh:
    """Nobody has answered this request yet: do it, then `finish` or `abandon` with this."""

    key: str
    begun_at: datetime


@dataclass(frozen=True)
class Replay:
    """The request was answered before, like this."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Other:
    """The key was used for another request."""


@dataclass(frozen=True)
class InFlight:
    """The same request is being worked on at this moment."""


def answer_key(key_id: str, header: str) -> str:
    """The key of an answer: two callers may use the same Idempotency-Key and never meet."""
    return sha256(f"{key_id}\n{header}")


class Answers:
    """The answers of one database.

    Parameters
    ----------
    database
        Where they are kept.
    taken_over_after
        A request that has not been answered for so long belongs to a process that died; whoever sends it again does
        it anew. Longer than any request takes.
    kept_for
        How long an answer is kept.
    """

    def __init__(
        self,
        database: Database,
        *,
        taken_over_after: timedelta = timedelta(seconds=60),
        kept_for: timedelta = timedelta(days=2),
    ) -> None:
        self._database = database
        self._taken_over_after = taken_over_after
        self._kept_for = kept_for
        self._begun = itertools.count()

    def begin(self, key: str, request_hash: str, now: datetime) -> Fresh | Replay | Other | InFlight:
        """Start on a request, or learn why not.

        Parameters
        ----------
        key
            See `answer_key`.
        request_hash
            A hash of method, path and body: the same key must always come with the same.
        now
            The instant of the request.
        """
        with self._database.statement(write=True) as session:
            if next(self._begun) % _PRUNED_EVERY == 0:
                self._prune(session, now)
            if self._inserted(session, key, request_hash, now):
                return Fresh(key, now)
            if self._outlived(session, key, now) and self._inserted(session, key, request_hash, now):
                return Fresh(key, now)
            row = session.get(AnswerRow, key)
            if row is None:
                return InFlight()  # given up between the two statements: whoever asks again finds the way free
            if row.request_hash != request_hash:
                return Other()
            if row.status is not None:
                return Replay(row.status, row.body or "", json.loads(row.headers))
            if row.begun_at <= now - self._taken_over_after and self._taken_over(session, row, now):
                return Fresh(key, now)
            return InFlight()

    def finish(self, fresh: Fresh, status: int, body: str, headers: Mapping[str, str] | None = None) -> bool:
        """Keep the answer for whoever sends the request again; False when another has taken the request over."""
        answer = update(AnswerRow).values(status=status, body=body, headers=json.dumps(dict(headers or {})))
        with self._database.statement(write=True) as session:
            return _one(session, answer.where(_unanswered(fresh)).returning(_KEY))

    def abandon(self, fresh: Fresh) -> bool:
        """Leave no answer, because there was an error that may pass; the request can be sent again at once."""
        with self._database.statement(write=True) as session:
            return _one(session, delete(AnswerRow).where(_unanswered(fresh)).returning(_KEY))

    def prune(self, now: datetime) -> int:
        """Forget the answers whose time is over, also where no request comes; how many there were."""
        old = col(AnswerRow.begun_at) < now - self._kept_for
        forget = delete(AnswerRow).where(old).returning(_KEY)
        with self._database.writing() as session:
            return len(session.execute(forget, execution_options={"synchronize_session": False}).all())

    def _inserted(self, session: Session, key: str, request_hash: str, now: datetime) -> bool:
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = (
            insert(AnswerRow)
            .values(key=key, request_hash=request_hash, headers="{}", begun_at=now)
            .on_conflict_do_nothing()
            .returning(_KEY)
        )
        return _one(session, statement)

    def _taken_over(self, session: Session, row: AnswerRow, now: datetime) -> bool:
        mine = update(AnswerRow).values(begun_at=now).where(_unanswered(Fresh(row.key, row.begun_at))).returning(_KEY)
        return _one(session, mine)

    def _outlived(self, session: Session, key: str, now: datetime) -> bool:
        """Forget one answer, when its time is over."""
        old = and_(col(AnswerRow.key) == key, col(AnswerRow.begun_at) < now - self._kept_for)
        return _one(session, delete(AnswerRow).where(old).returning(_KEY))

    def _prune(self, session: Session, now: datetime) -> None:
        # Rows another process is forgetting at this moment are left to it.
        old = (
            select(AnswerRow.key)
            .where(col(AnswerRow.begun_at) < now - self._kept_for)
            .limit(_PRUNED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        session.execute(delete(AnswerRow).where(col(AnswerRow.key).in_(old)))


def _unanswered(fresh: Fresh) -> ColumnElement[bool]:
    """This request, unless it was answered or taken over."""
    return and_(
        col(AnswerRow.key) == fresh.key, col(AnswerRow.begun_at) == fresh.begun_at, col(AnswerRow.status).is_(None)
    )


def _one(session: Session, statement: ReturningInsert[str] | ReturningUpdate[str] | ReturningDelete[str]) -> bool:
    # Not by the row count: drivers do not give one for every statement.
    return session.execute(statement, execution_options={"synchronize_session": False}).first() is not None
