"""The audit trail, for auditors; reading it is itself recorded."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.dependencies import CurrentCaller, require
from api.documentation import responses
from api.paging import Page, page_of
from api.schemas import PRINTED, Instant, Outgoing
from scheduler.domain.audience import Role
from scheduler.persistence import audit
from scheduler.persistence.tables import AuditRow

router = APIRouter(prefix="/v1", tags=["audit"])

Subject = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=PRINTED, description="Only entries about exactly this."),
]
Action = Annotated[
    str | None,
    Query(
        min_length=3,
        max_length=80,
        pattern=r"^[a-z_]+:[a-z_]+$",
        description="Only this action, such as course:booked.",
    ),
]


class AuditView(Outgoing):
    """One line of the trail; `hash` is that of the whole line and of the one before."""

    id: int
    at: Instant
    actor: str
    role: str
    site: str | None
    action: str
    subject: str
    reason: str | None
    before: Any = Field(description="What was, as JSON.")
    after: Any = Field(description="What was then, as JSON.")
    request_id: str | None
    previous_hash: str
    hash: str


class AuditPage(Outgoing):
    """Entries by number."""

    items: list[AuditView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


@router.get(
    "/audit",
    operation_id="read_audit",
    summary="Who did what",
    responses=responses(400),
    dependencies=[Depends(require(Role.AUDITOR))],
)
def read_audit(
    response: Response,
    caller: CurrentCaller,
    page: Annotated[Page, Depends(page_of("audit", int, int))],
    subject: Subject = None,
    action: Action = None,
) -> AuditPage:
    """Entries in the order they were made. A list read page by page ends where the trail ended at its first page."""
    after, until = page.after or (0, None)
    with caller.begin() as work:
        end = audit.last_number(work.session) if until is None else until
        found = audit.read(work.session, after=int(after), limit=page.limit + 1, subject=subject, action=action)
        rows = [row for row in found if row.id <= int(end)]
        shown = rows[: page.limit]
        work.audit("audit:read", subject or "audit", after={"action": action, "after": after, "entries": len(shown)})
        work.commit()
    more = (shown[-1].id, end) if len(rows) > len(shown) else None
    return AuditPage(items=[_view(row) for row in shown], next=page.next(response, more))


def _view(row: AuditRow) -> AuditView:
    fields = row.model_dump()
    for name in ("before", "after"):
        fields[name] = json.loads(fields[name]) if fields[name] else None
    return AuditView(**fields)
