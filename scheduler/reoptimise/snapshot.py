"""What a run goes on: everything that is booked, as of one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scheduler.booking.board import Board
from scheduler.booking.in_force import plan_in_force, standings
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.rules import Violation
from scheduler.persistence import occupancy, proposals, repositories
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.last_moment import LastMoments
from scheduler.planning.repair import Standing, still_broken


@dataclass(frozen=True)
class Snapshot:
    """What was booked at one revision of the board, as one plan, with the facts of that moment.

    `calendars` is the revision of the closures, `versions` are those of the courses, `moments` the last moments of open
    decisions as they were worked out last; all are of the same instant.
    """

    revision: int
    calendars: int
    at: datetime
    plan: Plan
    facts: Facts
    standings: tuple[Standing, ...]
    versions: Mapping[str, int]
    moments: Mapping[tuple[str, int], LastMoments]

    @property
    def open_courses(self) -> int:
        """How many courses have something still to come."""
        return sum(any(step.end_at > self.at for step in one.activities) for one in self.plan.courses)

    @property
    def lost(self) -> frozenset[tuple[str, int]]:
        """The doses without a place, by patient and dose; not those that were given up for good."""
        skipped = {(one.patient.id, dose) for one in self.standings for dose in one.skipped}
        missing = {(one.patient, one.dose) for one in self.plan.unplanned if one.dose is not None}
        return frozenset(missing - skipped)

    @property
    def let_go(self) -> frozenset[str]:
        """The ids of what is too near to move and may move all the same, since it cannot be kept."""
        return frozenset(name for one in self.standings for name in one.let_go)

    def broken(self) -> tuple[Violation, ...]:
        """What the referee says of it; what is over or on record forbids nothing any more."""
        return tuple(still_broken(self.plan, self.facts, self.standings, self.at))


def snapshot(work: UnitOfWork, board: Board) -> Snapshot:
    """Read everything that is booked; `work` only reads, so that all of it is of one instant."""
    state = occupancy.board(work.session)
    plan, facts = plan_in_force(work, board)
    told = standings(work, board, plan, facts)
    versions = {one.id: one.version for one in repositories.all_courses(work.session)}
    decisions = proposals.open_decisions(work.session)
    moments = {(one.course, one.dose): LastMoments(one.remake_until, one.deviation_until) for one in decisions}
    return Snapshot(state.revision, state.calendars, work.now, plan, facts, told, versions, moments)
