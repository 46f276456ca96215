"""Ids of what was made, as callers send them: one misread character is refused before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from api.validation import Unusable
from scheduler.domain.check_character import is_id

LENGTH = 14
DRAWN = r"[2-9A-HJ-NP-Z]{10}[0-9A-Z*]$"


def _as_given_out(kind: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not is_id(text, kind):
            raise Unusable("is no such id: a character was misread. Scan it again, or compare it letter by letter")
        return text

    return check


UnitId = Annotated[
    str,
    Field(
        min_length=LENGTH,
        max_length=LENGTH,
        pattern=f"^X-U{DRAWN}",
        description="The id of one syringe, with its check character.",
        examples=["X-U23456789239"],
    ),
    AfterValidator(_as_given_out("U")),
]
LotId = Annotated[
    str,
    Field(
        min_length=LENGTH,
        max_length=LENGTH,
        pattern=f"^X-L{DRAWN}",
        description="The id of a lot, with its check character.",
        examples=["X-L2345678923F"],
    ),
    AfterValidator(_as_given_out("L")),
]
