"""Shapes and bounds that several routes share. Everything that comes in is bounded; unknown fields are refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from api.validation import Unusable

PATIENT_PATTERN = r"^[A-Z][A-Z0-9]{1,9}-[0-9]{1,6}$"
PRINTED = r"^[^\x00-\x1f\x7f]*$"  # no control characters: a database may refuse a NUL


def _this_century(day: date) -> date:
    if not 2000 <= day.year <= 2099:
        raise Unusable("must be a date from 2000 to 2099")
    return day


PatientId = Annotated[
    str,
    Field(min_length=4, max_length=17, pattern=PATIENT_PATTERN, description="A study id.", examples=["HYU-001"]),
]
ActivityId = Annotated[
    str,
    Field(
        min_length=6,
        max_length=80,
        pattern=r"^[A-Z][A-Z0-9]{1,9}-[0-9]{1,6}(/[a-z0-9][a-z0-9-]{0,19})?/[a-z][a-z0-9_]{0,29}$",
        description="The stable id of a planned step or visit.",
        examples=["HYU-001/1/injection"],
    ),
]
Code = Annotated[
    str,
    Field(min_length=1, max_length=20, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", description="A place.", examples=["HYU"]),
]
OpaqueId = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="An id as it was given out."),
]
Weight = Annotated[
    float,
    Field(ge=20, le=300, allow_inf_nan=False, description="Kilograms.", examples=[60.0]),
]
Reason = Annotated[
    str,
    Field(min_length=3, max_length=500, pattern=PRINTED, description="Why, in a sentence others can read."),
]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTED)]
Instant = Annotated[
    AwareDatetime,
    Field(description="With its UTC offset.", examples=["2027-01-04T09:00:00+09:00"]),
]
Day = Annotated[date, AfterValidator(_this_century), Field(description="A local date.", examples=["2027-01-04"])]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="Counts changes; the ETag holds it.")]


class Incoming(BaseModel):
    """Base of what callers send."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Outgoing(BaseModel):
    """Base of what callers are sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Flaw(Outgoing):
    """One reason why a request cannot be used."""

    in_: Literal["body", "query", "path", "header", "cookie", "request"] = Field(alias="in")
    field: str = Field(description="The field, such as doses[0].weight_kg; empty for the whole.")
    problem: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="What kind of problem: stable, fit for programs.")
    title: str = Field(description="The kind in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong and what to do, for people.")
    instance: str = Field(description="The number of the request, as in the header X-Request-ID.")
    errors: list[Flaw] | None = Field(default=None, description="With status 422: every field that cannot be used.")
