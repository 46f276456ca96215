"""Units: which there are, their labels, and the scan that lets them pass or not."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.identities import UnitId
from api.schemas import Code, DoseNumber, Incoming, Outgoing, PatientId
from scheduler.coldchain.clock import clock
from scheduler.coldchain.history import history
from scheduler.coldchain.history_page import Language, page
from scheduler.coldchain.labels import label
from scheduler.coldchain.scan import SCANNERS, ScanStep, scan
from scheduler.coldchain.units import UNIT_READERS, State, held, shipment_of, state_of, unit_for, units_listed
from scheduler.persistence.tables_coldchain import DoseUnitRow
from scheduler.persistence.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["units"])

SVG = "image/svg+xml"
PRINTABLE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class UnitView(Outgoing):
    """One syringe. `state` is free, or the first thing that stands against handing it on."""

    id: str
    patient: PatientId
    coi: str
    dose: int
    number: int
    expires_at: datetime | None = Field(description="The end of its shelf life; null without one.")
    shipment: str | None = Field(description="The shipment that brings it to its site, as couriers know it.")
    state: State


class Units(Outgoing):
    """Units by dose, attempt and number."""

    items: list[UnitView]


class FallbackView(Outgoing):
    """What helps when the plan does not hold any more; sent as a POST to `path`, `body` begins it."""

    kind: Literal["next_departure", "next_slot", "remake"]
    at: datetime | None = Field(description="The departure, or the earliest injection; null for a remake.")
    path: str
    body: dict[str, Any]


class ClockView(Outgoing):
    """The clock of a unit: what is planned, the last moments that meet its shelf life, and what to do otherwise."""

    unit: str
    phase: Literal["plant", "road", "site", "over"]
    state: State
    expires_at: datetime | None
    seconds_left: int | None = Field(description="Whole seconds until it expires, never negative.")
    departs_at: datetime | None = Field(description="As planned, while it is at the plant.")
    arrives_at: datetime | None = Field(description="When it came, or as it is expected now.")
    injection_at: datetime | None = Field(description="As planned.")
    last_hand_over_at: datetime | None
    last_departure_at: datetime | None
    last_injection_at: datetime | None = Field(description="The last start that still meets shelf life and window.")
    holds: bool = Field(description="Whether the plan can still be kept.")
    fallback: FallbackView | None


class EntryView(Outgoing):
    """One thing that happened to a unit."""

    at: datetime
    what: str
    by: str | None
    place: str | None
    details: dict[str, str]


class HistoryView(Outgoing):
    """A unit and its story."""

    unit: str
    lot: str
    donations: list[str]
    coi: str
    patient: PatientId
    site: Code
    zone: str
    dose: int
    number: int
    expires_at: datetime | None
    state: State
    entries: list[EntryView]


class ScanIn(Incoming):
    """Whom the unit is for, and where it is scanned."""

    patient: PatientId
    step: ScanStep = Field(description="The hand-over, or bedside: the last look before the injection.")
    place: Code


class ScanView(Outgoing):
    """A unit that may go on."""

    unit: str
    patient: PatientId
    step: ScanStep
    passed: Literal[True]
    scanned_at: datetime


@router.get(
    "/units",
    operation_id="list_units",
    summary="Units of a course",
    responses=responses(404, 409),
    dependencies=[Depends(require(*UNIT_READERS))],
)
def list_units(
    caller: CurrentCaller,
    course: Annotated[PatientId, Query(description="Whose units.")],
    dose: Annotated[DoseNumber | None, Query(description="Of one dose only.")] = None,
) -> Units:
    """Every syringe that was filled for a patient; those of lots that were given up as well."""
    with caller.look(course) as work:
        return Units(items=[_view(caller, work, one) for one in units_listed(work, course, dose)])


@router.get(
    "/units/{unit}/label.svg",
    operation_id="show_label",
    summary="The label of a unit",
    response_class=Response,
    responses={**responses(404, 409), 200: {"content": {SVG: {}}, "description": "A label of 90 by 34 mm."}},
    dependencies=[Depends(require(*UNIT_READERS))],
)
def show_label(unit: UnitId, caller: CurrentCaller) -> Response:
    """A QR code of the unit's id, and the same in letters; it tells nothing of what the unit holds."""
    with caller.look(unit) as work:
        facts = caller.facts(work)
        drawn = label(facts, unit_for(work, facts, unit))
    return Response(drawn, media_type=SVG)


@router.get(
    "/units/{unit}/clock",
    operation_id="show_clock",
    summary="The expiry clock of a unit",
    responses=responses(404, 409),
    dependencies=[Depends(require(*UNIT_READERS))],
)
def show_clock(unit: UnitId, caller: CurrentCaller) -> ClockView:
    """By shelf life, window and calendars; whether a room is free, offers and repairs say."""
    with caller.look(unit) as work:
        found = clock(work, caller.facts(work), unit)
    fallback = None if found.fallback is None else FallbackView(**vars(found.fallback))
    return ClockView(
        unit=unit,
        phase=found.phase,
        state=found.state,
        expires_at=found.expires_at,
        seconds_left=None if found.left is None else int(found.left.total_seconds()),
        departs_at=found.departs_at,
        arrives_at=found.arrives_at,
        injection_at=found.injection_at,
        last_hand_over_at=found.last.hand_over_at,
        last_departure_at=found.last.departure_at,
        last_injection_at=found.last.injection_at,
        holds=found.holds,
        fallback=fallback,
    )


@router.get(
    "/units/{unit}/history",
    operation_id="show_history",
    summary="The story of a unit",
    responses=responses(404, 409),
    dependencies=[Depends(require(*UNIT_READERS))],
)
def show_history(unit: UnitId, caller: CurrentCaller) -> HistoryView:
    """Everything that was recorded of its identity, hand-overs and temperature, the earliest first."""
    with caller.look(unit) as work:
        found = history(work, caller.facts(work), unit)
    return HistoryView.model_validate(asdict(found))


@router.get(
    "/units/{unit}/history.html",
    operation_id="print_history",
    summary="The story of a unit, to print",
    response_class=HTMLResponse,
    responses=responses(404, 409),
    dependencies=[Depends(require(*UNIT_READERS))],
)
def print_history(
    unit: UnitId,
    caller: CurrentCaller,
    lang: Annotated[Language, Query(description="The language of the headings.")] = "en",
) -> HTMLResponse:
    """The same as a page, with times of the site; no script, and nothing that is loaded from elsewhere."""
    with caller.look(unit) as work:
        found = history(work, caller.facts(work), unit)
    return HTMLResponse(page(found, lang, caller.now), headers={"Content-Security-Policy": PRINTABLE})


@router.post(
    "/units/{unit}/scan",
    operation_id="scan_unit",
    summary="May this unit go on to this patient",
    responses=responses(404, 409),
    dependencies=[Depends(require(*SCANNERS)), Idempotent],
)
def scan_unit(unit: UnitId, body: ScanIn, caller: CurrentCaller) -> ScanView:
    """At each hand-over and at the bedside. A refusal (409, unit-refused) is recorded and raises an alarm."""
    with caller.begin() as work:
        done = scan(work, caller.facts(work), unit, patient_id=body.patient, step=body.step, place=body.place)
        work.commit()
        scanned_at = done.scan.scanned_at
    if done.refusal is not None:
        raise done.refusal
    return ScanView(unit=unit, patient=body.patient, step=body.step, passed=True, scanned_at=scanned_at)


def _view(caller: Caller, work: UnitOfWork, row: DoseUnitRow) -> UnitView:
    facts = caller.facts(work)
    found = held(work, facts, row)
    return UnitView(
        id=row.id,
        patient=row.course,
        coi=found.course.coi,
        dose=row.dose,
        number=row.number,
        expires_at=row.expires_at,
        shipment=shipment_of(facts, found),
        state=state_of(work, facts, found, work.now),
    )
