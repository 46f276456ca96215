"""What became of the doses: in a program that was repaired, and in the same program if nobody had repaired it.

Both count the same doses, those that were to be given before the end by the courses as they were first booked, and
both met the same fate. Without repair nothing moves: a dose is lost when one of its steps fails, when its visit is put
off, when something it needs is closed, or when what it waits for arrives after the next step was to begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scheduler.domain.course import FOLLOW_UP, Facts, Patient
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.protocol import Protocol
from scheduler.domain.rules_context import Judged
from scheduler.domain.rules_courier import arrival_open, departure
from scheduler.domain.rules_time import closure
from scheduler.persistence import proposals, repositories
from scheduler.persistence.tables import ActivityRow, AttemptRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.fate import Fate

GIVEN = ("performed", "late")
LEFT = "patient left"
CLOSED = "closed"
PUT_OFF = "visit postponed"


@dataclass
class Ledger:
    """Doses that were to be given, and what became of them; `wasted` counts lots begun that nobody was given."""

    planned: int = 0
    given: int = 0
    to_come: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    wasted: int = 0

    @property
    def doses_lost(self) -> int:
        """How many were lost, by whatever cause."""
        return self.lost.total()


def doses_before(protocol: Protocol, course: PlannedCourse, end: datetime) -> list[int]:
    """The doses of a course that are to be given before an instant."""
    found = (one for one in course.activities if one.kind == protocol.administration and one.end_at <= end)
    return [one.dose for one in found if one.dose is not None]


# --- with repair ------------------------------------------------------------------------------------------------------


def kept(work: UnitOfWork, protocol: Protocol, booked: Mapping[str, PlannedCourse], end: datetime) -> Ledger:
    """What the records say at the end."""
    ledger = Ledger()
    put_off = {
        one.patient
        for one in proposals.events(work.session, site=None, before=None, limit=10**6)
        if one.kind == "visit_postponed"
    }
    for name, first in booked.items():
        rows = {one.id: one for one in repositories.activities(work.session, name)}
        attempts = repositories.attempts_of(work.session, name)
        course = repositories.course(work.session, name)
        assert course is not None
        for dose in doses_before(protocol, first, end):
            ledger.planned += 1
            row = rows[f"{name}/{dose}/{protocol.administration}"]
            if row.status in GIVEN:
                ledger.given += 1
            elif row.status == "planned":
                ledger.to_come += 1
            elif course.status == "cancelled":
                ledger.lost[LEFT] += 1
            else:
                ledger.lost[_cause(work, protocol, attempts, name, dose, name in put_off)] += 1
        ledger.wasted += len(set(_wasted(protocol, rows, attempts)))
    return ledger


def _cause(
    work: UnitOfWork, protocol: Protocol, attempts: Sequence[AttemptRow], name: str, dose: int, put_off: bool
) -> str:
    """Why a dose has no place, by what was reported of it last."""
    first = protocol.doses[0].number
    own = [one for one in attempts if one.dose == dose or (one.dose is None and dose == first)]
    if own:
        return max(own, key=lambda one: one.given_up_at).why.replace("_", " ")
    said = [one.neutral for one in proposals.decisions(work.session, site=None, course=name) if one.dose == dose]
    if put_off and "patient" in said:
        return PUT_OFF
    return CLOSED if said else "unknown"


def _wasted(
    protocol: Protocol, rows: Mapping[str, ActivityRow], attempts: Sequence[AttemptRow]
) -> Iterator[tuple[int | None, datetime | None]]:
    """Each lot that was begun and not given, told by its dose and the instant it was given up."""
    makes = {one.kind for one in protocol.steps if one.cells or one.kind == protocol.filled_in}
    for one in attempts:
        if one.kind in makes and (one.status != "planned" or one.start_at < one.given_up_at):
            yield one.dose or protocol.doses[0].number, one.given_up_at
    for row in rows.values():
        dose = row.dose or protocol.doses[0].number
        given = rows.get(f"{row.course}/{dose}/{protocol.administration}")
        over = given is not None and given.status not in (*GIVEN, "planned")
        if row.kind in makes and row.status in (*GIVEN, "failed") and over:
            yield dose, None


# --- without ----------------------------------------------------------------------------------------------------------


def unrepaired(
    fate: Fate, facts: Facts, booked: Mapping[str, PlannedCourse], leaves_at: Mapping[str, datetime], end: datetime
) -> Ledger:
    """What the same fate does to courses that nobody repairs.

    Parameters
    ----------
    facts
        With every closure that was declared; each lies after the instant at which it was declared.
    leaves_at
        When each patient leaves.
    """
    ledger, closed = Ledger(), _closed(facts, booked)
    for name, course in booked.items():
        for dose in doses_before(facts.protocol, course, end):
            ledger.planned += 1
            lost = min(_losses(fate, facts.protocol, course, dose, leaves_at[name], closed), default=None)
            if lost is None:
                ledger.given += 1
                continue
            ledger.lost[lost[1]] += 1
            begun = [one.start_at for one in _of(facts.protocol, course, dose) if _makes(facts.protocol, one)]
            ledger.wasted += min(begun, default=end) < lost[0]
    return ledger


def _of(protocol: Protocol, course: PlannedCourse, dose: int) -> list[Activity]:
    """The steps a dose needs: its own, and those that serve the whole course."""
    return [one for one in course.activities if one.dose in (dose, None) and one.kind != FOLLOW_UP]


def _makes(protocol: Protocol, one: Activity) -> bool:
    """Whether a lot of a dose has begun with a step; what serves the whole course counts for no single dose."""
    step = protocol.step(one.kind)
    return one.dose is not None and (step.cells or one.kind == protocol.filled_in)


def _losses(
    fate: Fate, protocol: Protocol, course: PlannedCourse, dose: int, leaves_at: datetime, closed: frozenset[str]
) -> Iterator[tuple[datetime, str]]:
    steps = _of(protocol, course, dose)
    given = next(one for one in steps if one.kind == protocol.administration)
    if leaves_at < given.start_at:
        yield leaves_at, LEFT
    for serves in (None, dose):
        visits = [one for one in steps if one.dose == serves and protocol.step(one.kind).attended]
        if visits and fate.postponed(course.patient, serves) is not None:
            yield visits[0].start_at, PUT_OFF
    for one in steps:
        if one.id in closed:
            yield one.start_at, CLOSED
        if one.dose is None and dose != protocol.doses[0].number and protocol.step(one.kind).cells:
            continue  # the culture of the first dose; the others come from the bank
        mishap = fate.of_step(protocol.step(one.kind), course.patient, one.dose, 1)
        if mishap is not None and not _waited_for(protocol, steps, one, mishap.late):
            yield one.start_at + mishap.share * (one.end_at - one.start_at), mishap.kind.replace("_", " ")


def _waited_for(protocol: Protocol, steps: Sequence[Activity], one: Activity, late: timedelta) -> bool:
    """Whether what waits for a late courier begins only after it has arrived."""
    waiting = [other.start_at for other in steps if one.kind in protocol.step(other.kind).after]
    return late > timedelta(0) and one.end_at + late <= min(waiting, default=one.end_at)


def _closed(facts: Facts, booked: Mapping[str, PlannedCourse]) -> frozenset[str]:
    """The steps that something declared later made impossible."""
    people = tuple(Patient(one.patient, one.site, one.registered_on, one.weight_kg) for one in booked.values())
    plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, tuple(booked.values()))
    judged = Judged.of(plan, replace(facts, patients=people, hindrances=()))
    return frozenset(one.activities[0] for rule in (closure, departure, arrival_open) for one in rule(judged))
