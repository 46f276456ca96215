"""The bedside, seen afterwards: was every unit of a dose that was given let pass there?

What was done is recorded whether or not it should have been; who must know that nobody looked at a unit is told.
"""

from __future__ import annotations

from scheduler.booking.record import DONE
from scheduler.coldchain.notices import raise_notice
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.tables_coldchain import DoseUnitRow
from scheduler.persistence.unit_of_work import UnitOfWork


def check_scanned(work: UnitOfWork, facts: Facts, row: ActivityRow) -> bool | None:
    """Whether every unit of a dose that was just recorded as given was let pass at the bedside.

    Where one was not, the site's pharmacist and quality are told which, and what a scan said of it. None for other
    steps, and for a dose without units on record. The caller commits.
    """
    if row.kind != facts.protocol.administration or row.dose is None or row.status not in DONE:
        return None
    units = custody.latest_units(work.session, [row.course]).get((row.course, row.dose), [])
    missing = [said for one in units if (said := _not_let_pass(work, one)) is not None]
    if missing:
        _tell(work, row, missing)
    return not missing if units else None


def _not_let_pass(work: UnitOfWork, unit: DoseUnitRow) -> str | None:
    """What is wrong with a unit's last look at the bedside, None where one let it pass."""
    looks = [one for one in custody.scans_of(work.session, unit.id) if one.step == "bedside"]
    if any(one.refused is None for one in looks):
        return None
    return f"{unit.id} ({looks[-1].refused if looks else 'not scanned'})"


def _tell(work: UnitOfWork, row: ActivityRow, missing: list[str]) -> None:
    course = repositories.course(work.session, row.course)
    assert course is not None
    sentence = (
        f"Dose {row.dose} of {row.course} was recorded as given without these units being let pass at the bedside: "
        f"{', '.join(missing)}. Find out which units were given and put it on record."
    )
    for role, site in ((Role.PHARMACIST, course.site), (Role.QA, None)):
        raise_notice(
            work, "given_unscanned", role, site=site, patient=row.course, dose=row.dose, sentence=sentence, urgent=True
        )
