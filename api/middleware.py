"""What happens around every request, outermost first: numbering, logging, measuring, headers and the size of bodies.

Pure ASGI: nothing is buffered and nothing runs in another task.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer_unexpected
from api.logs import log_failure, log_request
from api.problems import problem
from api.service import service_of

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Security headers; a route may answer with its own value of one."""


class BodyTooLarge(HTTPException):
    """More body arrived than is allowed; raised where the body is read."""

    def __init__(self) -> None:
        super().__init__(413)


class Requests:
    """Numbers each request, answers for what nobody else caught, writes one log line and counts.

    The line and the counts name the template of the route, never the path: a path holds patient ids.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(Headers(scope=scope).get("x-request-id"))
        metrics = service_of(scope).metrics
        began = time.perf_counter()
        status: list[int] = []

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
                _complete_headers(message, scope)
            await send(message)

        if metrics:
            metrics.begins()
        try:
            await self._guarded(scope, receive, sender, status)
        finally:
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            code = status[0] if status else 499  # the client went away before there was an answer
            if metrics:
                metrics.ends(method, route_of(scope), code, seconds)
            log_request(scope, method, route_of(scope), code, seconds)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, status: list[int]) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            log_failure(scope, error)
            if status:
                raise  # half an answer is out: only closing the connection tells the client
            await answer_unexpected(scope, error)(scope, receive, send)


class BodyLimit:
    """Refuses bodies over the limit: at once where the length is stated, else as soon as too much has come."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        stated = Headers(scope=scope).get("content-length", "0")
        if not (stated.isascii() and stated.isdigit()):
            await problem(scope, 400)(scope, receive, send)
            return
        if int(stated[:20]) > self.limit:
            await problem(scope, 413)(scope, receive, send)
            return
        read = 0

        async def receiver() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.limit:
                raise BodyTooLarge
            return message

        await self.app(scope, receiver, send)


def route_of(scope: Scope) -> str:
    """The template of the route that answered, such as ``/v1/courses/{patient}``."""
    return str(getattr(scope.get("route"), "path_format", UNMATCHED))


def _request_id(proposed: str | None) -> str:
    if proposed and SANE_REQUEST_ID.fullmatch(proposed):
        return proposed
    return secrets.token_hex(12)


def _complete_headers(message: Message, scope: Scope) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = scope["state"]["request_id"]
    for name, value in _headers_of(scope["path"]):
        headers.setdefault(name, value)


def _headers_of(path: str) -> Iterable[tuple[str, str]]:
    yield from ALWAYS.items()
    if path.startswith("/v1/"):
        yield "Cache-Control", "no-store"
        yield "Vary", "Authorization"
