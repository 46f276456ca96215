"""Solution to plan: ticks become instants, pools become concrete units, placements become courses."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime

from scheduler.domain.course import NONE_RESTARTED, Facts, Patient, StepAt, activity_id
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.planning.build import Built
from solver.problem import Placement, Point, Stay, Template, point_tick

UnitNames = dict[tuple[str, int, str], str]


def courses_of(built: Built, placements: Mapping[str, Placement], facts: Facts) -> list[PlannedCourse]:
    """Every patient's course with instants in UTC and a unit for each resource, in the order of the facts."""
    units = _assign_units(built, placements, facts)
    return [course_of(built, facts, patient, placements.get(patient.id), units) for patient in facts.patients]


def course_of(
    built: Built, facts: Facts, patient: Patient, placement: Placement | None, units: UnitNames
) -> PlannedCourse:
    """One patient's course with instants in UTC and the units named in `units`, by patient, task and resource."""
    activities: list[Activity] = []
    plant, restarted = None, NONE_RESTARTED
    if placement is not None and placement.present:
        template = built.problem.templates[placement.template]
        shape = built.shapes[placement.template]
        plant, restarted = shape.route.plant, shape.restarted
        for task, at in enumerate(shape.steps):
            if template.tasks[task].group in placement.present:
                activities.append(_activity(built, facts, patient, placement, task, at, units))
    activities.sort(key=lambda one: (one.start_at, one.end_at, one.id))
    listed = tuple(activities)
    return PlannedCourse(patient.id, patient.site, plant, patient.registered_on, patient.weight_kg, listed, restarted)


def _activity(
    built: Built, facts: Facts, patient: Patient, placement: Placement, task: int, at: StepAt, units: UnitNames
) -> Activity:
    template = built.problem.templates[placement.template]
    route = built.shapes[placement.template].route
    filled = at.step.kind == facts.protocol.filled_in
    lane = None
    if at.step.is_transit:
        lane = (route.inbound if at.step.to_side == "plant" else route.outbound).code

    def instant(at_end: bool) -> datetime:
        return built.grid.instant(point_tick(template, placement.slots, Point(task, at_end)))

    return Activity(
        id=activity_id(patient.id, at.dose, at.step.kind),
        kind=at.step.kind,
        dose=at.dose,
        place=route.place(at.step.side),
        units={
            use.resource: units[patient.id, task, use.resource]
            for use in at.step.uses
            if (patient.id, task, use.resource) in units
        },
        start_at=instant(False),
        end_at=instant(True),
        lane=lane,
        volume_ml=facts.protocol.product.volume_ml(patient.weight_kg) if filled else None,
        syringes=facts.protocol.product.syringes(patient.weight_kg) if filled else None,
    )


def _placed_stays(template: Template, placement: Placement) -> list[Stay]:
    def there(point: Point) -> bool:
        return template.tasks[point.task].group in placement.present

    return [one for one in template.stays if there(one.begin) and there(one.until) and there(Point(one.task, False))]


def _assign_units(built: Built, placements: Mapping[str, Placement], facts: Facts) -> UnitNames:
    """Give every stay the lowest free unit of its pool, in the order in which stays begin.

    Stays of a pool are intervals on identical units, so that first-fit succeeds wherever capacity is respected.
    """
    waiting: dict[int, list[tuple[int, int, str, int, str]]] = {}
    for patient, placement in placements.items():
        template = built.problem.templates[placement.template]
        for stay in _placed_stays(template, placement):
            if stay.label != "lane":
                first = point_tick(template, placement.slots, stay.begin)
                last = max(point_tick(template, placement.slots, stay.until) + stay.tail, first)
                waiting.setdefault(stay.pool, []).append((first, last, patient, stay.task, stay.label))
    found: UnitNames = {}
    for pool, stays in waiting.items():
        place, kind = built.problem.pool_names[pool].split("/")
        names = facts.network.place(place).resource(kind).units
        free = list(range(len(names)))
        busy: list[tuple[int, int]] = []
        for first, last, patient, task, label in sorted(stays):
            while busy and busy[0][0] <= first:
                heapq.heappush(free, heapq.heappop(busy)[1])
            unit = heapq.heappop(free) if free else len(names)
            if unit >= len(names) and built.problem.capacity[pool] > len(names):
                unit = 0  # planned without unit_capacity: the first unit is shared
            elif unit >= len(names):
                raise RuntimeError(f"{place} has no {kind} left at tick {first}: capacity was not respected")
            found[patient, task, label] = names[unit]
            heapq.heappush(busy, (last, unit))
    return found
