"""The outbox: a message for every subscriber that a change concerns, in the transaction of the change.

What the blinded are told is made from visits, which never held an arm; what the plant is told, from steps.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import event, func, inspect, or_, update
from sqlmodel import Session, col, select

from scheduler.domain.audience import Audience
from scheduler.persistence.audit import canonical
from scheduler.persistence.tables import ActivityRow, VisitRow
from scheduler.persistence.tables_told import WebhookMessageRow, WebhookRow

_CHANGES = "changes to tell"
_OF_A_STEP = ("place", "lane", "start_at", "end_at", "status", "attempt", "actual_start_at", "actual_end_at", "version")

Told = Mapping[str, Any]


@dataclass
class Changes:
    """What a transaction changes: visits with their rows, steps by id; each as it was before its first change.

    What is new was None.
    """

    rows: dict[str, VisitRow] = field(default_factory=dict)
    visits: dict[str, Told | None] = field(default_factory=dict)
    steps: dict[str, Told | None] = field(default_factory=dict)

    def note(self, row: VisitRow | ActivityRow, *, is_new: bool) -> None:
        """Remember a row; what it was before an earlier change stays."""
        before: Mapping[str, Any] = {} if is_new else inspect(row).committed_state
        if isinstance(row, VisitRow):
            self.rows[row.id] = row
            self.visits.setdefault(row.id, None if is_new else _visit_told(row, before))
        else:
            self.steps.setdefault(row.id, None if is_new else _step_told(row, before))


def watch(session: Session) -> Changes:
    """The changes in a session from now on."""
    changes = Changes()
    session.info[_CHANGES] = changes
    return changes


def note_new_steps(session: Session, steps: Iterable[str]) -> None:
    """Remember steps that were written past the session."""
    changes: Changes | None = session.info.get(_CHANGES)
    if changes is not None:
        changes.steps |= dict.fromkeys(steps)


@event.listens_for(Session, "before_flush")
def _note_changes(session: Session, *_flush: object) -> None:
    changes: Changes | None = session.info.get(_CHANGES)
    if changes is None:
        return
    for row in session.new:
        if isinstance(row, VisitRow | ActivityRow):
            changes.note(row, is_new=True)
    for row in session.dirty:
        if isinstance(row, VisitRow | ActivityRow) and session.is_modified(row):
            changes.note(row, is_new=False)


def write_messages(session: Session, changes: Changes, now: datetime) -> None:
    """Enter the messages of a transaction, at its end but before the audit trail is locked.

    A message to the blinded holds what the people of the visit's site are told of a visit and nothing else, whoever it
    is for. Numbers are those of the subscriber alone: nobody can tell from them what others are told.
    """
    session.flush()
    visits = [row for _, row in sorted(changes.rows.items())]
    if not visits and not changes.steps:
        return
    steps: list[ActivityRow] | None = None
    for webhook in _concerned(session, {row.site for row in visits}):
        if webhook.audience == Audience.PLANT:
            steps = _steps(session, changes) if steps is None else steps
            told = [("step.changed", _of_step(row, changes.steps[row.id])) for row in steps]
        else:
            own = [row for row in visits if webhook.site in (None, row.site)]
            told = [("visit.changed", _of_visit(row, changes.visits[row.id])) for row in own]
        if not told:
            continue
        last = _counted_up(session, webhook.id, len(told))
        for sequence, (kind, data) in enumerate(told, last - len(told) + 1):
            session.add(_message(webhook.id, sequence, kind, data, now))
    session.flush()


def _concerned(session: Session, sites: set[str]) -> Sequence[WebhookRow]:
    query = select(WebhookRow).where(
        col(WebhookRow.revoked_at).is_(None), or_(col(WebhookRow.site).is_(None), col(WebhookRow.site).in_(sites))
    )
    return session.exec(query.order_by(col(WebhookRow.id))).all()


def _steps(session: Session, changes: Changes) -> list[ActivityRow]:
    query = select(ActivityRow).where(col(ActivityRow.id).in_(changes.steps))
    return list(session.exec(query.order_by(col(ActivityRow.id))))


def _counted_up(session: Session, webhook: str, by: int) -> int:
    """The last of so many new numbers; whoever else writes to this subscriber waits for this transaction's end."""
    mine = update(WebhookRow).where(col(WebhookRow.id) == webhook).values(sequence=WebhookRow.sequence + by)
    number = session.execute(
        mine.returning(col(WebhookRow.sequence)), execution_options={"synchronize_session": False}
    ).scalar_one()
    return int(number)


def _message(webhook: str, sequence: int, kind: str, data: Told, now: datetime) -> WebhookMessageRow:
    content = canonical({"type": kind, "timestamp": now, "data": {"sequence": sequence, **data}})
    return WebhookMessageRow(
        id=f"msg_{secrets.token_hex(12)}", webhook=webhook, sequence=sequence, content=content, made_at=now
    )


def _of_visit(row: VisitRow, before: Told | None) -> Told:
    after = _visit_told(row, {})
    return {"visit": row.id, "patient": row.course, "site": row.site, "before": before, "after": after}


def _of_step(row: ActivityRow, before: Told | None) -> Told:
    after = _step_told(row, {})
    return {"step": row.id, "patient": row.course, "kind": row.kind, "dose": row.dose, "before": before, "after": after}


def _visit_told(row: VisitRow, instead: Mapping[str, Any]) -> Told:
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


def _step_told(row: ActivityRow, instead: Mapping[str, Any]) -> Told:
    """A step as the plant knows it, with some columns as they were before."""
    now = {name: instead.get(name, getattr(row, name)) for name in _OF_A_STEP}
    return {**now, "units": json.loads(instead.get("units", row.units))}


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
