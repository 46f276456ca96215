"""Rows to domain values and back; a course as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, cast

from scheduler.domain.audience import NeutralReason
from scheduler.domain.calendars import Closure
from scheduler.domain.course import Patient
from scheduler.domain.hindrances import Hindrance
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.persistence.tables import ActivityRow, ClosureRow, CourseRow, HindranceRow, PatientRow

UNPLACED = frozenset({"open", "given_up"})
"""The statuses of activities that are no part of the plan."""
NOT_YET = frozenset({"planned", "open"})
"""The statuses of what still has to be done."""


def patient_of(row: PatientRow) -> Patient:
    """The patient of a row."""
    return Patient(row.id, row.site, row.registered_on, row.weight_kg)


def closure_of(row: ClosureRow) -> Closure:
    """The closure of a row."""
    return Closure(row.where, Interval(row.start_at, row.end_at), row.reason, row.resource, row.unit)


def hindrance_of(row: HindranceRow) -> Hindrance:
    """The hindrance of a row."""
    neutral = cast(NeutralReason, row.neutral)
    return Hindrance(row.patient, kinds_of(row), row.dose, Interval(row.start_at, row.end_at), row.reason, neutral)


def kinds_of(row: HindranceRow) -> tuple[str, ...] | None:
    """The kinds of step that a hindrance names; None where it means all that is attended."""
    return None if row.kinds is None else tuple(json.loads(row.kinds))


def activity_of(row: ActivityRow) -> Activity:
    """A planned activity as booked."""
    return Activity(
        id=row.id,
        kind=row.kind,
        dose=row.dose,
        place=row.place,
        units=_units(row.units),
        start_at=row.start_at,
        end_at=row.end_at,
        lane=row.lane,
        volume_ml=row.volume_ml,
        syringes=row.syringes,
    )


@lru_cache(maxsize=4096)
def _units(text: str) -> Mapping[str, str]:
    # The few combinations there are, not read anew for each of ten thousand steps.
    return cast(Mapping[str, str], json.loads(text))


def course_of(patient: Patient, row: CourseRow, activities: Iterable[ActivityRow]) -> PlannedCourse:
    """A booked course, without what has no time; its activities ascend by start."""
    placed = (activity_of(one) for one in activities if one.status not in UNPLACED)
    listed = sorted(placed, key=lambda one: (one.start_at, one.end_at, one.id))
    return PlannedCourse(
        patient.id,
        patient.site,
        row.plant,
        patient.registered_on,
        patient.weight_kg,
        tuple(listed),
        frozenset(json.loads(row.restarted)),
    )


def activity_values(course: str, one: Activity) -> dict[str, Any]:
    """The columns of a new row for a planned activity."""
    return {
        "id": one.id,
        "course": course,
        "kind": one.kind,
        "dose": one.dose,
        "place": one.place,
        "units": units_text(one.units),
        "start_at": one.start_at,
        "end_at": one.end_at,
        "lane": one.lane,
        "volume_ml": one.volume_ml,
        "syringes": one.syringes,
    }


def units_text(units: Any) -> str:
    """Units by resource as canonical JSON."""
    return json.dumps(dict(units), sort_keys=True, separators=(",", ":"))


def course_text(course: PlannedCourse) -> str:
    """A course as JSON; `course_from` reads it back."""
    return json.dumps(
        {
            "patient": course.patient,
            "site": course.site,
            "plant": course.plant,
            "registered_on": course.registered_on.isoformat(),
            "weight_kg": course.weight_kg,
            "activities": [_activity_json(one) for one in course.activities],
            "restarted": sorted(course.restarted),
        },
        separators=(",", ":"),
    )


def course_from(text: str) -> PlannedCourse:
    """The course that `course_text` wrote."""
    found = json.loads(text)
    return PlannedCourse(
        found["patient"],
        found["site"],
        found["plant"],
        date.fromisoformat(found["registered_on"]),
        found["weight_kg"],
        tuple(_activity_from(one) for one in found["activities"]),
        frozenset(found.get("restarted", ())),
    )


def _activity_json(one: Activity) -> list[Any]:
    instants = [at.astimezone(UTC).isoformat() for at in (one.start_at, one.end_at)]
    return [one.id, one.kind, one.dose, one.place, dict(one.units), *instants, one.lane, one.volume_ml, one.syringes]


def _activity_from(found: list[Any]) -> Activity:
    name, kind, dose, place, units, start_at, end_at, lane, volume_ml, syringes = found
    return Activity(
        name,
        kind,
        dose,
        place,
        units,
        datetime.fromisoformat(start_at),
        datetime.fromisoformat(end_at),
        lane,
        volume_ml,
        syringes,
    )
