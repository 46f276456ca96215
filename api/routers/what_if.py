"""What if: the plan in force under other facts, in a sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import CurrentCaller, require
from api.documentation import responses
from api.schemas import Code, Incoming, Kind, Outgoing
from scheduler.booking.errors import Refused
from scheduler.domain.audience import Role
from scheduler.domain.what_if import BOUNDS, MOST_UNITS
from scheduler.programs.changes import change_json, read_changes
from scheduler.reoptimise.what_if import (
    LEAST_SECONDS,
    MOST_CHANGES,
    MOST_SECONDS,
    USUAL_SECONDS,
    WhatIf,
    read_booked,
    what_if,
)

router = APIRouter(prefix="/v1", tags=["plant"])

_SANDBOX = Lock()
ASKERS = (Role.PLANNER, Role.QA, Role.AUDITOR)

Line = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="A change in one line, as docs/what-if.md lists them.",
        examples=["units YONGIN suite +1"],
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=40, description="A limit, or a key of the policy.")]
Day = Annotated[str, Field(min_length=10, max_length=40, examples=["2027-05-06"])]
Days = Annotated[int, Field(ge=-366, le=366)]


class ChangeForm(Incoming):
    """The JSON form of a change: the fields of its kind and no others."""

    change: Literal["units", "hours", "holiday", "closure", "window", "limit", "departure", "policy"]
    place: Code | None = None
    resource: Kind | None = None
    by: Annotated[int, Field(ge=-MOST_UNITS, le=MOST_UNITS, description="Units more, or fewer.")] | None = None
    hours: Annotated[str, Field(min_length=1, max_length=200, examples=["Sat 08:00-20:00"])] | None = None
    on: Day | None = None
    places: Annotated[list[Code], Field(max_length=100)] | None = None
    where: Code | None = None
    since: Day | None = None
    until: Day | None = None
    dose: Annotated[int, Field(ge=1, le=9999)] | None = None
    earliest_days: Days | None = None
    latest_days: Days | None = None
    name: Name | None = None
    bound: Annotated[str, Field(max_length=40, description=f"One of: {', '.join(BOUNDS)}.")] | None = None
    value: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None
    lane: Code | None = None
    at: Annotated[str, Field(min_length=5, max_length=5, examples=["11:00"])] | None = None
    key: Name | None = None


class Question(Incoming):
    """What shall be different, and how long the answer may take."""

    changes: Annotated[list[Line | ChangeForm], Field(min_length=1, max_length=MOST_CHANGES)]
    seconds: Annotated[
        float, Field(ge=LEAST_SECONDS, le=MOST_SECONDS, description="About how long the answer may take at most.")
    ] = USUAL_SECONDS


class ChangeRead(Outgoing):
    """A change as it was understood, as a line and in its JSON form."""

    line: str
    form: dict[str, Any]


class FigureView(Outgoing):
    """One number before and after; null where there is none."""

    name: str
    unit: str
    before: float | None
    after: float | None
    difference: float | None = Field(description="After minus before.")


class Answer(Outgoing):
    """Before and after. Both are what a repair makes of the plan in force; nothing was written."""

    changes: list[ChangeRead]
    figures: list[FigureView] = Field(description="Empty where the time was too short for both sides.")
    sentences: list[str] = Field(description="What the changes bring, for whom, and what of it is proven.")
    table: str = Field(description="Figures and sentences as plain text.")
    cut_short: bool = Field(description="Whether more seconds could give a better answer.")


@router.post(
    "/what-if",
    operation_id="ask_what_if",
    summary="What would change with other facts",
    responses=responses(409),
    dependencies=[Depends(require(*ASKERS))],
)
def ask_what_if(body: Question, caller: CurrentCaller) -> Answer:
    """Repairs the plan in force under changed facts in a sandbox, and books those who wait there as well.

    Nothing is written and nobody is moved. The search runs in a process of its own that ends with the answer.
    """
    until = time.monotonic() + body.seconds
    written = [one if isinstance(one, str) else one.model_dump(exclude_none=True) for one in body.changes]
    changes = read_changes(written)
    with caller.look("what-if") as work:
        booked = read_booked(work, caller.service.board)
    with one_at_a_time():
        return _answer(what_if(booked, changes, until - time.monotonic()))


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """A search takes a whole core from those who book: this process lets one go on at a time.

    Raises
    ------
    Refused
        409 while another is being computed.
    """
    if not _SANDBOX.acquire(blocking=False):
        raise Refused("sandbox-busy", 409, "Another what-if is being computed. Ask again within a minute.")
    try:
        yield
    finally:
        _SANDBOX.release()


def _answer(found: WhatIf) -> Answer:
    return Answer(
        changes=[ChangeRead(line=str(one), form=change_json(one)) for one in found.changes],
        figures=[
            FigureView(name=one.name, unit=one.unit, before=one.before, after=one.after, difference=one.difference)
            for one in found.figures
        ],
        sentences=list(found.sentences),
        table=found.text,
        cut_short=found.cut_short,
    )
