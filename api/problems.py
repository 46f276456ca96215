"""Every error of the service as problem+json (RFC 9457): one shape, sentences a coordinator understands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Scope

from scheduler.booking.errors import CHANGED_MEANWHILE

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:marrowline:problem:"
REQUEST_PREFIX = "urn:marrowline:request:"

SENTENCES: dict[int, tuple[str, str]] = {
    400: ("malformed-request", "The request could not be read. Check that it is complete and try again."),
    401: ("key-refused", "No valid API key came with this request. Send it as: Authorization: Bearer mk_..."),
    403: ("not-your-role", "Your key does not allow this. Ask somebody whose role does."),
    404: ("not-found", "There is nothing here, or it is not yours to see. Check the address."),
    405: ("method-not-allowed", "This address does not answer that method. The header Allow lists those it does."),
    409: ("conflict", "This does not fit what is booked by now. Look again and repeat with what you find."),
    412: ("changed-meanwhile", CHANGED_MEANWHILE),
    413: ("body-too-large", "The body of the request is too large. Send less at a time."),
    415: ("not-json", "The body is not JSON. Send it with: Content-Type: application/json"),
    422: ("not-usable", "Part of the request cannot be used. See errors for which part and why."),
    428: ("version-required", "Say which version you change: send its ETag in the header If-Match."),
    429: ("too-many-refused-keys", "Too many refused keys came from your address. Wait as long as Retry-After says."),
    500: ("internal-error", "Something went wrong on our side. Tell the administrator the number in instance."),
    503: ("not-available", "The service cannot reach its database just now. Try again as Retry-After says."),
}
"""Slug and sentence of each status, where nothing more precise is known."""


def problem(
    scope: Scope,
    status: int,
    slug: str | None = None,
    sentence: str | None = None,
    *,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error answer.

    Parameters
    ----------
    slug
        Stable name of the kind of problem; by default the one of the status.
    sentence
        What is wrong and what to do; by default that of the status.
    extra
        Further members; they cannot replace the standard ones.
    """
    usual, text = SENTENCES.get(status, ("refused", HTTPStatus(status).description or HTTPStatus(status).phrase))
    content = dict(extra or {}) | {
        "type": f"{TYPE_PREFIX}{slug or usual}",
        "title": (slug or usual).replace("-", " ").capitalize(),
        "status": status,
        "detail": sentence or text,
        "instance": f"{REQUEST_PREFIX}{request_id(scope)}",
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def request_id(scope: Scope) -> str:
    """The id the request goes by in answers, logs and the audit trail."""
    return str(scope["state"]["request_id"])
