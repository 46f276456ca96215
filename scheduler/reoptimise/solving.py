"""The search of a run: the least repair of what was booked, and until when the doses it loses can be decided on.

It is made outside any transaction, in a process that can be ended at any moment (`planning.apart`), and then judged:
whatever the search says of its plan, the referee has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.domain.audience import NeutralReason
from scheduler.domain.course import Facts
from scheduler.domain.diff_reasons import Reason, closure_reasons, hindrance_reasons, reason_for
from scheduler.domain.errors import MarrowlineError
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.planning.apart import apart
from scheduler.planning.hit import history
from scheduler.planning.last_moment import LastMoments, last_moments
from scheduler.planning.repair import Repaired, Standing, repair, still_broken
from scheduler.reoptimise.snapshot import Snapshot

SEARCH_SECONDS = 20.0
LONGEST_SECONDS = 180.0  # start of the process and last moments included; then it is ended
MAKES_ROOM = Reason("makes room for a dose that somebody else would lose", "logistics")
AGAIN = Reason("a dose that had no place has one again")  # its visits keep what they say of why they lost theirs
NO_ROOM = Reason("no time inside its window is left with the closures and with what is taken", "supply")


@dataclass(frozen=True)
class Loss:
    """A dose that a plan gives up, why, and until when deciding otherwise still helps (see `LastMoments`).

    `was_planned` is false where the dose had no place before either.
    """

    patient: str
    dose: int
    was_planned: bool
    cause: str
    neutral: NeutralReason | None
    remake_until: datetime | None
    deviation_until: datetime | None


@dataclass(frozen=True)
class Solution:
    """A repair, whose courses it changes, the doses without a place, and why things change (as `domain.diff` has it).

    Courses that only change the unit of a step are among those that change: the old one may be out of service.
    """

    repaired: Repaired
    changed: frozenset[str]
    losses: tuple[Loss, ...]
    reasons: Mapping[str, Reason]

    @property
    def given_up(self) -> tuple[Loss, ...]:
        """The doses that were planned before."""
        return tuple(one for one in self.losses if one.was_planned)


class Unsound(MarrowlineError):
    """A repair that the referee does not accept: it is thrown away, and the plan in force stays."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The referee refused the repair that was found: {problem}.")
        self.problem = problem


def solve(
    snapshot: Snapshot,
    may_go_on: Callable[[], None],
    *,
    refused: frozenset[str] = frozenset(),
    seconds: float = SEARCH_SECONDS,
    whose: str | None = None,
) -> Solution:
    """Look for the repair that breaks the fewest promises.

    Parameters
    ----------
    may_go_on
        Asked meanwhile; what it raises ends the search.
    refused
        Visits that must keep their times, because somebody refused to move them.
    whose
        The one patient whom the answer is about, where somebody waits for it: the last moments of others' decisions
        that are open already stay as they are until the next night.

    Raises
    ------
    NoAnswer
        When the search took too long, was killed or stumbled.
    Unsound
        When the referee does not accept what was found.
    """
    told = tuple(replace(one, fixed=one.fixed | (refused & one.movable)) for one in snapshot.standings)
    known = {} if whose is None else {one: at for one, at in snapshot.moments.items() if one[0] != whose}
    arguments = (snapshot.facts, told, snapshot.plan, snapshot.at, seconds, known)
    found = apart(search, *arguments, seconds=LONGEST_SECONDS, may_go_on=may_go_on)
    judge(snapshot, found.repaired, refused)
    return found


def search(
    facts: Facts,
    told: tuple[Standing, ...],
    plan: Plan,
    now: datetime,
    seconds: float,
    known: Mapping[tuple[str, int], LastMoments],
) -> Solution:
    """What the process of a search does; the last moments of `known` doses are not worked out again."""
    repaired = repair(facts, told, now, seconds=seconds)
    reasons = _reasons(facts, plan, repaired)
    before = {(one.patient, one.dose): one.reasons for one in plan.unplanned}
    skipped = {one.patient.id: one.skipped for one in told}
    missing = [(one.patient, one.dose) for one in repaired.plan.unplanned if one.dose is not None]
    lost = [one for one in missing if one[1] not in skipped[one[0]]]
    people = tuple(one.patient for one in told)
    asked = [one for one in lost if one not in known]
    moments = {**known, **last_moments(replace(facts, patients=people), repaired.plan.courses, asked, now, skipped)}
    losses = tuple(_loss(*one, reasons, before.get(one), moments[one]) for one in lost)
    return Solution(repaired, _changed(told, repaired, now), losses, reasons)


def _reasons(facts: Facts, plan: Plan, repaired: Repaired) -> dict[str, Reason]:
    """Why things change: by dose where a closure or hindrance is met, or a dose had no place; the other doses of such a
    patient follow, others make room."""
    lacking = {one.patient: AGAIN for one in plan.unplanned if one.dose is not None}
    found = {**hindrance_reasons(plan, facts), **closure_reasons(plan, facts.network)}
    follows = lacking | {name.partition("/")[0]: why for name, why in reversed(found.items())}
    return {patient: follows.get(patient, MAKES_ROOM) for patient in sorted(repaired.changed)} | found


def _changed(told: tuple[Standing, ...], repaired: Repaired, now: datetime) -> frozenset[str]:
    units = {
        (course.patient, one.id): one.units
        for course in repaired.plan.courses
        for one in course.activities
        if one.end_at > now
    }
    elsewhere = {
        one.patient.id
        for one in told
        for step in one.course.activities
        if units.get((one.patient.id, step.id), step.units) != step.units
    }
    return repaired.changed | elsewhere


def _loss(
    patient: str, dose: int, reasons: Mapping[str, Reason], known: tuple[str, ...] | None, until: LastMoments
) -> Loss:
    why = reason_for(reasons, f"{patient}/{dose}", dose, patient) or NO_ROOM
    if known is not None:
        why = Reason("; ".join(known), why.neutral)
    return Loss(patient, dose, known is None, why.text, why.neutral, until.remake_until, until.deviation_until)


def judge(snapshot: Snapshot, repaired: Repaired, refused: frozenset[str] = frozenset()) -> None:
    """Unsound unless a repair breaks nothing that was not broken before, and leaves alone what may not move."""
    known = {(one.rule, one.activities[:1]) for one in snapshot.broken()}
    for one in still_broken(repaired.plan, snapshot.facts, snapshot.standings, snapshot.at):
        if (one.rule, one.activities[:1]) not in known:
            raise Unsound(f"{one.rule}: {one.message}")
    now = {one.patient: one for one in repaired.plan.courses}
    for standing in snapshot.standings:
        moved = _moved(snapshot, standing, now[standing.patient.id], refused)
        if moved:
            raise Unsound(f"{moved[0]} was moved, which may not move")


def _moved(snapshot: Snapshot, standing: Standing, course: PlannedCourse, refused: frozenset[str]) -> list[str]:
    """What may not move and was moved; what had begun of a dose that is given up is history and left out."""
    there = {one.id: one.start_at for one in course.activities}
    fixed = standing.fixed | refused
    left_out = fixed if course.plant is None else history(snapshot.facts, standing.course, fixed, snapshot.at, course)
    pinned = [one for one in standing.course.activities if one.id in fixed]
    return [one.id for one in pinned if one.id not in left_out - there.keys() and there.get(one.id) != one.start_at]
