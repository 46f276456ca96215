"""The outbox: a message for every subscriber that a change of a visit concerns, in the transaction of the change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import event, func, inspect, or_, update
from sqlmodel import Session, col, select

from scheduler.persistence.audit import canonical
from scheduler.persistence.tables import VisitRow
from scheduler.persistence.tables_told import WebhookMessageRow, WebhookRow

KIND = "visit.changed"
_CHANGES = "visit changes"

Told = Mapping[str, Any]


@dataclass
class VisitChanges:
    """What becomes of visits in a transaction: their rows, and each as it was before its first change, None if new."""

    rows: dict[str, VisitRow] = field(default_factory=dict)
    before: dict[str, Told | None] = field(default_factory=dict)

    def note(self, row: VisitRow, was: Told | None) -> None:
        """Remember a visit; what it was before an earlier change stays."""
        self.rows[row.id] = row
        self.before.setdefault(row.id, was)


def watch(session: Session) -> VisitChanges:
    """The changes of visits in a session from now on."""
    changes = VisitChanges()
    session.info[_CHANGES] = changes
    return changes


@event.listens_for(Session, "before_flush")
def _note_visits(session: Session, *_flush: object) -> None:
    changes: VisitChanges | None = session.info.get(_CHANGES)
    if changes is None:
        return
    for row in session.new:
        if isinstance(row, VisitRow):
            changes.note(row, None)
    for row in session.dirty:
        if isinstance(row, VisitRow) and session.is_modified(row):
            changes.note(row, _told(row, inspect(row).committed_state))


def write_messages(session: Session, changes: VisitChanges, now: datetime) -> None:
    """Enter the messages of a transaction, at its end but before the audit trail is locked.

    A message holds what the people of the visit's site are told of a visit and nothing else, whoever it is for. Numbers
    are those of the subscriber alone: nobody can tell from them what others are told.
    """
    session.flush()
    changed = [row for _, row in sorted(changes.rows.items())]
    if not changed:
        return
    sites = {row.site for row in changed}
    concerned = select(WebhookRow).where(
        col(WebhookRow.revoked_at).is_(None), or_(col(WebhookRow.site).is_(None), col(WebhookRow.site).in_(sites))
    )
    for webhook in session.exec(concerned.order_by(col(WebhookRow.id))).all():
        own = [row for row in changed if webhook.site in (None, row.site)]
        last = _counted_up(session, webhook.id, len(own))
        for sequence, row in enumerate(own, last - len(own) + 1):
            session.add(_message(webhook.id, sequence, row, changes.before[row.id], now))
    session.flush()


def _counted_up(session: Session, webhook: str, by: int) -> int:
    """The last of so many new numbers; whoever else writes to this subscriber waits for this transaction's end."""
    mine = update(WebhookRow).where(col(WebhookRow.id) == webhook).values(sequence=WebhookRow.sequence + by)
    number = session.execute(
        mine.returning(col(WebhookRow.sequence)), execution_options={"synchronize_session": False}
    ).scalar_one()
    return int(number)


def _message(webhook: str, sequence: int, row: VisitRow, before: Told | None, now: datetime) -> WebhookMessageRow:
    data = {
        "sequence": sequence,
        "visit": row.id,
        "patient": row.course,
        "site": row.site,
        "before": before,
        "after": _told(row, {}),
    }
    content = canonical({"type": KIND, "timestamp": now, "data": data})
    return WebhookMessageRow(
        id=f"msg_{secrets.token_hex(12)}", webhook=webhook, sequence=sequence, content=content, made_at=now
    )


def _told(row: VisitRow, instead: Mapping[str, Any]) -> Told:
    """A visit as its site knows it, with some columns as they were before."""
    now = {name: instead.get(name, getattr(row, name)) for name in VisitRow.model_fields}
    return {
        "start_at": now["start_at"],
        "end_at": now["end_at"],
        "status": now["status"],
        "reason": now["reason"],
        "confirmed": now["confirmed_at"] is not None,
        "told": now["told_version"] == now["version"],
        "version": now["version"],
    }


# --- subscribers ------------------------------------------------------------------------------------------------------


def add_webhook(session: Session, row: WebhookRow) -> None:
    """Enter a subscriber."""
    session.add(row)
    session.flush()


def webhook(session: Session, name: str) -> WebhookRow | None:
    """A subscriber by its id."""
    return session.get(WebhookRow, name, populate_existing=True)


def webhooks(session: Session) -> list[WebhookRow]:
    """Every subscriber there ever was, oldest first."""
    return list(session.exec(select(WebhookRow).order_by(col(WebhookRow.made_at), col(WebhookRow.id))))


def messages(session: Session, webhook: str, *, after: int, limit: int) -> list[WebhookMessageRow]:
    """The messages of a subscriber by number, those after a number."""
    query = select(WebhookMessageRow).where(
        WebhookMessageRow.webhook == webhook, col(WebhookMessageRow.sequence) > after
    )
    return list(session.exec(query.order_by(col(WebhookMessageRow.sequence)).limit(limit)))


def replay(session: Session, webhook: str, sequence: int) -> int:
    """Let the messages from a number on wait anew; how many there are."""
    again = update(WebhookMessageRow).where(
        col(WebhookMessageRow.webhook) == webhook, col(WebhookMessageRow.sequence) >= sequence
    )
    values = {"attempts": 0, "next_at": None, "ended_at": None, "delivered": False}
    done = session.execute(
        again.values(**values).returning(col(WebhookMessageRow.id)), execution_options={"synchronize_session": False}
    )
    return len(done.all())


# --- delivery ---------------------------------------------------------------------------------------------------------


def due(session: Session, now: datetime) -> Sequence[tuple[WebhookRow, WebhookMessageRow]]:
    """The first message that waits for each subscriber, where its time has come: none overtakes an earlier one."""
    first = (
        select(col(WebhookMessageRow.webhook).label("webhook"), func.min(WebhookMessageRow.sequence).label("sequence"))
        .where(col(WebhookMessageRow.ended_at).is_(None))
        .group_by(col(WebhookMessageRow.webhook))
        .subquery()
    )
    query = (
        select(WebhookRow, WebhookMessageRow)
        .join(WebhookMessageRow, col(WebhookMessageRow.webhook) == col(WebhookRow.id))
        .join(
            first,
            (first.c.webhook == WebhookMessageRow.webhook) & (first.c.sequence == WebhookMessageRow.sequence),
        )
        .where(
            col(WebhookRow.revoked_at).is_(None),
            or_(col(WebhookMessageRow.next_at).is_(None), col(WebhookMessageRow.next_at) <= now),
        )
        .order_by(col(WebhookRow.id))
    )
    return session.exec(query).all()


def take(session: Session, message: WebhookMessageRow, until: datetime) -> bool:
    """Have a message to oneself until then; False when somebody else has taken it since it was read."""
    as_read = (
        (col(WebhookMessageRow.id) == message.id)
        & col(WebhookMessageRow.next_at).is_not_distinct_from(message.next_at)
        & (col(WebhookMessageRow.attempts) == message.attempts)
        & col(WebhookMessageRow.ended_at).is_(None)
    )
    mine = update(WebhookMessageRow).where(as_read).values(next_at=until, attempts=message.attempts + 1)
    done = session.execute(mine.returning(col(WebhookMessageRow.id)), execution_options={"synchronize_session": False})
    return done.first() is not None


def conclude(session: Session, message: str, values: Mapping[str, Any]) -> None:
    """Note how an attempt went."""
    session.execute(update(WebhookMessageRow).where(col(WebhookMessageRow.id) == message).values(**values))
