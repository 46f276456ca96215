"""Calendar feeds: who may have which, made once and shown once, listed, revoked, and found again by their address.

What a feed shows is fixed when it is made: its scope, its subject and with them its audience. Whoever has the address
may read it, so only a hash of its secret is kept.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scheduler.booking.access import patient_for
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.course import Facts
from scheduler.persistence import feeds
from scheduler.persistence.audit import sha256
from scheduler.persistence.tables_told import CalendarFeedRow
from scheduler.persistence.unit_of_work import UnitOfWork

Scope = Literal["site", "coordinator", "patient", "plant", "suite", "lane", "pharmacist"]

AUDIENCES: Mapping[Scope, Audience] = {
    "site": Audience.BLINDED,
    "coordinator": Audience.BLINDED,
    "patient": Audience.BLINDED,
    "plant": Audience.PLANT,
    "suite": Audience.PLANT,
    "lane": Audience.COURIER,
    "pharmacist": Audience.PHARMACIST,
}
"""Who the feeds of a scope are made for."""

AT_SITE: frozenset[Scope] = frozenset({"site", "coordinator", "patient"})
MAY_HAVE: Mapping[Role, frozenset[Scope]] = {
    Role.COORDINATOR: AT_SITE,
    Role.PHARMACIST: frozenset({"pharmacist"}),
    Role.PLANNER: AT_SITE | {"plant", "suite", "lane"},
}
"""What each role may issue, for its own site where it has one. No planner is shown what a dose contains."""

ISSUERS = tuple(MAY_HAVE)
LOOKERS = frozenset({Role.AUDITOR, Role.ADMIN})
_TOKEN = re.compile(r"([0-9a-f]{12})-([0-9a-f]{32})")


@dataclass(frozen=True)
class Issued:
    """A new feed with the token of its address, which can never be shown again."""

    feed: CalendarFeedRow
    token: str


def issue(work: UnitOfWork, board: Board, *, scope: Scope, subject: str, label: str) -> Issued:
    """Make a feed. The caller commits.

    Parameters
    ----------
    scope, subject
        What it shows: the visits of a site (also for its coordinator, with what patients have to be told), of one
        patient; the steps of a plant, of one of its units (``PLANT/UNIT``); the transits of a courier lane; or what
        a site's pharmacist receives.
    label
        Whose it is, for the list of feeds; no reader of the feed is shown it.

    Raises
    ------
    Refused
        403 for a scope that is not the actor's to issue, 404 for a subject unknown or of another site.
    """
    if scope not in MAY_HAVE.get(work.principal.role, ()):
        raise Refused("not-your-role", 403, f"Your role may not issue a calendar of scope {scope}. Ask one who may.")
    site = _site_of(work, board.facts(work), scope, subject)
    feed_id, secret = secrets.token_hex(6), secrets.token_hex(16)
    row = CalendarFeedRow(
        id=feed_id,
        secret_hash=sha256(secret),
        scope=scope,
        subject=subject,
        audience=AUDIENCES[scope].value,
        site=site,
        label=label,
        made_by=work.principal.name,
        made_at=work.now,
    )
    feeds.add(work.session, row)
    work.audit("calendar_feed:issued", feed_id, after={"scope": scope, "subject": subject, "label": label})
    return Issued(row, f"{feed_id}-{secret}")


def listed(work: UnitOfWork) -> list[CalendarFeedRow]:
    """Every feed that the actor may issue or look into, revoked ones included, oldest first."""
    return [row for row in feeds.feeds(work.session) if _may_manage(work.principal, row)]


def revoke(work: UnitOfWork, feed_id: str) -> None:
    """Answer nobody any more who has the address. Revoking again changes nothing. The caller commits.

    Raises
    ------
    Refused
        404 for a feed unknown or not the actor's to manage.
    """
    row = feeds.feed(work.session, feed_id)
    if row is None or not _may_manage(work.principal, row):
        raise not_found("calendar-feed")
    if row.revoked_at is not None:
        return
    row.revoked_at = work.now
    work.audit("calendar_feed:revoked", feed_id, before={"scope": row.scope, "subject": row.subject})


def feed_of(work: UnitOfWork, token: str) -> CalendarFeedRow | None:
    """The feed of an address; None where it is unknown, wrong or revoked, and the three take the same time."""
    presented = _TOKEN.fullmatch(token)
    feed_id, secret = presented.groups() if presented else ("", "")
    row = feeds.feed(work.session, feed_id)
    right = hmac.compare_digest(sha256(secret), row.secret_hash if row else sha256("nobody's"))
    return row if row is not None and right and row.revoked_at is None else None


def _may_manage(principal: Principal, row: CalendarFeedRow) -> bool:
    if principal.role in LOOKERS:
        return True
    own = principal.site is None or principal.site == row.site
    return own and row.scope in MAY_HAVE.get(principal.role, ())


def _site_of(work: UnitOfWork, facts: Facts, scope: Scope, subject: str) -> str | None:
    """The site that a subject belongs to, None for the plant's side; Refused 404 where there is no such subject."""
    if scope == "patient":
        return patient_for(work, subject).site
    network = facts.network
    known = {
        "plant": {one.code for one in network.plants},
        "suite": {f"{one.code}/{unit}" for one in network.plants for kind in one.resources for unit in kind.units},
        "lane": {one.code for one in network.lanes},
    }
    if scope in known:
        if subject not in known[scope]:
            raise not_found(scope)
        return None
    if subject not in {one.code for one in network.sites} or not work.principal.may_see_site(subject):
        raise not_found("site")
    return subject
