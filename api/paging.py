"""Lists in pages: an opaque cursor says where to go on, and fits only the list it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request, Response

from scheduler.booking.errors import Refused

Mark = tuple[str | int, ...]
LONGEST = 512
_CHECK = 6  # bytes of hash: enough to notice a cursor that is cut short or belongs to another list


@dataclass(frozen=True)
class Page:
    """What part of a list is asked for: at most `limit` entries beyond `after`; None is the beginning."""

    request: Request
    listing: str
    limit: int
    after: Mark | None

    def next(self, response: Response, last: Sequence[str | int] | None) -> str | None:
        """The cursor of the next page, also sent as ``Link: rel="next"``.

        Parameters
        ----------
        last
            Where this page ended, in the same shape as `after`; None when there is no more.
        """
        if last is None:
            return None
        cursor = _sealed(self.listing, last)
        url = self.request.url.include_query_params(cursor=cursor, limit=self.limit)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return cursor


def page_of(listing: str, *shape: type[str] | type[int]) -> Callable[..., Page]:
    """A dependency that reads ``?cursor=&limit=`` of one list.

    Parameters
    ----------
    listing
        The list's name; a cursor of another list is refused. A change of filters must be part of `shape` or harmless.
    shape
        The types of a mark, such as ``(int,)`` for a row number.
    """

    def page(
        request: Request,
        cursor: Annotated[
            str | None,
            Query(min_length=1, max_length=LONGEST, description="Where the page before ended, from its next."),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="The most entries to send.")] = 50,
    ) -> Page:
        return Page(request, listing, limit, None if cursor is None else _opened(listing, cursor, shape))

    return page


def _sealed(listing: str, mark: Sequence[str | int]) -> str:
    text = json.dumps(list(mark), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(listing, text) + text).decode().rstrip("=")


def _opened(listing: str, cursor: str, shape: Sequence[type]) -> Mark:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mark = json.loads(raw[_CHECK:]) if raw[:_CHECK] == _check(listing, raw[_CHECK:]) else None
    except (binascii.Error, ValueError):
        mark = None
    if not isinstance(mark, list) or [type(one) for one in mark] != list(shape) or not all(map(_sane, mark)):
        raise malformed_cursor()
    return tuple(mark)


def malformed_cursor() -> Refused:
    """What a cursor of another list, or of nobody's making, is answered."""
    return Refused(
        "malformed-cursor", 400, "The cursor is not one of this list. Start again without it, or use next as it is."
    )


def _sane(part: str | int) -> bool:
    """Whether a database can be asked about it: the check is no signature, so anybody can seal a mark."""
    return abs(part) < 2**63 if isinstance(part, int) else part.isprintable()


def _check(listing: str, text: bytes) -> bytes:
    return hashlib.sha256(listing.encode() + b"\0" + text).digest()[:_CHECK]
