"""Logger files of shipments: handed in, judged, decided on."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from api.bookings import SEES_PLANT
from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.routers.proposals import LossView, VisitMove
from api.schemas import Incoming, OpaqueId, Outgoing, Reason, Signature
from api.uploads import CSV, LONGEST
from scheduler.booking.errors import Refused
from scheduler.coldchain.loggers import (
    DISPOSERS,
    LOADERS,
    LOGGER_READERS,
    Decision,
    dispose,
    logger_file_for,
    upload,
)
from scheduler.coldchain.replacements import latest
from scheduler.domain.excursions import Word
from scheduler.persistence.tables_coldchain import DispositionRow, LoggerRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.replacement import ready_if_possible, replacement

router = APIRouter(prefix="/v1", tags=["shipments"])

JSON = "application/json"
AT: dict[str, Any] = {"type": "string", "maxLength": 40, "description": "With its UTC offset."}
DEGREES: dict[str, Any] = {"type": "number", "minimum": -1000, "maximum": 10000}
READING: dict[str, Any] = {
    "type": "object",
    "properties": {"at": AT, "celsius": DEGREES, "fahrenheit": DEGREES},
    "required": ["at"],
    "additionalProperties": False,
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {
                "schema": {"type": "string", "maxLength": LONGEST},
                "example": "at,celsius\n2027-02-17T09:00:00+09:00,4.6\n",
            },
            JSON: {
                "schema": {"type": "array", "items": READING, "maxItems": 25_000},
                "example": [{"at": "2027-02-17T09:00:00+09:00", "celsius": 4.6}],
            },
        },
    }
}


class LoggerReason(Outgoing):
    """A rule that spoke, and what was found."""

    rule: str
    sentence: str


class ReplacementView(Outgoing):
    """What making the dose again would come to. Nothing of it is in force.

    For that report the lot as failed, or a shipment to the plant as lost.
    """

    id: OpaqueId
    made_at: datetime
    is_current: bool = Field(description="Whether nothing that is booked has changed since; else ask for it again.")
    visits: list[VisitMove] = Field(description="The visits that would move, for a pharmacist those of the own site.")
    losses: list[LossView] = Field(description="Doses that would find no place, and until when deciding still helps.")
    figures: Any = Field(description="As of a proposed plan; for the plant's side alone.")
    text: str | None = Field(description="The whole diff in words; for the plant's side alone.")


class LoggerView(Outgoing):
    """A verdict on a shipment. Anything but in-range keeps its units in quarantine until quality decides."""

    id: OpaqueId
    verdict: Word
    reasons: list[LoggerReason] = Field(description="The one that decided first.")
    proposal: Decision = Field(description="What the rule proposes; where it is not in-range, a person decides.")
    exposure_seconds: float = Field(description="Outside the range in total.")
    longest_run_seconds: float
    lowest: float | None = Field(description="Degrees Celsius.")
    highest: float | None
    gaps: list[tuple[datetime, datetime]] = Field(description="Stretches without a reading, 20 at most.")
    gap_count: int
    readings: int
    unusable: int = Field(description="Lines without a usable temperature.")
    first_at: datetime | None
    last_at: datetime | None
    packed_at: datetime
    received_at: datetime
    sha256: str
    uploaded_at: datetime
    replacement: ReplacementView | None = Field(
        description="Worked out with every verdict but in-range; null where it could not be: ask for it to be told why."
    )


class DispositionIn(Incoming):
    """What becomes of the units, signed."""

    decision: Decision
    reason: Reason
    signature: Signature


class DispositionView(Outgoing):
    """A decision on a verdict."""

    id: OpaqueId
    decision: Decision
    reason: str
    decided_at: datetime
    decided_by: str


class LoggerFileView(LoggerView):
    """A verdict with what was decided on it, and the file itself."""

    content: str
    disposition: DispositionView | None


async def _file(request: Request) -> bytes:
    """The body as it came; Refused 415 for another media type."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in (CSV, JSON):
        raise Refused("not-csv", 415, "The body is neither CSV nor JSON. Send it as text/csv or application/json.")
    return await request.body()


@router.post(
    "/shipments/{shipment}/logger",
    operation_id="judge_logger",
    summary="Hand in a temperature logger's file",
    status_code=201,
    responses=responses(400, 404, 409, 413, 415, 422),
    openapi_extra=BODY,
    dependencies=[Depends(require(*LOADERS)), Idempotent],
)
def judge_logger(shipment: OpaqueId, caller: CurrentCaller, content: Annotated[bytes, Depends(_file)]) -> LoggerView:
    """CSV with at,celsius or at,fahrenheit, or JSON. Judged from packing to receipt, which must be recorded.

    Where the verdict is not in-range, what making the dose again would come to is worked out at once: some seconds.
    """
    with caller.begin() as work:
        row = upload(work, caller.facts(work), shipment, content)
        work.commit()
    if row.verdict != "in-range":
        ready_if_possible(lambda write: caller.begin(write=write), caller.service.board, row.id)
    with caller.begin(write=False) as work:
        return _view(work, row)


@router.post(
    "/logger-files/{file}/replacement",
    operation_id="work_out_replacement",
    summary="What making a dose in quarantine again would come to",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*LOADERS)), Idempotent],
)
def work_out_replacement(file: OpaqueId, caller: CurrentCaller) -> ReplacementView:
    """Worked out from what is booked now, and kept with the file; this may take some seconds."""
    replacement(lambda write: caller.begin(write=write), caller.service.board, file)
    with caller.begin(write=False) as work:
        found = _replacement(work, file)
    assert found is not None, "it was kept just now"
    return found


@router.get(
    "/logger-files/{file}",
    operation_id="show_logger_file",
    summary="A logger's file with its verdict",
    responses=responses(404),
    dependencies=[Depends(require(*LOGGER_READERS))],
)
def show_logger_file(file: OpaqueId, caller: CurrentCaller) -> LoggerFileView:
    """The verdict, what was decided on it, and the file as it was handed in."""
    with caller.look(file) as work:
        row, decided = logger_file_for(work, file)
        disposition = None if decided is None else _disposition(decided)
        return LoggerFileView(**dict(_view(work, row)), content=row.content, disposition=disposition)


@router.post(
    "/logger-files/{file}/disposition",
    operation_id="dispose_units",
    summary="Decide on a verdict",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*DISPOSERS)), Idempotent],
)
def dispose_units(file: OpaqueId, body: DispositionIn, caller: CurrentCaller) -> DispositionView:
    """A named person of quality says whether the units may be used, and signs it. Nothing is ever used by itself."""
    meaning = caller.signed(body.signature)
    with caller.begin() as work:
        row = dispose(work, file, decision=body.decision, reason=body.reason, signed_meaning=meaning)
        shown = _disposition(row)
        work.commit()
    return shown


def _disposition(row: DispositionRow) -> DispositionView:
    return DispositionView.model_validate({name: getattr(row, name) for name in DispositionView.model_fields})


def _view(work: UnitOfWork, row: LoggerRow) -> LoggerView:
    own = ("id", "verdict", "proposal", "packed_at", "received_at", "sha256", "uploaded_at")
    details = {name: value for name, value in json.loads(row.details).items() if name != "word"}
    shown = {**details, **{name: getattr(row, name) for name in own}, "replacement": _replacement(work, row.id)}
    return LoggerView.model_validate(shown)


def _replacement(work: UnitOfWork, file: str) -> ReplacementView | None:
    """The latest replacement of a file, as much of it as the reader may know."""
    found = latest(work, file)
    if found is None:
        return None
    row, is_current = found
    sees_plant = work.principal.audience in SEES_PLANT
    own = [one for one in json.loads(row.visits) if work.principal.may_see_site(one["site"])]
    losses = [one for one in json.loads(row.losses) if work.principal.may_see_site(one["site"])]
    return ReplacementView(
        id=row.id,
        made_at=row.made_at,
        is_current=is_current,
        visits=[VisitMove(**one) for one in own],
        losses=[LossView(**{name: one[name] for name in LossView.model_fields}) for one in losses],
        figures=json.loads(row.figures) if sees_plant else None,
        text=row.text if sees_plant else None,
    )
