"""The plan in force: every booked course as one plan, as the referee, the planner and the archive read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.booking.board import Board
from scheduler.booking.decisions import skipped_doses
from scheduler.booking.hits import broken_by_calendars
from scheduler.booking.override import FENCE
from scheduler.booking.reschedule import RECORDED_RULES
from scheduler.domain.absent import absent
from scheduler.domain.cost import cost_of
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.hindrances import Hindrance, hindered
from scheduler.domain.plan import Plan, PlannedCourse, Unplanned
from scheduler.persistence import proposals, repositories
from scheduler.persistence.mapping import NOT_YET, UNPLACED, course_of, patient_of
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.repair import Standing

NO_PLACE = "it has no place in the plan in force"


def standings(work: UnitOfWork, board: Board, plan: Plan, facts: Facts) -> tuple[Standing, ...]:
    """The courses of the plan in force as a repair needs them: what is done or too near to move, what was confirmed.

    Visits are too near within the patients' fence, everything else within the plant's (docs/domain.md section 8). A
    dose that cannot be kept where it is, for a closure or a hindrance, is let go though it is near, as far as it has
    not begun. That dose, and one that was near when it was given up, may begin again after a day; where all it waits
    for is here sooner, such as a courier who is late, at that moment.
    """
    names = [one.patient for one in plan.courses]
    rows = repositories.activities_by_course(work.session, names)
    confirmed = repositories.confirmed_visits(work.session, names)
    skipped = skipped_doses(work)
    fences = _Fences.of(facts, work.now)
    impossible = broken_by_calendars(plan, facts)

    def standing(course: PlannedCourse) -> Standing:
        own = rows.get(course.patient, [])
        fixed = frozenset(row.id for row in own if row.status not in UNPLACED and fences.holds(row))
        let_go = fixed & _let_go(own, impossible, fences, facts.hindrances_of(course.patient))
        waits = any(row.status == "open" and fences.is_near(row) for row in own)
        return Standing(
            facts.patient(course.patient),
            course,
            fixed - let_go,
            confirmed & {one.id for one in course.activities},
            _excused(work, course.patient, own),
            skipped.get(course.patient, frozenset()),
            let_go,
            _again_at(facts, course.patient, work.now, fences.plant) if let_go or waits else None,
        )

    return tuple(standing(course) for course in plan.courses)


def _again_at(facts: Facts, patient: str, now: datetime, plant: timedelta) -> datetime:
    """When what was let go may begin again: when the last of what hinders the patient now, and for hours only, ends."""
    stretches = (one.during for one in facts.hindrances_of(patient))
    soon = [one.end_at for one in stretches if one.start_at <= now < one.end_at < now + FENCE]
    return max(soon, default=now + min(FENCE, plant))


@dataclass(frozen=True)
class _Fences:
    now: datetime
    plant: timedelta
    patients: timedelta
    visits: frozenset[str]  # the kinds of what a patient comes for

    @classmethod
    def of(cls, facts: Facts, now: datetime) -> _Fences:
        policy = facts.policy
        kinds = frozenset(step.kind for step in facts.protocol.steps if step.attended) | {FOLLOW_UP}
        return cls(now, timedelta(days=policy.plant_fence_days), timedelta(days=policy.patient_fence_days), kinds)

    def holds(self, row: ActivityRow) -> bool:
        return row.status != "planned" or self.is_near(row)

    def is_near(self, row: ActivityRow) -> bool:
        return row.start_at < self.now + (self.patients if row.kind in self.visits else self.plant)


def _let_go(
    rows: Sequence[ActivityRow], impossible: Collection[str], fences: _Fences, hindrances: Sequence[Hindrance]
) -> frozenset[str]:
    """What has not begun of the doses of a course that cannot be kept; all doses, where what they share cannot be.

    A visit whose time has come and that is hindered now has not begun either: nobody came, or the dose is not there.
    """

    def is_missed(row: ActivityRow) -> bool:
        told = hindered(hindrances, row.kind, row.dose, attended=True)
        return row.kind in fences.visits and any(one.start_at <= fences.now < one.end_at for one in told)

    ahead = [row for row in rows if row.status == "planned" and (row.start_at > fences.now or is_missed(row))]
    struck = [row for row in ahead if row.id in impossible]
    doses = {row.dose for row in struck if row.kind != FOLLOW_UP}
    follow_ups = {row.id for row in struck if row.kind == FOLLOW_UP}
    served = {row.id for row in ahead if row.kind != FOLLOW_UP and (None in doses or row.dose in doses)}
    return frozenset(served | follow_ups)


def _excused(work: UnitOfWork, patient: str, rows: Sequence[ActivityRow]) -> Mapping[str, frozenset[str]]:
    """By rule, the activities of a course that were recorded as they were, or whose deviation was signed."""
    recorded = frozenset(row.id for row in rows if row.status not in NOT_YET)
    excused = dict.fromkeys(RECORDED_RULES, recorded)
    for one in repositories.deviations_of(work.session, patient):
        excused[one.rule] = excused.get(one.rule, frozenset()) | {one.activity}
    return excused


def plan_in_force(work: UnitOfWork, board: Board) -> tuple[Plan, Facts]:
    """All booked courses as planned, and the facts with the patients they belong to; nothing is proven of it.

    Courses that were cancelled are left out, and so are patients who have none. A dose that is left open is unplanned
    for the cause that its decision names; what was done for one that was given up for good is history and left out.
    """
    facts = board.facts(work)
    rows = [one for one in repositories.all_courses(work.session) if one.status != "cancelled"]
    activities = repositories.activities_by_course(work.session, [one.id for one in rows])
    people = {one.id: patient_of(one) for one in repositories.all_patients(work.session)}
    facts = replace(facts, patients=tuple(people[one.id] for one in rows))
    skipped = skipped_doses(work)
    courses = tuple(
        course_of(people[one.id], one, _without(activities.get(one.id, []), skipped.get(one.id, frozenset())))
        for one in rows
    )
    plan = Plan(
        program=facts.program,
        status="feasible",
        seed=0,
        cost=(0, 0, 0),
        bound=(0, 0, 0),
        wall_seconds=0.0,
        courses=courses,
        unplanned=_unplanned(work, facts, courses),
    )
    return replace(plan, cost=cost_of(plan, facts)), facts


def _without(rows: Sequence[ActivityRow], skipped: frozenset[int]) -> list[ActivityRow]:
    return [one for one in rows if one.dose not in skipped]


def _unplanned(work: UnitOfWork, facts: Facts, courses: Sequence[PlannedCourse]) -> tuple[Unplanned, ...]:
    causes = {(one.course, one.dose): one.cause for one in proposals.decisions(work.session, site=None)}
    missing = (one for course in courses for one in absent(facts, course, NO_PLACE))
    return tuple(
        replace(one, reasons=(causes.get((one.patient, one.dose), NO_PLACE),)) if one.dose is not None else one
        for one in missing
    )
