"""Identity: what was taken, made and filled gets an id of its own as soon as that is recorded.

Ids are drawn by lot: no number tells how many there are, and none is left out where something failed. A harvest and a
fill are there for every dose whatever it holds, and so are their ids.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

from scheduler.domain.check_character import DRAWN, UNMISTAKABLE, with_check
from scheduler.domain.course import Facts
from scheduler.persistence import custody
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.tables_coldchain import DonationRow, DoseUnitRow, LotRow
from scheduler.persistence.unit_of_work import UnitOfWork


def new_id(kind: str) -> str:
    """A new opaque id with a check character: C for a chain of identity, D a donation, L a lot, U a unit."""
    return with_check(f"X-{kind}" + "".join(secrets.choice(UNMISTAKABLE) for _ in range(DRAWN)))


def units_made(work: UnitOfWork, courses: Collection[str]) -> dict[tuple[str, int], list[DoseUnitRow]]:
    """The units there are for each dose of some courses, for those who may know units."""
    return custody.latest_units(work.session, courses)


def identify(work: UnitOfWork, facts: Facts, row: ActivityRow) -> None:
    """Give a step that was just recorded its donation, or its lot and units; other steps need none.

    A fill that failed is a lot without units. `row` has its outcome and its actual times.
    """
    step = next((one for one in facts.protocol.steps if one.kind == row.kind), None)
    if step is not None and step.per == "harvest" and step.attended:
        _donated(work, row)
    if row.kind == facts.protocol.filled_in and row.dose is not None:
        _filled(work, facts, row, row.dose)


def _donated(work: UnitOfWork, row: ActivityRow) -> None:
    donation = DonationRow(
        id=new_id("D"),
        course=row.course,
        activity=row.id,
        attempt=row.attempt,
        made_at=work.now,
        made_by=work.principal.name,
    )
    custody.add(work.session, donation)
    work.audit("donation:identified", donation.id, after={"activity": row.id, "attempt": row.attempt})


def _filled(work: UnitOfWork, facts: Facts, row: ActivityRow, dose: int) -> None:
    lot = LotRow(
        id=new_id("L"),
        course=row.course,
        dose=dose,
        activity=row.id,
        attempt=row.attempt,
        made_at=work.now,
        made_by=work.principal.name,
    )
    custody.add(work.session, lot)
    count = (row.syringes or 1) if row.status != "failed" else 0
    units = [_unit(work, facts, row, lot, number) for number in range(1, count + 1)]
    custody.add(work.session, *units)
    told = {"activity": row.id, "attempt": row.attempt, "units": [one.id for one in units]}
    work.audit("lot:identified", lot.id, after=told)


def _unit(work: UnitOfWork, facts: Facts, row: ActivityRow, lot: LotRow, number: int) -> DoseUnitRow:
    shelf_life = facts.protocol.shelf_life
    expires_at = None
    if shelf_life is not None and shelf_life.at_most_minutes is not None:
        began = row.actual_start_at if shelf_life.from_ref.edge == "start" else row.actual_end_at
        assert began is not None, "a step that was performed has its times"
        expires_at = began + timedelta(minutes=shelf_life.at_most_minutes)
    return DoseUnitRow(
        id=new_id("U"),
        lot=lot.id,
        course=lot.course,
        dose=lot.dose,
        number=number,
        expires_at=expires_at,
        made_at=work.now,
    )
