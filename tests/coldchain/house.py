"""A dose on its way: ANA's first is filled at the plant, checked and about to be packed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.booking.views import shipment_id
from scheduler.coldchain.clock import Clock, clock
from scheduler.coldchain.releases import Stage, release
from scheduler.coldchain.scan import Scanned, ScanStep, scan
from scheduler.coldchain.shipments import CustodyStep, hand_over
from scheduler.domain.audience import Principal
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.tables_coldchain import DoseUnitRow, LotRow, NoticeRow, ScanRow
from tests.booking.house import CARL, HUB, NORTH, PAUL, PHIL, QUINN, House

MEANING = "release of a lot"


class Way(NamedTuple):
    """A lot on its way with its one unit."""

    house: House
    lot: str
    unit: str


def filled(house: House, patient: str = "ANA", dose: int = 1) -> Way:
    """Book a patient and record everything until a dose is about to be packed."""
    if not house.activities(patient):
        house.booked(patient)
    house.recorded_until(f"{patient}/{dose}/pack")
    house.now = house.activities(patient)[f"{patient}/{dose}/pack"].start_at
    lot = lots(house, patient)[-1]
    return Way(house, lot.id, units(house, patient)[-1].id)


def lots(house: House, patient: str = "ANA") -> list[LotRow]:
    with house.work(PAUL, write=False) as work:
        return custody.lots_of(work.session, patient)


def units(house: House, patient: str = "ANA") -> list[DoseUnitRow]:
    with house.work(PAUL, write=False) as work:
        return custody.units_of(work.session, patient)


def scans(house: House, unit: str) -> list[ScanRow]:
    with house.work(PAUL, write=False) as work:
        return custody.scans_of(work.session, unit)


def notices_to(house: House, role: str) -> list[NoticeRow]:
    with house.work(PAUL, write=False) as work:
        rows = custody.notices(work.session, role=None, site=None, open_only=True)
    return [one for one in rows if one.role == role]


def released(way: Way, stage: Stage = "before_sterility", *, passed: bool = True) -> None:
    house = way.house
    with house.doing(QUINN) as work:
        facts = house.board.facts(work)
        release(work, facts, way.lot, stage=stage, passed=passed, reason="As tested.", signed_meaning=MEANING)


def scanned(way: Way, step: ScanStep = "checked", patient: str = "ANA", unit: str | None = None) -> Scanned:
    house, plant = way.house, step in ("packed", "handed_over")
    with house.doing(PAUL if plant else PHIL) as work:
        facts, place = house.board.facts(work), HUB if plant else NORTH
        return scan(work, facts, unit or way.unit, patient_id=patient, step=step, place=place)


def transit(way: Way, dose: int = 1) -> ActivityRow:
    return way.house.activities("ANA")[f"ANA/{dose}/transit"]


def shipment(way: Way, dose: int = 1) -> str:
    """The opaque id of the shipment."""
    with way.house.work(PAUL, write=False) as work:
        course = repositories.course(work.session, "ANA")
        assert course is not None
        return shipment_id(course.coi, f"ANA/{dose}/transit")


def handed(way: Way, until: CustodyStep = "checked", begin: CustodyStep = "packed") -> None:
    """Packed, handed over, received and checked at the planned times of the transit; the clock goes on with it."""
    row = transit(way)
    by: dict[CustodyStep, tuple[Principal, str, datetime]] = {
        "packed": (PAUL, HUB, row.start_at - timedelta(minutes=30)),
        "handed_over": (CARL, HUB, row.start_at),
        "received": (PHIL, NORTH, row.end_at),
        "checked": (PHIL, NORTH, row.end_at + timedelta(minutes=15)),
    }
    for step in list(by)[list(by).index(begin) :]:
        who, place, at = by[step]
        way.house.now = max(way.house.now, at)
        with way.house.doing(who) as work:
            facts = way.house.board.facts(work)
            hand_over(
                work,
                facts,
                shipment(way),
                step=step,
                from_holder=who.name,
                to_holder="the next",
                place=place,
                happened_at=at,
                celsius=5.0,
            )
        if step == until:
            return


def clock_of(way: Way) -> Clock:
    with way.house.work(PHIL, write=False) as work:
        return clock(work, way.house.board.facts(work), way.unit)
