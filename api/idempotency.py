"""``Idempotency-Key``: a POST that is sent again is answered again, and done once."""

from __future__ import annotations

import hashlib
import re

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import GUARDED, principal_of
from api.problems import MEDIA_TYPE, problem
from api.service import Service, service_of
from scheduler.persistence.answers import Fresh, InFlight, Other, Replay, answer_key

HEADER = "Idempotency-Key"
VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_HEADERS = frozenset({"content-type", "etag", "link", "location"})
TOLD_ONCE = "marrowline-told-once"
"""A route sets this header on an answer that must not lie in a table afterwards, such as an arm."""

NOT_FINAL = frozenset({401, 408, 413, 429})
"""Answers below 500 that say nothing about the request itself: sent again it may fare better."""


class Idempotency:
    """Remembers the final answer to a POST under the caller's key and the header, and gives it again.

    Another request under the same key is refused with 422, one whose first is still being worked on with 409. Errors
    of ours (500 and above) are forgotten, so that the caller may try again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or scope["method"] != "POST" or not scope["path"].startswith(GUARDED):
            await self.app(scope, receive, send)
        elif not VISIBLE.fullmatch(key):
            text = "Idempotency-Key must be 1 to 255 visible ASCII characters. Send a random UUID, for instance."
            await problem(scope, 400, "malformed-idempotency-key", text)(scope, receive, send)
        else:
            await self._once(key, scope, receive, send)

    async def _once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive)
        if body is None:
            return  # the client went away
        service = service_of(scope)
        name = answer_key(principal_of(scope).key_id, key)
        known = await run_in_threadpool(service.answers.begin, name, _fingerprint(scope, body), service.real())
        if isinstance(known, Fresh):
            await self._first(known, service, scope, _replayed(body, receive), send)
        else:
            await _answer_again(scope, known)(scope, receive, send)

    async def _first(self, fresh: Fresh, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and remember the answer before the caller has it: sent again at once, it must be found."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        try:
            await self.app(scope, receive, keep)
            await run_in_threadpool(_conclude, scope, service, fresh, messages)
        except BaseException:
            with CancelScope(shield=True):
                await run_in_threadpool(service.answers.abandon, fresh)
            raise
        for message in messages:
            await send(message)


def _conclude(scope: Scope, service: Service, fresh: Fresh, messages: list[Message]) -> None:
    status: int = messages[0]["status"]
    if status >= 500 or status in NOT_FINAL:
        service.answers.abandon(fresh)
        return
    given = Headers(raw=messages[0]["headers"])
    if TOLD_ONCE in given:
        text = "This was done and told once; it is not kept to be told again. Ask for it anew if you need it again."
        again = problem(scope, 409, "told-once", text)
        service.answers.finish(fresh, again.status_code, bytes(again.body).decode(), {"content-type": MEDIA_TYPE})
        return
    headers = {key: value for key, value in given.items() if key in KEPT_HEADERS}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    service.answers.finish(fresh, status, body.decode(), headers)


def _answer_again(scope: Scope, known: Replay | Other | InFlight) -> Response:
    if isinstance(known, Replay):
        response = Response(known.body, known.status)
        for name, value in known.headers.items():
            response.headers[name] = value
        response.headers["Idempotency-Replayed"] = "true"
        return response
    if isinstance(known, InFlight):
        text = "The same request is still being worked on. Ask again in a moment with the same Idempotency-Key."
        return problem(scope, 409, "request-in-flight", text, headers={"Retry-After": "1"})
    text = "This Idempotency-Key was used for a different request. Use a new one for each new request."
    return problem(scope, 422, "idempotency-key-reused", text)


def _fingerprint(scope: Scope, body: bytes) -> str:
    """What must be the same for a request to count as the same: address, body, and the version it is based on."""
    headers = Headers(scope=scope)
    parts = (
        scope["path"].encode(),
        scope["query_string"],
        headers.get("content-type", "").encode(),
        headers.get("if-match", "").encode(),
        body,
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


async def _whole_body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiver() -> Message:
        return pending.pop() if pending else await receive()

    return receiver
