"""Which units a course needs and for how long, and what units there are."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from scheduler.domain.course import Facts, Patient
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.rules_context import judged_course, stretch_of
from scheduler.planning.seats import Need, Seating, Unit
from scheduler.planning.timegrid import TICK

LANE = "lane"


def needs_of(facts: Facts, course: PlannedCourse) -> list[Need]:
    """Every unit a course takes and for how long, line clearance and turnaround included.

    A place on a courier run is a unit of its lane for the quarter of an hour from the departure.
    """
    judged = judged_course(course, _patient_of(course), facts)
    needs: list[Need] = []
    for one in judged.occurrences:
        place = facts.network.place(one.activity.place)
        for use in one.step.uses:
            during = stretch_of(judged, one, use)
            if during is None:
                continue
            tail = timedelta(minutes=place.resource(use.resource).blocked_minutes)
            held = one.activity.units.get(use.resource)
            needs.append(
                _need(place.code, use.resource, one.activity, use.resource, during.start_at, during.end_at + tail, held)
            )
        if one.activity.lane is not None:
            leaves = one.start_at
            needs.append(_need(one.activity.lane, LANE, one.activity, LANE, leaves, leaves + TICK, None))
    return needs


def _need(
    place: str, kind: str, activity: Activity, resource: str, begins: datetime, ends: datetime, prefers: str | None
) -> Need:
    return Need(place, kind, activity.id, resource, int(begins.timestamp()), int(ends.timestamp()), prefers)


def _patient_of(course: PlannedCourse) -> Patient:
    return Patient(course.patient, course.site, course.registered_on, course.weight_kg)


def with_units(course: PlannedCourse, needs: list[Need], seating: Seating) -> PlannedCourse:
    """The course with the units of a seating of its needs."""
    units: dict[str, dict[str, str]] = {}
    for need, unit in zip(needs, seating.units, strict=True):
        if need.kind != LANE:
            units.setdefault(need.activity, {})[need.resource] = unit[2]
    return replace(course, activities=tuple(replace(one, units=units.get(one.id, {})) for one in course.activities))


def out_of_service(facts: Facts) -> dict[Unit, list[tuple[int, int]]]:
    """The seconds in which units do not work although others of their kind do, see `seats.Seats`."""
    return {unit: [_seconds(one) for one in listed] for unit, listed in facts.network.out_of_service.items()}


def _seconds(during: Interval) -> tuple[int, int]:
    return int(during.start_at.timestamp()), math.ceil(during.end_at.timestamp())


def unit_names(facts: Facts) -> dict[tuple[str, str], tuple[str, ...]]:
    """The units of every place and kind, and the places of every lane as units of the kind ``lane``."""
    names = {(place.code, one.kind): one.units for place in facts.network.places for one in place.resources}
    names.update(
        {(lane.code, LANE): tuple(f"place-{n + 1}" for n in range(lane.places)) for lane in facts.network.lanes}
    )
    return names
