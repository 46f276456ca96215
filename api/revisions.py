"""Versions over HTTP: ETag on what is read, If-Match on what is changed, If-None-Match for readers who have it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Request, Response

from scheduler.booking.errors import Refused, changed_meanwhile

STRONG = re.compile(r'"(\d{1,18})"')


def etag(version: int) -> str:
    """The strong ETag of a version: ``"3"``."""
    return f'"{version}"'


def expected_version(
    if_match: Annotated[
        str | None,
        Header(
            max_length=64,
            description='The ETag of the version this change is based on, such as "3".',
            openapi_examples={"read before": {"value": '"3"'}},
        ),
    ] = None,
) -> int:
    """The version a change is based on, from If-Match; to be compared inside the transaction with `must_match`.

    Raises
    ------
    Refused
        428 without the header, 412 for a weak ETag or ``*`` or a list: none of these names one version.
    """
    if if_match is None:
        raise Refused(
            "version-required", 428, "Say which version you change: send the ETag you read in the header If-Match."
        )
    named = STRONG.fullmatch(if_match.strip())
    if named is None:
        raise changed_meanwhile()
    return int(named[1])


def optional_version(
    if_match: Annotated[
        str | None,
        Header(max_length=64, description="The ETag of the version this is based on; without it any version will do."),
    ] = None,
) -> int | None:
    """The version a change is based on where the caller names one.

    Raises
    ------
    Refused
        412 for anything that does not name one version.
    """
    return None if if_match is None else expected_version(if_match)


def must_match(expected: int, current: int) -> None:
    """Refuse with 412 when a record is no longer the version the change is based on."""
    if expected != current:
        raise changed_meanwhile()


def if_changed(request: Request, version: int) -> Response | None:
    """A 304 for a reader who already has this version, else None."""
    known = request.headers.get("if-none-match")
    if known is None:
        return None
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    if etag(version) in tags or "*" in tags:
        return Response(status_code=304, headers={"ETag": etag(version)})
    return None
