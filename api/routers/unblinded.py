"""What the unblinded side sees: the randomisation list, contents of doses, and emergency unblinding."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.idempotency import TOLD_ONCE
from api.schemas import DoseNumber, Incoming, Name, OpaqueId, Outgoing, PatientId, Reason, Signature
from api.uploads import csv_body, csv_text
from scheduler.booking.errors import Refused
from scheduler.booking.unblinded import (
    CONTENT_READERS,
    LIST_READERS,
    OPENERS,
    STATISTICIAN,
    acknowledge_alarm,
    alarms,
    contents,
    import_randomisation,
    open_emergency,
    randomisation,
)
from scheduler.persistence.tables import UnblindedOpeningRow

router = APIRouter(prefix="/v1", tags=["unblinded"])

HEADER = ["patient", "arm"]


class Randomised(Outgoing):
    """How many patients of a list were new."""

    imported: int


class ArmView(Outgoing):
    """Which arm a patient is in."""

    patient: PatientId
    arm: Name


class Randomisation(Outgoing):
    """The randomisation list by patient."""

    items: list[ArmView]


class ContentsView(Outgoing):
    """What one dose holds. `make` is whether cells are made for it; without, it is the comparator."""

    patient: PatientId
    dose: int
    coi: str
    make: bool
    weight_kg: float
    volume_ml: float
    syringes: int
    give_by: datetime | None


class Emergency(Incoming):
    """Why one patient is unblinded, signed."""

    reason: Reason
    signature: Signature


class OpenedView(Outgoing):
    """The arm of one patient, told once to the person who signed."""

    id: OpaqueId
    patient: PatientId
    arm: Name
    opened_at: datetime


class AlarmView(Outgoing):
    """An emergency unblinding; it tells no arm."""

    id: OpaqueId
    patient: PatientId
    reason: str
    opened_at: datetime
    opened_by: str
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class Alarms(Outgoing):
    """Emergency unblindings, the latest first."""

    items: list[AlarmView]


@router.post(
    "/randomisation",
    operation_id="import_randomisation",
    summary="Import the randomisation list",
    responses=responses(400, 409, 413, 415, 422),
    openapi_extra=csv_body("patient,arm\nHYU-001,control\n"),
    dependencies=[Depends(require(*STATISTICIAN)), Idempotent],
)
def import_list(caller: CurrentCaller, text: Annotated[str, Depends(csv_text)]) -> Randomised:
    """CSV with the header patient,arm. All of it or nothing; an arm once imported never changes."""
    rows = _rows(text)
    with caller.begin() as work:
        count = import_randomisation(work, caller.service.board, rows)
        work.commit()
    return Randomised(imported=count)


@router.get(
    "/randomisation",
    operation_id="show_randomisation",
    summary="The randomisation list",
    dependencies=[Depends(require(*LIST_READERS))],
)
def show_list(caller: CurrentCaller) -> Randomisation:
    """Patient and arm of everybody randomised. The reading is recorded."""
    with caller.begin() as work:
        found = randomisation(work)
        work.commit()
    return Randomisation(items=[ArmView(patient=patient, arm=arm) for patient, arm in found])


@router.get(
    "/courses/{course}/contents",
    operation_id="show_contents",
    summary="What a dose holds",
    responses=responses(404, 409),
    dependencies=[Depends(require(*CONTENT_READERS))],
)
def show_contents(
    course: PatientId,
    caller: CurrentCaller,
    dose: Annotated[DoseNumber, Query(description="Which dose.")],
) -> ContentsView:
    """For the pharmacist of the site and for those who make the dose. The reading is recorded."""
    with caller.begin() as work:
        found = contents(work, caller.service.board, course, dose)
        work.commit()
    return ContentsView(**vars(found))


@router.post(
    "/patients/{patient}/unblinding",
    operation_id="unblind_patient",
    summary="Unblind one patient in an emergency",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*OPENERS)), Idempotent],
)
def unblind(patient: PatientId, body: Emergency, caller: CurrentCaller, response: Response) -> OpenedView:
    """Tells the caller one arm, with signature, reason and an alarm to the unblinded statistician.

    The answer is not kept: the same Idempotency-Key is answered that it was told once.
    """
    response.headers[TOLD_ONCE] = "true"
    meaning = caller.signed(body.signature)
    assert meaning is not None
    with caller.begin() as work:
        opened = open_emergency(work, caller.service.board, patient, reason=body.reason, signed_meaning=meaning)
        work.commit()
    return OpenedView(id=opened.id, patient=patient, arm=opened.arm, opened_at=opened.opened_at)


@router.get(
    "/alarms",
    operation_id="list_alarms",
    summary="Emergency unblindings",
    dependencies=[Depends(require(*LIST_READERS))],
)
def list_alarms(caller: CurrentCaller) -> Alarms:
    """The latest first."""
    with caller.look("alarms") as work:
        rows = alarms(work)
    return Alarms(items=[_alarm(row) for row in rows])


@router.post(
    "/alarms/{alarm}/acknowledge",
    operation_id="acknowledge_alarm",
    summary="An alarm was seen",
    responses=responses(404, 409),
    dependencies=[Depends(require(*STATISTICIAN)), Idempotent],
)
def acknowledge(alarm: OpaqueId, caller: CurrentCaller) -> AlarmView:
    """The sponsor's unblinded side knows of it."""
    with caller.begin() as work:
        row = acknowledge_alarm(work, alarm)
        work.commit()
    return _alarm(row)


def _rows(text: str) -> list[tuple[str, str]]:
    try:
        read = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as problem:
        raise Refused("randomisation-line", 422, "This is no table of short cells. Nothing was imported.") from problem
    if not read or read[0] != HEADER:
        raise Refused("randomisation-header", 422, "The first line must be: patient,arm. Nothing was imported.")
    rows = [line for line in read[1:] if line]
    if not all(len(line) == len(HEADER) for line in rows):
        raise Refused("randomisation-line", 422, "Each line must be a patient and an arm. Nothing was imported.")
    if not all(cell.isprintable() for line in rows for cell in line):
        raise Refused("randomisation-line", 422, "A line holds characters that no id has. Nothing was imported.")
    return [(line[0], line[1]) for line in rows]


def _alarm(row: UnblindedOpeningRow) -> AlarmView:
    return AlarmView(
        id=row.id,
        patient=row.patient,
        reason=row.reason,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        acknowledged_at=row.alarm_acknowledged_at,
        acknowledged_by=row.alarm_acknowledged_by,
    )
