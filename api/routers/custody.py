"""Custody: who had a shipment in hand, beside what was planned."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.schemas import PRINTED, Code, Incoming, Instant, OpaqueId, Outgoing
from scheduler.coldchain.shipments import (
    CARRIERS,
    SHIPMENT_READERS,
    CustodyStep,
    hand_over,
    shipment_told,
)
from scheduler.persistence.tables_coldchain import CustodyRow

router = APIRouter(prefix="/v1", tags=["shipments"])

Holder = Annotated[
    str, Field(min_length=1, max_length=100, pattern=PRINTED, description="By name or function.", examples=["Carl"])
]
Celsius = Annotated[
    float | None,
    Field(ge=-100, le=100, allow_inf_nan=False, description="What a thermometer showed, if anybody looked."),
]


class CustodyIn(Incoming):
    """A hand-over."""

    step: CustodyStep
    from_holder: Holder
    to_holder: Holder
    place: Code
    happened_at: Instant
    celsius: Celsius = None


class CustodyView(Outgoing):
    """A hand-over as it was recorded."""

    step: CustodyStep
    from_holder: str
    to_holder: str
    place: Code
    celsius: float | None
    happened_at: datetime
    recorded_at: datetime
    recorded_by: str


class CustodyOfShipment(Outgoing):
    """A shipment as planned and as it went. The courier has it from `pick_up_at` to `drop_at`."""

    shipment: OpaqueId
    status: str
    pick_up_at: datetime = Field(description="As planned.")
    drop_at: datetime = Field(description="As planned.")
    actual_pick_up_at: datetime | None
    actual_drop_at: datetime | None
    events: list[CustodyView]


@router.get(
    "/shipments/{shipment}/custody",
    operation_id="show_custody",
    summary="Who had a shipment in hand",
    responses=responses(404, 409),
    dependencies=[Depends(require(*SHIPMENT_READERS))],
)
def show_custody(shipment: OpaqueId, caller: CurrentCaller) -> CustodyOfShipment:
    """The planned times beside the actual ones, and every hand-over."""
    with caller.look(shipment) as work:
        found, events = shipment_told(work, caller.facts(work), shipment)
        return CustodyOfShipment(
            shipment=shipment,
            status=found.row.status,
            pick_up_at=found.row.start_at,
            drop_at=found.row.end_at,
            actual_pick_up_at=found.row.actual_start_at,
            actual_drop_at=found.row.actual_end_at,
            events=[custody_view(one) for one in events],
        )


@router.post(
    "/shipments/{shipment}/custody",
    operation_id="hand_over_shipment",
    summary="Record a hand-over",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*CARRIERS)), Idempotent],
)
def hand_over_shipment(shipment: OpaqueId, body: CustodyIn, caller: CurrentCaller) -> CustodyView:
    """Packed and handed over by the side it leaves, received and checked by the other; couriers hand over too."""
    with caller.begin() as work:
        shown = custody_view(hand_over(work, caller.facts(work), shipment, **dict(body)))
        work.commit()
    return shown


def custody_view(row: CustodyRow) -> CustodyView:
    """A hand-over for its readers."""
    return CustodyView.model_validate({name: getattr(row, name) for name in CustodyView.model_fields})
