"""Why a dose has no place, in domain words: what would have to be different for it to have one."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.domain.course import Facts
from scheduler.domain.plan import Unplanned
from scheduler.planning.build import Built
from solver.problem import Placement


def unplanned_doses(facts: Facts, built: Built, placements: Mapping[str, Placement]) -> tuple[Unplanned, ...]:
    """Every dose without a place, with at least one reason, in the order of patients and doses."""
    found: list[Unplanned] = []
    for course in built.problem.courses:
        placement = placements[course.id]
        template = built.problem.templates[placement.template]
        for group, dose in enumerate(template.doses):
            if group not in placement.present:
                found.append(Unplanned(course.id, dose, ("no free place was found",)))
    return tuple(found)
