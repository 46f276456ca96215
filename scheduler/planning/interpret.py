"""Solution to plan: ticks become instants, pools become concrete units, placements become courses."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from scheduler.domain.course import NONE_RESTARTED, Facts, Patient, StepAt, activity_id
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.planning.build import Built
from scheduler.planning.seats import Need, NoSeat, Seats, Unit
from solver.problem import Placement, Point, Stay, Template, point_tick

UnitNames = dict[tuple[str, int, str], str]


class Waiting(NamedTuple):
    """A stay that needs a unit of its pool over the ticks ``[first, last)``."""

    first: int
    last: int
    patient: str
    task: int
    label: str


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


def seatable(
    built: Built, placements: Mapping[str, Placement], facts: Facts
) -> tuple[dict[str, Placement], dict[tuple[str, int], str]]:
    """The placements without the doses that find no unit, and why those have none, by patient and dose.

    Where units go out of service one after the other there can be room by count at every moment and yet no unit that is
    in service throughout. Doses that count their days from such a dose go with it.
    """
    found, why = dict(placements), {}
    while (missed := _unseated(built, found, facts)) is not None:
        patient, task = missed.activity.split(" ")
        template = built.problem.templates[found[patient].template]
        dose = template.doses[template.tasks[int(task)].group]
        why[patient, dose] = f"no {missed.kind} at {missed.place} is free and in service all the time it takes"
        found[patient] = _without(template, found[patient], int(task))
    return found, why


def _without(template: Template, placement: Placement, task: int) -> Placement:
    """A placement without the dose of a task and those that count their days from it."""
    gone = {template.tasks[task].group}
    for group in sorted(placement.present):
        if template.parents[group] in gone:
            gone.add(group)
    slots = {one: slot for one, slot in placement.slots.items() if template.tasks[one].group not in gone}
    return Placement(placement.template, slots, placement.present - gone)


def _stays_by_pool(built: Built, placements: Mapping[str, Placement]) -> dict[int, list[Waiting]]:
    waiting: dict[int, list[Waiting]] = {}
    for patient, placement in placements.items():
        template = built.problem.templates[placement.template]
        for stay in _placed_stays(template, placement):
            if stay.label != "lane":
                first = point_tick(template, placement.slots, stay.begin)
                last = max(point_tick(template, placement.slots, stay.until) + stay.tail, first)
                waiting.setdefault(stay.pool, []).append(Waiting(first, last, patient, stay.task, stay.label))
    return waiting


def _unseated(built: Built, placements: Mapping[str, Placement], facts: Facts) -> Need | None:
    """A stay that finds no unit in a pool of which one is out of service; its activity names patient and task."""
    for pool, stays in _stays_by_pool(built, placements).items():
        try:
            _seats(built, pool, stays if _out_of(built, pool, facts) else [], facts)
        except NoSeat as problem:
            return problem.need
    return None


def _out_of(built: Built, pool: int, facts: Facts) -> dict[Unit, list[tuple[int, int]]]:
    """The ticks in which units of a pool are out of service; empty where the plan disregards that."""
    place, kind = built.problem.pool_names[pool].split("/")
    own = {unit: listed for unit, listed in facts.network.out_of_service.items() if unit[:2] == (place, kind)}
    units = facts.network.place(place).resource(kind).units if own else ()
    if built.problem.capacity[pool] != len(units) or not built.problem.load[pool].any():
        return {}
    grid = built.grid
    return {unit: [(grid.tick(one.start_at), grid.tick_up(one.end_at)) for one in own[unit]] for unit in own}


def _seats(built: Built, pool: int, stays: list[Waiting], facts: Facts) -> UnitNames:
    """Units for the stays of a pool of which a unit is out of service; NoSeat where one finds none."""
    place, kind = built.problem.pool_names[pool].split("/")
    listed = sorted(stays)
    needs = [Need(place, kind, f"{one.patient} {one.task}", kind, one.first, one.last) for one in listed]
    seats = Seats({(place, kind): facts.network.place(place).resource(kind).units}, _out_of(built, pool, facts))
    units = seats.seat(needs).units
    return {(one.patient, one.task, one.label): unit[2] for one, unit in zip(listed, units, strict=True)}


def _assign_units(built: Built, placements: Mapping[str, Placement], facts: Facts) -> UnitNames:
    """Give every stay the lowest free unit of its pool, in the order in which stays begin.

    Stays of a pool are intervals on identical units, so that first-fit succeeds wherever capacity is respected; where
    a unit is out of service, others swap.
    """
    found: UnitNames = {}
    for pool, stays in _stays_by_pool(built, placements).items():
        if _out_of(built, pool, facts):
            found |= _seats(built, pool, stays, facts)
            continue
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
