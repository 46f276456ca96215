"""Webhooks: changes, told to another computer as they happen."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.idempotency import TOLD_ONCE
from api.paging import Page, page_of
from api.schemas import Code, Incoming, Name, OpaqueId, Outgoing
from scheduler.booking.webhooks import SUBSCRIBERS, Told, listed, replay, revoke, subscribe, webhook_for
from scheduler.domain.audience import Audience
from scheduler.persistence import outbox
from scheduler.persistence.tables_told import WebhookMessageRow, WebhookRow

router = APIRouter(prefix="/v1", tags=["webhooks"])


class NewWebhook(Incoming):
    """Where messages go: a public HTTPS address. Without `site` a planner is told of every site.

    The audience ``blinded`` is told of visits, ``plant`` of the steps of every course; only a planner may have that.
    """

    url: Annotated[
        str,
        Field(min_length=1, max_length=500, pattern=r"^[\x21-\x7e]+$", examples=["https://receiver.example/visits"]),
    ]
    audience: Told = Audience.BLINDED
    site: Code | None = None
    label: Name


class WebhookView(Outgoing):
    """A webhook without its secret; `sequence` is the number of its last message."""

    id: OpaqueId
    url: str
    audience: Told
    site: str | None
    label: str
    made_by: str
    made_at: datetime
    revoked_at: datetime | None
    sequence: int


class SubscribedView(WebhookView):
    """A new webhook. Its secret proves that messages are ours, and is shown only now."""

    secret: str


class Webhooks(Outgoing):
    """Webhooks, oldest first."""

    items: list[WebhookView]


class MessageView(Outgoing):
    """A message with its body and how sending it went; without `ended_at` it waits."""

    id: OpaqueId
    sequence: int
    content: dict[str, Any]
    made_at: datetime
    attempts: int
    next_at: datetime | None
    last_status: int | None
    ended_at: datetime | None
    delivered: bool


class Messages(Outgoing):
    """Messages by number."""

    items: list[MessageView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class Replay(Incoming):
    """From which message on everything is sent again."""

    from_sequence: Annotated[int, Field(ge=1, le=2**53)]


class Replayed(Outgoing):
    """How many messages wait to be sent again."""

    messages: int


@router.post(
    "/webhooks",
    operation_id="subscribe_webhook",
    summary="Be told of changes",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*SUBSCRIBERS)), Idempotent],
)
def subscribe_webhook(body: NewWebhook, caller: CurrentCaller, response: Response) -> SubscribedView:
    """From now on every change is sent there, signed (Standard Webhooks), with old and new values.

    The answer is not kept: the same Idempotency-Key is answered that it was told once.
    """
    response.headers[TOLD_ONCE] = "true"
    private = caller.service.settings.webhooks_allow_private
    with caller.begin() as work:
        done = subscribe(
            work,
            caller.service.board,
            url=body.url,
            site=body.site,
            label=body.label,
            audience=body.audience,
            allow_private=private,
        )
        work.commit()
    response.headers["Location"] = f"/v1/webhooks/{done.webhook.id}"
    return SubscribedView(**vars(_view(done.webhook)), secret=done.secret)


@router.get(
    "/webhooks",
    operation_id="list_webhooks",
    summary="Webhooks",
    dependencies=[Depends(require(*SUBSCRIBERS))],
)
def list_webhooks(caller: CurrentCaller) -> Webhooks:
    """Those of one's own site, or all of them, without their secrets."""
    with caller.look("webhooks") as work:
        rows = listed(work)
    return Webhooks(items=[_view(row) for row in rows])


@router.get(
    "/webhooks/{webhook}/messages",
    operation_id="list_webhook_messages",
    summary="Messages of a webhook",
    responses=responses(400, 404),
    dependencies=[Depends(require(*SUBSCRIBERS))],
)
def list_messages(
    webhook: OpaqueId,
    response: Response,
    caller: CurrentCaller,
    page: Annotated[Page, Depends(page_of("webhook-messages", int))],
) -> Messages:
    """What was sent, what waits, and what was given up, by number."""
    after = int(page.after[0]) if page.after else 0
    with caller.look(webhook) as work:
        row = webhook_for(work, webhook)
        found = outbox.messages(work.session, row.id, after=after, limit=page.limit + 1)
    shown = found[: page.limit]
    more = [shown[-1].sequence] if len(found) > len(shown) else None
    return Messages(items=[_message(one) for one in shown], next=page.next(response, more))


@router.post(
    "/webhooks/{webhook}/replay",
    operation_id="replay_webhook",
    summary="Send messages again",
    responses=responses(404, 409),
    dependencies=[Depends(require(*SUBSCRIBERS)), Idempotent],
)
def replay_webhook(webhook: OpaqueId, body: Replay, caller: CurrentCaller) -> Replayed:
    """Everything from a number on, in order and under the same ids."""
    with caller.begin() as work:
        count = replay(work, webhook, body.from_sequence)
        work.commit()
    return Replayed(messages=count)


@router.delete(
    "/webhooks/{webhook}",
    operation_id="revoke_webhook",
    summary="Be told no more",
    status_code=204,
    responses=responses(404),
    dependencies=[Depends(require(*SUBSCRIBERS))],
)
def revoke_webhook(webhook: OpaqueId, caller: CurrentCaller) -> None:
    """Nothing more is sent, of what waits neither."""
    with caller.begin() as work:
        revoke(work, webhook)
        work.commit()


def _view(row: WebhookRow) -> WebhookView:
    return WebhookView.model_validate(row.model_dump(include=set(WebhookView.model_fields)))


def _message(row: WebhookMessageRow) -> MessageView:
    known = row.model_dump(include=set(MessageView.model_fields)) | {"content": json.loads(row.content)}
    return MessageView(**known)
