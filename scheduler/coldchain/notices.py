"""Notices: what one role at one place must see, kept until somebody says that it was seen.

A notice is made for its readers: what a blinded role is told never came from what a dose holds.
"""

from __future__ import annotations

import secrets

from scheduler.booking.access import must_be
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.audience import Audience, Role
from scheduler.persistence import custody
from scheduler.persistence.tables_coldchain import NoticeRow
from scheduler.persistence.unit_of_work import UnitOfWork

NOTICE_READERS = frozenset({Role.DOCTOR, Role.PHARMACIST, Role.QA, Role.AUDITOR})
ADDRESSEES = NOTICE_READERS - {Role.AUDITOR}


def raise_notice(
    work: UnitOfWork,
    kind: str,
    role: Role,
    *,
    site: str | None,
    patient: str,
    dose: int | None,
    sentence: str,
    urgent: bool = False,
) -> NoticeRow:
    """Put a notice into the inbox of a role: of one site, or of the plant where `site` is None. The caller commits."""
    row = NoticeRow(
        id=f"not_{secrets.token_hex(10)}",
        kind=kind,
        urgent=urgent,
        role=role.value,
        site=site,
        patient=patient,
        dose=dose,
        sentence=sentence,
        raised_at=work.now,
    )
    custody.add(work.session, row)
    work.audit("notice:raised", row.id, after={"kind": kind, "role": role.value, "site": site, "urgent": urgent})
    return row


def notices(work: UnitOfWork, *, open_only: bool) -> list[NoticeRow]:
    """The actor's inbox, the latest first, 500 at most; an auditor sees every notice."""
    must_be(work.principal, NOTICE_READERS, "read notices")
    role = None if work.principal.audience is Audience.AUDITOR else work.principal.role.value
    return custody.notices(work.session, role=role, site=work.principal.site, open_only=open_only)


def acknowledge(work: UnitOfWork, name: str) -> NoticeRow:
    """A notice was seen. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 for a notice that is not the actor's, 409 for one that was seen before.
    """
    must_be(work.principal, ADDRESSEES, "acknowledge a notice")
    row = custody.notice(work.session, name)
    if row is None or (row.role, row.site) != (work.principal.role.value, work.principal.site):
        raise not_found("notice")
    if row.acknowledged_at is not None:
        raise Refused("already-acknowledged", 409, "This notice was acknowledged before. There is nothing left to do.")
    row.acknowledged_at, row.acknowledged_by = work.now, work.principal.name
    work.audit("notice:acknowledged", name)
    return row
