"""What must be true of a database after everything that was done to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scheduler.booking.board import Board
from scheduler.booking.in_force import plan_in_force
from scheduler.domain.rules import violations
from scheduler.persistence import audit, repositories
from scheduler.persistence.database import open_database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.world import PLANNER

# Asked in plain SQL, of the rows as they are: neither the constraint nor the application is believed here.
OVERLAPS = """
SELECT count(*) FROM stay AS one JOIN stay AS other
ON one.unit_id = other.unit_id AND one.id < other.id AND one.begins < other.ends AND other.begins < one.ends
WHERE one.live AND other.live
"""


@dataclass(frozen=True)
class Promised:
    """What clients were told: the identity of each booked course, by patient; how often each was changed after."""

    booked: Mapping[str, str]
    changes: Mapping[str, int] = field(default_factory=dict)
    cancelled: Iterable[str] = ()


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a database; all empty or zero when nothing is."""

    double_bookings: int
    lost: tuple[str, ...]
    broken_rules: tuple[str, ...]
    trail: str
    courses: int

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.double_bookings or self.lost or self.broken_rules or self.trail)


def judge(url: str, now: datetime, promised: Promised) -> Verdict:
    """Look for double bookings, broken rules, lost promises and a broken audit trail."""
    database = open_database(url)
    try:
        with UnitOfWork(database, now=now, principal=PLANNER, write=False) as work:
            doubles = int(work.session.connection().exec_driver_sql(OVERLAPS).scalar_one())
            plan, facts = plan_in_force(work, Board())
            broken = tuple(f"{one.rule}: {one.message}" for one in violations(plan, facts))
            trail = audit.verify(work.session)
            said = "" if isinstance(trail, audit.Verified) else f"entry {trail.entry} {trail.problem}"
            return Verdict(doubles, tuple(_lost(work, promised)), broken, said, len(plan.courses))
    finally:
        database.dispose()


def _lost(work: UnitOfWork, promised: Promised) -> Iterable[str]:
    """Promises the database does not keep. A course's version counts its changes from 1."""
    cancelled = set(promised.cancelled)
    for patient, coi in promised.booked.items():
        row = repositories.course(work.session, patient)
        if row is None or row.coi != coi:
            yield f"{patient}: the course is not there"
        elif (row.status == "cancelled") != (patient in cancelled):
            yield f"{patient}: is {row.status}"
        elif promised.changes and row.version != 1 + promised.changes.get(patient, 0):
            yield f"{patient}: {promised.changes.get(patient, 0)} changes were acknowledged, version is {row.version}"
