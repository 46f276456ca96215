"""The plan in force: every booked course as one plan, as the referee, the planner and the archive read it."""

from __future__ import annotations

from dataclasses import replace

from scheduler.booking.board import Board
from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.persistence import repositories
from scheduler.persistence.mapping import course_of, patient_of
from scheduler.persistence.unit_of_work import UnitOfWork


def plan_in_force(work: UnitOfWork, board: Board) -> tuple[Plan, Facts]:
    """All booked courses as planned, and the facts with the patients they belong to; nothing is proven of it.

    Courses that were cancelled are left out, and so are patients who have none.
    """
    facts = board.facts(work)
    rows = [one for one in repositories.all_courses(work.session) if one.status != "cancelled"]
    activities = repositories.activities_by_course(work.session, [one.id for one in rows])
    people = {one.id: patient_of(one) for one in repositories.all_patients(work.session)}
    facts = replace(facts, patients=tuple(people[one.id] for one in rows))
    plan = Plan(
        program=facts.program,
        status="feasible",
        seed=0,
        cost=(0, 0, 0),
        bound=(0, 0, 0),
        wall_seconds=0.0,
        courses=tuple(course_of(people[one.id], one, activities.get(one.id, [])) for one in rows),
    )
    return replace(plan, cost=cost_of(plan, facts)), facts
