"""What is wrong with courses as they were told: broken rules that can still be heeded, and doses without a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.domain.absent import absent
from scheduler.domain.cost import cost_of
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.rules import Violation, violations
from scheduler.planning.told import Standing, with_only

NO_TIME = "no time inside its window passes every rule with the closures and with what is taken"

NOTHING: frozenset[str] = frozenset()


def still_broken(plan: Plan, facts: Facts, standings: Sequence[Standing], now: datetime) -> list[Violation]:
    """What breaks a rule and can still be heeded: nothing that is over, and nothing whose first activity is excused.

    What was done for a dose without a place is history, and a dose that is not there yet breaks no rule by it.
    """
    plan = _without_history(plan, facts, standings, now)
    excused = {one.patient.id: one.excused for one in standings}
    ends = {one.id: one.end_at for course in plan.courses for one in course.activities}
    return [
        one
        for one in violations(plan, facts)
        if not excused.get(one.patient, {}).get(one.rule, NOTHING).intersection(one.activities[:1])
        and not (one.activities and all(ends.get(name, now) < now for name in one.activities))
    ]


def history(
    facts: Facts, told: PlannedCourse, fixed: frozenset[str], now: datetime, course: PlannedCourse | None = None
) -> frozenset[str]:
    """The activities of a course, of those that are fixed, that had begun for doses without a place in it.

    With `course`, for doses that have none there: what it looks like after a repair.
    """
    placed = (told if course is None else course).activities
    given = {one.dose for one in placed if one.kind == facts.protocol.administration}

    def serves_a_dose(one: Activity) -> bool:
        return one.kind == FOLLOW_UP or one.dose in given or (one.dose is None and bool(given))

    begun = (one for one in told.activities if one.id in fixed and one.start_at <= now)
    return frozenset(one.id for one in begun if not serves_a_dose(one))


def _without_history(plan: Plan, facts: Facts, standings: Sequence[Standing], now: datetime) -> Plan:
    fixed = {one.patient.id: one.fixed for one in standings}

    def lasting(course: PlannedCourse) -> PlannedCourse:
        gone = history(facts, course, fixed.get(course.patient, NOTHING), now)
        return with_only(course, {one.id for one in course.activities} - gone) if gone else course

    return replace(plan, courses=tuple(map(lasting, plan.courses)))


def broken_steps(facts: Facts, standing: Standing, now: datetime) -> frozenset[str]:
    """The activities of a course, taken by itself, that break a rule with something in it that may move."""
    alone = replace(facts, patients=(standing.patient,))
    broken = still_broken(as_plan(alone, (standing.course,)), alone, (standing,), now)
    hit = [one for one in broken if not standing.movable.isdisjoint(one.activities)]
    return frozenset(name for one in hit for name in one.activities)


def too_soon(standing: Standing, earliest_at: datetime) -> frozenset[str]:
    """What may move and cannot stay, because nothing new begins so soon: the steps of a lot that failed, say."""
    return frozenset(
        one.id for one in standing.course.activities if one.id in standing.movable and one.start_at < earliest_at
    )


def lacks_a_dose(facts: Facts, standing: Standing) -> bool:
    """Whether a dose of a course is not planned and was not given up for good."""
    missing = {one.dose for one in absent(facts, standing.course, NO_TIME) if one.dose is not None}
    return not missing <= standing.skipped


def as_plan(facts: Facts, courses: Sequence[PlannedCourse]) -> Plan:
    """Courses as a plan, with what is absent listed and the cost counted; nothing is proven of it."""
    missing = tuple(one for course in courses for one in absent(facts, course, NO_TIME))
    plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, tuple(courses), missing)
    return replace(plan, cost=cost_of(plan, facts))
