"""Which planned visits cannot stay as they are when something does not work, or something keeps a patient away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.rules_context import Judged
from scheduler.domain.rules_courier import arrival_open, departure
from scheduler.domain.rules_time import closure, hindrance
from scheduler.persistence import repositories
from scheduler.persistence.mapping import course_of, patient_of
from scheduler.persistence.tables import VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

BROKEN_BY_CALENDARS = (closure, hindrance, departure, arrival_open)
"""The rules that closures and hindrances declared while the program runs can break."""


def visits_hit(work: UnitOfWork, before: Facts, after: Facts, courses: Iterable[str]) -> list[VisitRow]:
    """The planned visits of some courses that `after` forbids, `before` did not and the actor may see, by start.

    A visit is hit when its own step cannot be done then, or when a step of its dose cannot; steps that serve a whole
    course hit every visit of it that is still planned.
    """
    found: dict[str, VisitRow] = {}
    for name in sorted(courses):
        struck = _struck(work, before, after, name)
        for visit in repositories.visits_of(work.session, name) if struck else []:
            if visit.status == "planned" and work.principal.may_see_site(visit.site) and _is_hit(visit, struck):
                found[visit.id] = visit
    return sorted(found.values(), key=lambda one: (one.start_at, one.id))


def _struck(work: UnitOfWork, before: Facts, after: Facts, name: str) -> set[tuple[str, int | None, str]]:
    """Id, dose and kind of the planned activities of a course that only `after` forbids."""
    row, patient_row = repositories.course(work.session, name), repositories.patient(work.session, name)
    assert row is not None and patient_row is not None
    patient = patient_of(patient_row)
    activities = [one for one in repositories.activities(work.session, name) if one.status == "planned"]
    course = course_of(patient, row, activities)
    broken = _broken(course, replace(after, patients=(patient,))) - _broken(
        course, replace(before, patients=(patient,))
    )
    return {(one.id, one.dose, one.kind) for one in course.activities if one.id in broken}


def _broken(course: PlannedCourse, facts: Facts) -> set[str]:
    return broken_by_calendars(Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,)), facts)


def broken_by_calendars(plan: Plan, facts: Facts) -> set[str]:
    """The activities of a plan that cannot be done then for a closure or a hindrance."""
    judged = Judged.of(plan, facts)
    # The first activity a violation names is the one that cannot be done.
    return {one.activities[0] for rule in BROKEN_BY_CALENDARS for one in rule(judged) if one.activities}


def _is_hit(visit: VisitRow, struck: set[tuple[str, int | None, str]]) -> bool:
    for name, dose, kind in struck:
        own_only = kind == "follow_up"
        if visit.id == name:
            return True
        if not own_only and (dose is None or visit.id.startswith(f"{visit.course}/{dose}/")):
            return True
    return False
