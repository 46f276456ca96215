"""API keys: made once, shown once, kept as a hash; and the count of credentials that were refused."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from scheduler.domain.audience import SITE_ROLES, Principal, Role
from scheduler.domain.errors import BadInput
from scheduler.persistence.audit import sha256
from scheduler.persistence.database import Database
from scheduler.persistence.tables import FailedKeyRow, KeyRow
from scheduler.persistence.unit_of_work import UnitOfWork

_PRESENTED = re.compile(r"mk_([0-9a-f]{12})_([0-9a-f]{40})")
_PRUNED_AT_ONCE = 100


@dataclass(frozen=True)
class Key:
    """What may be known of a key: everything but the secret."""

    id: str
    name: str
    role: Role
    site: str | None
    made_at: datetime
    revoked_at: datetime | None


class KeyStore:
    """API keys as an `IdentityProvider`, with a limit to guessing.

    Parameters
    ----------
    database
        Where the keys are.
    failures
        How many refused credentials an origin may have within `within`.
    within
        The stretch they are counted in.
    """

    def __init__(self, database: Database, *, failures: int = 20, within: timedelta = timedelta(minutes=15)) -> None:
        self._database = database
        self._failures = failures
        self._within = within

    def identify(self, credential: str) -> Principal | None:
        """Whose key this is; None where it is unknown, wrong or revoked, and the three take the same time."""
        presented = _PRESENTED.fullmatch(credential)
        key_id, secret = presented.groups() if presented else ("", "")
        with self._database.statement() as session:
            row = session.get(KeyRow, key_id)
        right = hmac.compare_digest(sha256(secret), row.secret_hash if row else sha256("nobody's"))
        if row is None or not right or row.revoked_at is not None:
            return None
        return Principal(row.name, Role(row.role), row.site, row.id)

    def allowed(self, origin: str, now: datetime) -> bool:
        """Whether an origin may present a credential, or has had too many refused of late."""
        query = select(func.count()).where(
            FailedKeyRow.origin == origin, col(FailedKeyRow.failed_at) > now - self._within
        )
        with self._database.statement() as session:
            return session.exec(query).one() < self._failures

    def note_failure(self, origin: str, now: datetime) -> None:
        """Count a refused credential against its origin; forget what no longer counts."""
        old = (
            select(FailedKeyRow.id)
            .where(col(FailedKeyRow.failed_at) <= now - self._within)
            .limit(_PRUNED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        with self._database.writing() as session:
            session.execute(delete(FailedKeyRow).where(col(FailedKeyRow.id).in_(old)))
            session.add(FailedKeyRow(origin=origin, failed_at=now))


def make_key(work: UnitOfWork, *, name: str, role: Role, site: str | None) -> str:
    """Make a key for a person or machine.

    Parameters
    ----------
    work
        The unit of work; the caller commits.
    name
        Printed in the audit trail and on signatures.
    role, site
        What the holder is; roles of one site need it, the others have none.

    Returns
    -------
    str
        ``mk_<id>_<secret>``, with 160 random bits. Only its hash is kept: it can never be shown again.

    Raises
    ------
    BadInput
        When the name is empty, or the site is missing or too much.
    """
    _check(name, role, site)
    key_id, secret = secrets.token_hex(6), secrets.token_hex(20)
    row = KeyRow(id=key_id, secret_hash=sha256(secret), name=name.strip(), role=role.value, site=site, made_at=work.now)
    work.session.add(row)
    work.audit("key:made", key_id, after={"name": row.name, "role": row.role, "site": site})
    return f"mk_{key_id}_{secret}"


def revoke_key(work: UnitOfWork, key_id: str) -> bool:
    """Refuse a key from the commit on; False when there is no such key, or it was revoked before."""
    row = work.session.get(KeyRow, key_id)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = work.now.astimezone(UTC)
    work.session.add(row)
    work.audit("key:revoked", key_id, before={"name": row.name, "role": row.role, "site": row.site})
    return True


def all_keys(session: Session) -> list[Key]:
    """Every key there ever was, oldest first."""
    rows = session.exec(select(KeyRow).order_by(col(KeyRow.made_at), col(KeyRow.id)))
    return [Key(row.id, row.name, Role(row.role), row.site, row.made_at, row.revoked_at) for row in rows]


def _check(name: str, role: Role, site: str | None) -> None:
    if not name.strip() or not name.isprintable():
        raise BadInput("key", "name", f"{name!r} names nobody", "Give the name to print in the audit trail")
    if role in SITE_ROLES and site is None:
        raise BadInput("key", "site", f"missing, but {role.value} belongs to a site", "Name the site's code")
    if role not in SITE_ROLES and site is not None:
        raise BadInput("key", "site", f"{site!r} given, but {role.value} belongs to no site", "Leave the site out")
