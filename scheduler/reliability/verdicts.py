"""The judge of a simulated night: what must be true after it, whatever happened in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from scheduler.booking.board import Board
from scheduler.booking.hits import broken_by_calendars
from scheduler.domain.rules import Violation
from scheduler.persistence import audit, proposals, repositories
from scheduler.persistence.tables_plans import PlanRunRow, VisitChangeRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.judge import OVERLAPS
from scheduler.reoptimise.snapshot import Snapshot, snapshot

MOVES = frozenset({"moved", "retimed", "shifted", "dropped"})
PAGE = 500


@dataclass
class Verdicts:
    """What was found wrong, each with the night it was found after; all empty when nothing was.

    Attributes
    ----------
    not_once
        Nights that were not done, or not exactly once.
    broken
        Rules that the plan in force breaks, although nothing keeps it from being repaired: no fence, no signature that
        is waited for, no decision on record.
    frozen
        Visits that a plan moved inside the patients' fence.
    unsigned
        Plans that were published without the signature they waited for.
    dropped
        Doses without a place of which nobody was asked.
    lost
        What was acknowledged and is not on record.
    """

    not_once: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    overlaps: int = 0
    trail: str = ""

    @property
    def all(self) -> list[str]:
        """Everything that was found, a line each."""
        lists = (self.not_once, self.broken, self.frozen, self.unsigned, self.dropped, self.lost)
        found = [line for lines in lists for line in lines]
        found += [f"{self.overlaps} stays overlap"] if self.overlaps else []
        return found + ([f"audit trail: {self.trail}"] if self.trail else [])

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.all


@dataclass
class Judge:
    """Looks at the database after every night.

    Attributes
    ----------
    waiting
        What was broken after a night and is on record as such: within the fence, waiting for a signature, or an open
        decision; by why.
    moves
        Changes of visits that plans published, by kind.
    near
        Visits inside the patients' fence that plans moved, because something made them impossible; signed.
    """

    fence: timedelta
    board: Board = field(default_factory=Board)
    verdicts: Verdicts = field(default_factory=Verdicts)
    waiting: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    near: int = 0
    _last: Snapshot | None = None
    _plans: set[int] = field(default_factory=set)

    def night(self, work: UnitOfWork, on: date, row: PlanRunRow | None) -> None:
        """Judge what is booked after a night."""
        if row is None or row.ended_at is None:
            self.verdicts.not_once.append(f"{on}: {'was not begun' if row is None else 'did not end'}")
        seen = snapshot(work, self.board)
        proposed = self._proposed(work)
        asked = {(one.course, one.dose) for one in proposals.decisions(work.session, site=None)}
        self._broken(on, seen, proposed, asked)
        for patient, dose in seen.lost - asked:
            if patient not in proposed:
                self.verdicts.dropped.append(f"{on}: dose {dose} of {patient} has no place, and nobody was asked")
        self._published(work, on, seen)

    def _broken(self, on: date, seen: Snapshot, proposed: set[str], asked: set[tuple[str, int]]) -> None:
        fixed = {name for one in seen.standings for name in one.fixed}
        for one in seen.broken():
            why = self._on_record(one, fixed, proposed, asked)
            if why is None:
                self.verdicts.broken.append(f"{on}: {one.rule}: {one.message}")
            else:
                self.waiting[why] += 1

    def _on_record(
        self, one: Violation, fixed: set[str], proposed: set[str], asked: set[tuple[str, int]]
    ) -> str | None:
        if one.patient in proposed:
            return "waits for a signature"
        if one.activities and set(one.activities) <= fixed:
            return f"within the fence, {one.rule}"
        doses = {(name.split("/")[0], int(name.split("/")[1])) for name in one.activities if name.count("/") == 2}
        return "waits for a decision" if doses & asked else None

    def _proposed(self, work: UnitOfWork) -> set[str]:
        numbers = [one.id for one in proposals.in_state(work.session, "proposed")]
        found = (proposals.proposal(work.session, number) for number in numbers if number is not None)
        return {name for one in found if one is not None for name in json.loads(one.changed)}

    def _published(self, work: UnitOfWork, on: date, seen: Snapshot) -> None:
        new = [one for one in _changes(work) if one.plan not in self._plans]
        impossible = self._impossible(seen)
        for one in new:
            self.moves[one.change] += 1
            if (
                one.change not in MOVES
                or one.before_start_at is None
                or one.before_start_at >= one.told_at + self.fence
            ):
                continue
            if {(one.patient, one.dose), (one.patient, None)} & impossible and self._approved(work, one.plan):
                self.near += 1
            else:
                self.verdicts.frozen.append(f"{on}: plan {one.plan} {one.change} {one.visit} at {one.before_start_at}")
        for number in {one.plan for one in new}:
            self._plans.add(number)
            proposal = proposals.proposal(work.session, number)
            if proposal is not None and proposal.waits_for is not None and not self._approved(work, number):
                self.verdicts.unsigned.append(f"plan {number}: {proposal.waits_for}")
        self._last = seen

    def _impossible(self, seen: Snapshot) -> set[tuple[str, int | None]]:
        """The doses of the plan of the night before that closures and hindrances of now made impossible."""
        if self._last is None:
            return set()
        before = self._last.plan
        facts = replace(seen.facts, patients=self._last.facts.patients)
        struck = broken_by_calendars(before, facts)
        return {
            (course.patient, one.dose) for course in before.courses for one in course.activities if one.id in struck
        }

    def _approved(self, work: UnitOfWork, number: int) -> bool:
        return any(audit.read(work.session, action="plan:approved", subject=f"plan/{number}"))

    def close(self, work: UnitOfWork, acknowledged: Sequence[tuple[str, int]]) -> None:
        """Judge what only the end tells: overlaps, the trail, nights that ended twice, what was acknowledged."""
        self.verdicts.overlaps = int(work.session.connection().exec_driver_sql(OVERLAPS).scalar_one())
        trail = audit.verify(work.session)
        self.verdicts.trail = "" if isinstance(trail, audit.Verified) else f"entry {trail.entry} {trail.problem}"
        ended = Counter(one.subject for one in audit.read(work.session, action="plan_run:ended"))
        twice = [f"{subject} ended {count} times" for subject, count in ended.items() if count > 1]
        self.verdicts.not_once += twice
        courses = {name.partition("/")[0] for name, _ in acknowledged}
        on_record = {key for name in courses for key in _recorded(work, name)}
        self.verdicts.lost += [
            f"{name}, attempt {number}" for name, number in acknowledged if (name, number) not in on_record
        ]


def _recorded(work: UnitOfWork, course: str) -> Iterable[tuple[str, int]]:
    done = ("performed", "late")
    yield from ((one.id, one.attempt) for one in repositories.activities(work.session, course) if one.status in done)
    yield from (
        (one.activity, one.attempt) for one in repositories.attempts_of(work.session, course) if one.status in done
    )


def _changes(work: UnitOfWork) -> list[VisitChangeRow]:
    found: list[VisitChangeRow] = []
    before: int | None = None
    while True:
        told = proposals.changes_told(work.session, site=None, before=before, limit=PAGE)
        found += told.rows
        if told.more is None:
            return found
        before = int(told.more[0])
