"""Files that come as the body of a request: CSV text, bounded and in UTF-8."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from scheduler.booking.errors import Refused

CSV = "text/csv"
LONGEST = 1_000_000


def csv_body(example: str) -> dict[str, Any]:
    """For `openapi_extra` of a route that takes CSV."""
    content = {CSV: {"schema": {"type": "string", "maxLength": LONGEST}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


async def csv_bytes(request: Request) -> bytes:
    """The body as it came; Refused 415 for another media type."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CSV:
        raise Refused("not-csv", 415, "The body is not CSV. Send it with: Content-Type: text/csv")
    return await request.body()


async def csv_text(request: Request) -> str:
    """The body as text; Refused 415 for another media type, 422 for text that is not UTF-8."""
    try:
        return (await csv_bytes(request)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("not-utf8", 422, "The file is not in UTF-8. Save it as CSV UTF-8 and send it again.") from None
