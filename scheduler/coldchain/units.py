"""Units: who may see one, and whether it is free to be given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.booking.access import must_be
from scheduler.booking.errors import not_found
from scheduler.booking.record import DONE
from scheduler.booking.views import shipment_id
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts, activity_id
from scheduler.domain.expiry import transit_of
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables import ActivityRow, CourseRow
from scheduler.persistence.tables_coldchain import DoseUnitRow, LotRow
from scheduler.persistence.unit_of_work import UnitOfWork

UNIT_READERS = frozenset({Role.PHARMACIST, Role.PLANNER, Role.QA, Role.AUDITOR})

State = Literal["withdrawn", "dose-given", "expired", "quarantined", "unreleased", "free"]


@dataclass(frozen=True)
class Held:
    """A unit with its lot, its course, and the steps of its dose by kind."""

    unit: DoseUnitRow
    lot: LotRow
    course: CourseRow
    steps: dict[str, ActivityRow]

    @property
    def is_current(self) -> bool:
        """Whether its lot is the one the dose is to be given from: neither it nor the course was given up since."""
        fill = self.steps.get(self.lot.activity.rpartition("/")[2])
        made = fill is not None and fill.attempt == self.lot.attempt and fill.status in DONE
        return made and self.course.status != "cancelled"


def unit_for(work: UnitOfWork, facts: Facts, name: str) -> Held:
    """A unit that the actor may see; Refused 403 for other roles, 404 where it does not exist for them."""
    must_be(work.principal, UNIT_READERS, "see a unit")
    unit = custody.unit(work.session, name)
    found = None if unit is None else held(work, facts, unit)
    if found is None or not work.principal.may_see_site(found.course.site):
        raise not_found("unit")
    return found


def held(work: UnitOfWork, facts: Facts, unit: DoseUnitRow) -> Held:
    """A unit with what belongs to it."""
    lot = custody.lot(work.session, unit.lot)
    course = repositories.course(work.session, unit.course)
    assert lot is not None
    assert course is not None
    rows = repositories.activities(work.session, unit.course)
    kinds = {step.kind for step in facts.protocol.steps if step.per == "dose"}
    own = {activity_id(unit.course, unit.dose, kind) for kind in kinds}
    return Held(unit, lot, course, {one.kind: one for one in rows if one.id in own})


def units_listed(work: UnitOfWork, course_id: str, dose: int | None) -> list[DoseUnitRow]:
    """The units of a course, or of one dose of it; Refused 403 for other roles, 404 for another site's course."""
    must_be(work.principal, UNIT_READERS, "see units")
    course = repositories.course(work.session, course_id)
    if course is None or not work.principal.may_see_site(course.site):
        raise not_found("course")
    return [one for one in custody.units_of(work.session, course_id) if dose in (None, one.dose)]


def shipment_of(facts: Facts, found: Held) -> str | None:
    """The opaque id of the shipment that brings a unit to its site; None in a protocol that ships nothing."""
    step = transit_of(facts.protocol)
    if step is None:
        return None
    return shipment_id(found.course.coi, activity_id(found.course.id, found.unit.dose, step.kind))


def state_of(work: UnitOfWork, facts: Facts, found: Held, now: datetime) -> State:
    """Whether a unit is free to be handed on, or the first thing that stands against it."""
    given = found.steps.get(facts.protocol.administration)
    if not found.is_current:
        return "withdrawn"
    if given is not None and given.status in DONE:
        return "dose-given"
    if found.unit.expires_at is not None and now >= found.unit.expires_at:
        return "expired"
    if is_quarantined(work, found.lot.id):
        return "quarantined"
    return "free" if is_released(work, found.lot.id) else "unreleased"


def is_quarantined(work: UnitOfWork, lot: str) -> bool:
    """Whether a logger's verdict on a lot was not in-range and nobody has decided that it may be used."""
    files = custody.logger_files_of(work.session, lot)
    decided = custody.dispositions_of(work.session, [one.id for one in files])
    usable = {name for name, one in decided.items() if one.decision == "use"}
    return any(one.verdict != "in-range" and one.id not in usable for one in files)


def is_released(work: UnitOfWork, lot: str) -> bool:
    """Whether a lot passed a stage of its release, and failed none."""
    said = custody.releases_of(work.session, lot)
    return bool(said) and all(one.passed for one in said)


def temperature_known(work: UnitOfWork, lot: str) -> bool:
    """Whether a logger was read for a lot."""
    return bool(custody.logger_files_of(work.session, lot))
