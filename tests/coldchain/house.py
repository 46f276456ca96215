"""A dose on its way: ANA's first is filled at the plant, checked and about to be packed."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.coldchain.releases import Stage, release
from scheduler.coldchain.scan import Scanned, ScanStep, scan
from scheduler.persistence import custody
from scheduler.persistence.tables_coldchain import DoseUnitRow, LotRow, NoticeRow, ScanRow
from tests.booking.house import HUB, NORTH, PAUL, PHIL, QUINN, House

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
