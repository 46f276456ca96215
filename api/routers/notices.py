"""Notices: the inbox of a role at its place."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.schemas import OpaqueId, Outgoing, PatientId
from scheduler.coldchain.notices import ADDRESSEES, NOTICE_READERS, acknowledge, notices
from scheduler.persistence.tables_coldchain import NoticeRow

router = APIRouter(prefix="/v1", tags=["notices"])


class NoticeView(Outgoing):
    """Something its readers must see, in a sentence that says what to do."""

    id: OpaqueId
    kind: str
    urgent: bool
    role: str
    site: str | None
    patient: PatientId
    dose: int | None
    sentence: str
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class Notices(Outgoing):
    """An inbox, the latest first, 500 at most."""

    items: list[NoticeView]


@router.get(
    "/notices",
    operation_id="list_notices",
    summary="The inbox",
    dependencies=[Depends(require(*NOTICE_READERS))],
)
def list_notices(
    caller: CurrentCaller,
    all_of_them: Annotated[bool, Query(alias="all", description="Those that were acknowledged, too.")] = False,
) -> Notices:
    """What the caller's role must see at the caller's site, or at the plant; an auditor sees all."""
    with caller.look("notices") as work:
        return Notices(items=[_view(one) for one in notices(work, open_only=not all_of_them)])


@router.post(
    "/notices/{notice}/acknowledge",
    operation_id="acknowledge_notice",
    summary="A notice was seen",
    responses=responses(404, 409),
    dependencies=[Depends(require(*ADDRESSEES)), Idempotent],
)
def acknowledge_notice(notice: OpaqueId, caller: CurrentCaller) -> NoticeView:
    """Who saw it and when stays with it."""
    with caller.begin() as work:
        shown = _view(acknowledge(work, notice))
        work.commit()
    return shown


def _view(row: NoticeRow) -> NoticeView:
    return NoticeView(**{name: getattr(row, name) for name in NoticeView.model_fields})
