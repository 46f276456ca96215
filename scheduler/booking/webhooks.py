"""Webhooks: who is told of changes, and how the messages that wait are sent."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from standardwebhooks.webhooks import Webhook

from scheduler.booking.access import must_be
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.posting import must_be_usable, post
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.persistence import outbox
from scheduler.persistence.database import Database
from scheduler.persistence.tables_told import WebhookMessageRow, WebhookRow
from scheduler.persistence.unit_of_work import UnitOfWork

SUBSCRIBERS = frozenset({Role.COORDINATOR, Role.PLANNER})
PLANNERS = frozenset({Role.PLANNER})
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 10800, 21600, 43200, 86400))
"""How long after each failed attempt the next one is made; after the last of them a message is given up."""
TAKEN = timedelta(minutes=2)
"""How long a message belongs to whoever sends it; longer than sending takes."""

Told = Literal[Audience.BLINDED, Audience.PLANT]
"""Whom a webhook may tell."""
Post = Callable[[str, bytes, Mapping[str, str]], int | None]


@dataclass(frozen=True)
class Subscribed:
    """A new webhook with its secret, which is shown only now."""

    webhook: WebhookRow
    secret: str


def subscribe(
    work: UnitOfWork,
    board: Board,
    *,
    url: str,
    site: str | None,
    label: str,
    audience: Told = Audience.BLINDED,
    allow_private: bool = False,
) -> Subscribed:
    """Tell an address of every change from now on. The caller commits.

    Parameters
    ----------
    site
        Whose visits; a planner may leave it out and is told of every site's.
    audience
        ``blinded`` is told of visits, as their sites are; ``plant`` of the steps of every course, and only a planner
        may have that.

    Raises
    ------
    Refused
        403 for other roles, 404 for a site unknown or not the actor's, 422 for an address that nothing is sent to, and
        for a site where the plant is told.
    """
    must_be(work.principal, SUBSCRIBERS if audience is Audience.BLINDED else PLANNERS, "subscribe to these changes")
    if audience is Audience.PLANT and site is not None:
        raise Refused("no-site-here", 422, "The plant is told of the steps of every site. Leave site out.")
    must_be_usable(url, allow_private=allow_private)
    site = site or work.principal.site
    sites = {one.code for one in board.facts(work).network.sites}
    if site is not None and (site not in sites or not work.principal.may_see_site(site)):
        raise not_found("site")
    secret = "whsec_" + base64.b64encode(bytes.fromhex(secrets.token_hex(24))).decode()
    row = WebhookRow(
        id=f"wh_{secrets.token_hex(10)}",
        url=url,
        secret=secret,
        audience=audience.value,
        site=site,
        label=label,
        made_by=work.principal.name,
        made_at=work.now,
    )
    outbox.add_webhook(work.session, row)
    work.audit("webhook:subscribed", row.id, after={"url": url, "audience": audience, "site": site, "label": label})
    return Subscribed(row, secret)


def listed(work: UnitOfWork) -> list[WebhookRow]:
    """The webhooks that the actor may manage, revoked ones included, oldest first."""
    return [row for row in outbox.webhooks(work.session) if _may_manage(work.principal, row)]


def webhook_for(work: UnitOfWork, name: str) -> WebhookRow:
    """A webhook that the actor may manage; Refused 404 otherwise."""
    row = outbox.webhook(work.session, name)
    if row is None or not _may_manage(work.principal, row):
        raise not_found("webhook")
    return row


def revoke(work: UnitOfWork, name: str) -> None:
    """Tell an address nothing more, of what waits neither. Revoking again changes nothing. The caller commits."""
    row = webhook_for(work, name)
    if row.revoked_at is None:
        row.revoked_at = work.now
        work.audit("webhook:revoked", name, before={"url": row.url, "site": row.site})


def replay(work: UnitOfWork, name: str, from_sequence: int) -> int:
    """Send again what was sent, from a number on, under the same ids; how many messages. The caller commits."""
    count = outbox.replay(work.session, webhook_for(work, name).id, from_sequence)
    work.audit("webhook:replayed", name, after={"from": from_sequence, "messages": count})
    return count


def deliver(database: Database, now: Callable[[], datetime], send: Post) -> int:
    """Send what waits, until nothing is due; how many were delivered.

    Several may do this at once: each message is taken before it is sent. A subscriber's messages come in their order,
    and a receiver that is down holds up nobody else's.
    """
    delivered = 0
    while attempted := _round(database, now, send):
        delivered += sum(attempted)
        if not any(attempted):
            break
    return delivered


def poster(*, allow_private: bool) -> Post:
    """How messages are sent in earnest."""
    return lambda url, body, headers: post(url, body, headers, allow_private=allow_private)


def _round(database: Database, now: Callable[[], datetime], send: Post) -> list[bool]:
    """One attempt for every subscriber with something due: whether each was delivered."""
    with database.session() as session:
        waiting = list(outbox.due(session, now()))
    attempted = []
    for webhook, message in waiting:
        with database.writing() as session:
            taken = outbox.take(session, message, now() + TAKEN)
        if taken:
            attempted.append(_attempt(database, webhook, message, now, send))
    return attempted


def _attempt(
    database: Database, webhook: WebhookRow, message: WebhookMessageRow, now: Callable[[], datetime], send: Post
) -> bool:
    at = now()
    signature = Webhook(webhook.secret).sign(message.id, at.astimezone(UTC), message.content)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Marrowline",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    status = send(webhook.url, message.content.encode(), headers)
    delivered = status is not None and 200 <= status < 300
    waits = WAITS[message.attempts : message.attempts + 1]
    ended_at = now() if delivered or not waits else None
    next_at = None if ended_at is not None else now() + waits[0]
    values = {"last_status": status, "delivered": delivered, "ended_at": ended_at, "next_at": next_at}
    with database.writing() as session:
        outbox.conclude(session, message.id, values)
    return delivered


def _may_manage(principal: Principal, row: WebhookRow) -> bool:
    return principal.role in SUBSCRIBERS and (principal.site is None or principal.site == row.site)
