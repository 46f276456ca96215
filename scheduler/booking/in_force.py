"""The plan in force: every booked course as one plan, as the referee, the planner and the archive read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from scheduler.booking.board import Board
from scheduler.booking.reschedule import RECORDED_RULES
from scheduler.domain.absent import absent
from scheduler.domain.cost import cost_of
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.plan import Plan, PlannedCourse, Unplanned
from scheduler.persistence import proposals, repositories
from scheduler.persistence.mapping import NOT_YET, UNPLACED, course_of, patient_of
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.repair import Standing

NO_PLACE = "it has no place in the plan in force"


def standings(work: UnitOfWork, board: Board, plan: Plan, facts: Facts) -> tuple[Standing, ...]:
    """The courses of the plan in force as a repair needs them: what is done or too near to move, what was confirmed.

    Visits are too near within the patients' fence, everything else within the plant's (docs/domain.md section 8).
    """
    names = [one.patient for one in plan.courses]
    rows = repositories.activities_by_course(work.session, names)
    confirmed = repositories.confirmed_visits(work.session, names)
    plant_at = work.now + timedelta(days=facts.policy.plant_fence_days)
    patients_at = work.now + timedelta(days=facts.policy.patient_fence_days)
    kinds = {step.kind for step in facts.protocol.steps if step.attended} | {FOLLOW_UP}

    def is_fixed(row: ActivityRow) -> bool:
        return row.status != "planned" or row.start_at < (patients_at if row.kind in kinds else plant_at)

    return tuple(
        Standing(
            facts.patient(course.patient),
            course,
            frozenset(row.id for row in rows.get(course.patient, []) if row.status not in UNPLACED and is_fixed(row)),
            confirmed & {one.id for one in course.activities},
            _excused(work, course.patient, rows.get(course.patient, [])),
        )
        for course in plan.courses
    )


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
    for the cause that its decision names.
    """
    facts = board.facts(work)
    rows = [one for one in repositories.all_courses(work.session) if one.status != "cancelled"]
    activities = repositories.activities_by_course(work.session, [one.id for one in rows])
    people = {one.id: patient_of(one) for one in repositories.all_patients(work.session)}
    facts = replace(facts, patients=tuple(people[one.id] for one in rows))
    courses = tuple(course_of(people[one.id], one, activities.get(one.id, [])) for one in rows)
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


def _unplanned(work: UnitOfWork, facts: Facts, courses: Sequence[PlannedCourse]) -> tuple[Unplanned, ...]:
    causes = {(one.course, one.dose): one.cause for one in proposals.decisions(work.session, site=None)}
    missing = (one for course in courses for one in absent(facts, course, NO_PLACE))
    return tuple(
        replace(one, reasons=(causes.get((one.patient, one.dose), NO_PLACE),)) if one.dose is not None else one
        for one in missing
    )
