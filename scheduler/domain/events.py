"""What goes wrong, as data: one kind of event a class, each told by the id of what it happens to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

EndReason = Literal["withdrawn_consent", "death", "adverse_event", "lost_to_follow_up", "not_eligible", "other"]


@dataclass(frozen=True)
class LotFailed:
    """A lot cannot be used, as was seen at a step of the plant or at its transit; the dose is made again."""

    activity: str
    at: datetime


@dataclass(frozen=True)
class HarvestDry:
    """A harvest gave nothing that can be cultured; it is done again."""

    activity: str
    at: datetime


@dataclass(frozen=True)
class TapFailed:
    """A tap gave nothing and will not be tried again on that day."""

    activity: str
    at: datetime


@dataclass(frozen=True)
class ShipmentLost:
    """What a courier carried is lost, or comes too late to be used."""

    activity: str
    at: datetime


@dataclass(frozen=True)
class ShipmentLate:
    """A courier is late; what is carried may still be used if the steps after it can wait."""

    activity: str
    arrives_at: datetime


@dataclass(frozen=True)
class OutOfService:
    """A place, a resource of it, one unit of that, or a courier lane does not work in ``[start_at, end_at)``."""

    where: str
    start_at: datetime
    end_at: datetime
    reason: str
    resource: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class HalfCapacity:
    """A site has half of its rooms in ``[start_at, end_at)``."""

    site: str
    start_at: datetime
    end_at: datetime
    reason: str


@dataclass(frozen=True)
class TemporaryHoliday:
    """A day was declared a public holiday while the program runs, at some places or at all."""

    on: date
    name: str
    places: tuple[str, ...] | None = None


@dataclass(frozen=True)
class VisitPostponed:
    """A visit cannot be before a local date, and nothing that the patient attends is from its old day until then."""

    visit: str
    not_before: date
    reason: str


@dataclass(frozen=True)
class CultureReadOut:
    """Cells of a dose are ahead or behind: its fill begins at `ready_from` at the earliest, ends by `ready_until`."""

    patient: str
    dose: int
    ready_from: datetime | None
    ready_until: datetime | None
    reason: str


@dataclass(frozen=True)
class PatientLeft:
    """A patient leaves the program, or dies."""

    patient: str
    reason_code: EndReason
    note: str | None = None


Event = (
    LotFailed
    | HarvestDry
    | TapFailed
    | ShipmentLost
    | ShipmentLate
    | OutOfService
    | HalfCapacity
    | TemporaryHoliday
    | VisitPostponed
    | CultureReadOut
    | PatientLeft
)

KINDS: dict[type[Event], str] = {
    LotFailed: "lot_failed",
    HarvestDry: "harvest_dry",
    TapFailed: "tap_failed",
    ShipmentLost: "shipment_lost",
    ShipmentLate: "shipment_late",
    OutOfService: "out_of_service",
    HalfCapacity: "half_capacity",
    TemporaryHoliday: "holiday",
    VisitPostponed: "visit_postponed",
    CultureReadOut: "read_out",
    PatientLeft: "patient_left",
}
"""The word for each kind of event, in addresses, records and commands."""

assert set(KINDS) == set(get_args(Event)), "every kind of event has a word"
