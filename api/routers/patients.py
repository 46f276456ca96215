"""Patients: register, read, weigh, and ask for dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from api.bookings import READERS, offer_view
from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import NOT_MODIFIED, responses
from api.paging import Page, page_of
from api.revisions import etag, if_changed
from api.schemas import (
    Code,
    Count,
    Day,
    Incoming,
    Instant,
    OfferView,
    OpaqueId,
    Outgoing,
    PatientId,
    PatientView,
    PlantOfferView,
    StudyId,
    Weight,
)
from scheduler.booking.access import BOOKERS, patient_for
from scheduler.booking.find import Ask, Found, find_offers
from scheduler.booking.make_room import find_with_room
from scheduler.booking.patients import REGISTRARS, register
from scheduler.booking.weights import WEIGHERS, measure
from scheduler.persistence import repositories
from scheduler.persistence.tables import PatientRow

router = APIRouter(prefix="/v1", tags=["patients"])

NOTE = "Nothing is taken yet: holding an offer may fail when somebody else is faster."


class Registration(Incoming):
    """A new patient."""

    id: StudyId
    site: Code
    registered_on: Day
    weight_kg: Weight


class Patients(Outgoing):
    """Patients by study id."""

    items: list[PatientView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class Measured(Incoming):
    """A weight as it was measured."""

    weight_kg: Weight
    measured_at: Instant


class WeightView(Outgoing):
    """A recorded weight."""

    patient: PatientId
    weight_kg: float
    measured_at: Instant
    measured_by: str


class Wish(Incoming):
    """What dates are asked for; `refused` are offers seen before and not wanted.

    Offers of tier 0 move nobody. Offers of tier 1 are sooner and move visits of others that are still drafts.
    """

    count: Count = 3
    refused: Annotated[list[OpaqueId], Field(max_length=50)] = Field(default_factory=list)
    not_before: Day | None = None
    not_after: Day | None = None
    tier: Annotated[int, Field(ge=0, le=1)] = 0


class Offers(Outgoing):
    """Offers, the cheapest first. Without any, `why` says why."""

    offers: list[PlantOfferView | OfferView]
    why: str | None
    note: str


@router.post(
    "/patients",
    operation_id="register_patient",
    summary="Register a patient",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*REGISTRARS)), Idempotent],
)
def register_patient(body: Registration, caller: CurrentCaller, response: Response) -> PatientView:
    """A study id at a site. Names, birth dates and hospital numbers have no place here."""
    with caller.begin() as work:
        row = register(
            work,
            caller.service.board,
            study_id=body.id,
            site=body.site,
            registered_on=body.registered_on,
            weight_kg=body.weight_kg,
        )
        work.commit()
    response.headers["Location"] = f"/v1/patients/{row.id}"
    response.headers["ETag"] = etag(row.version)
    return _view(row)


@router.get(
    "/patients",
    operation_id="list_patients",
    summary="Patients",
    responses=responses(400, 404),
    dependencies=[Depends(require(*READERS))],
)
def list_patients(
    response: Response,
    caller: CurrentCaller,
    page: Annotated[Page, Depends(page_of("patients", str))],
    site: Annotated[Code | None, Query(description="Only patients of this site.")] = None,
) -> Patients:
    """The patients of one's own site, or of all sites, by study id."""
    if site is not None:
        caller.must_see(site, "site")
    after = str(page.after[0]) if page.after else ""
    with caller.look("patients") as work:
        rows = repositories.patients(
            work.session, site=site or caller.principal.site, after=after, limit=page.limit + 1
        )
    shown = rows[: page.limit]
    more = [shown[-1].id] if len(rows) > len(shown) else None
    return Patients(items=[_view(row) for row in shown], next=page.next(response, more))


@router.get(
    "/patients/{patient}",
    operation_id="show_patient",
    summary="One patient",
    response_model=PatientView,
    responses=NOT_MODIFIED | responses(404),
    dependencies=[Depends(require(*READERS))],
)
def show_patient(
    patient: PatientId, request: Request, response: Response, caller: CurrentCaller
) -> PatientView | Response:
    """A patient with the ETag of the present version."""
    with caller.look(patient) as work:
        row = patient_for(work, patient)
    response.headers["ETag"] = etag(row.version)
    return if_changed(request, row.version) or _view(row)


@router.post(
    "/patients/{patient}/weights",
    operation_id="record_weight",
    summary="Record a weight",
    status_code=201,
    responses=responses(404),
    dependencies=[Depends(require(*WEIGHERS)), Idempotent],
)
def record_weight(patient: PatientId, body: Measured, caller: CurrentCaller, response: Response) -> WeightView:
    """A weight measured in the last 7 days. A dose is filled by the latest one, which may be at most 7 days old."""
    with caller.begin() as work:
        row = measure(work, caller.service.board, patient, weight_kg=body.weight_kg, measured_at=body.measured_at)
        work.commit()
    response.headers["Location"] = f"/v1/patients/{patient}"
    return WeightView(
        patient=patient, weight_kg=row.weight_kg, measured_at=row.measured_at, measured_by=row.measured_by
    )


@router.post(
    "/patients/{patient}/offers",
    operation_id="find_courses",
    summary="Ask for dates",
    responses=responses(404, 409),
    dependencies=[Depends(require(*BOOKERS)), Idempotent],
)
def find_courses(patient: PatientId, body: Wish, caller: CurrentCaller) -> Offers:
    """Complete courses for a patient without one, from harvest to last dose; any two differ by 5 days in dose 1."""
    ask = Ask(count=body.count, refused=tuple(body.refused), not_before=body.not_before, not_after=body.not_after)
    return offers_for(caller, patient, ask, find_with_room if body.tier else find_offers)


def offers_for(caller: Caller, patient: str, ask: Ask, find: Callable[..., Found] = find_offers) -> Offers:
    """Find and show."""
    service = caller.service
    valid_for = timedelta(minutes=service.settings.offer_minutes)
    found = find(lambda write: caller.begin(write=write), service.board, patient, ask, valid_for=valid_for)
    shown = [offer_view(found.facts, one, caller.principal) for one in found.offers]
    return Offers(offers=shown, why=found.why, note=NOTE)


def _view(row: PatientRow) -> PatientView:
    return PatientView(
        id=row.id,
        site=row.site,
        registered_on=row.registered_on,
        weight_kg=row.weight_kg,
        status=row.status,  # type: ignore[arg-type]  # judged by the model
        version=row.version,
    )
