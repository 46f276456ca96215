"""The same figures and courses in words, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from scheduler.documents.places import end_place, local_end, local_start
from scheduler.documents.summary import Summary, shelf_lives
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.rules_context import Judged, minutes


class CourseRow(NamedTuple):
    """One activity in words: local weekday and date, local times, zone, place, step, dose, units and a remark."""

    day: str
    start: str
    end: str
    zone: str
    place: str
    step: str
    dose: str
    units: str
    remark: str


def course_rows(course: PlannedCourse, facts: Facts) -> list[CourseRow]:
    """Every activity of a course in order of time."""
    activities = sorted(course.activities, key=lambda one: (one.start_at, one.end_at, one.id))
    return [_row(one, facts) for one in activities]


def _row(one: Activity, facts: Facts) -> CourseRow:
    start, end = local_start(one, facts.network), local_end(one, facts.network)
    later = (end.date() - start.date()).days
    return CourseRow(
        day=f"{start:%a %Y-%m-%d}",
        start=f"{start:%H:%M}",
        end=f"{end:%H:%M}" + (f" +{later} d" if later else ""),
        zone=facts.network.place(one.place).zone,
        place=one.place,
        step=one.kind,
        dose="" if one.dose is None else str(one.dose),
        units=", ".join(unit for _, unit in sorted(one.units.items())),
        remark=_remark(one, facts),
    )


def _remark(one: Activity, facts: Facts) -> str:
    if one.lane is not None:
        return f"to {end_place(one, facts.network)} by {one.lane}"
    if one.kind == FOLLOW_UP:
        return one.id.split("/")[-2] if one.id.count("/") == 2 else ""
    if one.volume_ml is not None:
        return f"{one.volume_ml:g} mL in {one.syringes} syringe{'' if one.syringes == 1 else 's'}"
    return ""


def shelf_life_lines(plan: Plan, patient: str, facts: Facts) -> Iterator[str]:
    """For each planned dose of a patient, how much of its shelf life is left when it has been given."""
    limit = facts.protocol.shelf_life
    judged = Judged.of(plan, facts)
    for course in judged.courses:
        if course.patient.id != patient or limit is None or limit.at_most_minutes is None:
            continue
        allowed = timedelta(minutes=limit.at_most_minutes)
        for dose, start_at, end_at in shelf_lives(judged, course):
            used = end_at - start_at
            yield f"Dose {dose}: {minutes(used)} of the {minutes(allowed)} shelf life used, {_left(allowed - used)}"


def _left(slack: timedelta) -> str:
    return f"{minutes(slack)} left" if slack >= timedelta() else f"{minutes(-slack)} too long"


def summary_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """The figures of a plan as label and words."""
    yield "Program", f"{summary.program}: {summary.title}"
    yield "Status", f"{summary.status}, seed {summary.seed}, {summary.wall_seconds:.1f} s"
    yield (
        "Doses",
        f"{summary.doses_planned} planned for {summary.patients} patients, {summary.doses_unplanned} unplanned",
    )
    for name, levels in (("Cost", summary.cost), ("Lower bound", summary.bound)):
        yield name, " / ".join(f"{level:,}" for level in levels)
    yield "Gap", " / ".join(f"{percent:.3f} %" for percent in summary.gap.percent) + _patient_days(summary)
    if summary.waiting:
        yield (
            "Registration to dose 1",
            f"median {summary.waiting.median:g} days, 95 % within {summary.waiting.p95} days",
        )
    if summary.shelf_life_slack:
        slack = summary.shelf_life_slack
        yield "Shelf life, least left", f"{_left(timedelta(minutes=slack.minutes))} ({slack.dose})"
    for name, figure in (("Pairs on target day", summary.pairs), ("Boosters on target day", summary.boosters)):
        if figure.of:
            yield name, f"{figure.on_target} of {figure.of}"
    yield "Begun after target", f"{len(summary.late_registrations)} courses"
    if summary.busiest_day:
        busiest = summary.busiest_day
        yield "Busiest plant day", f"{busiest.fills} fills on {busiest.on:%a %Y-%m-%d} at {busiest.place}"
    yield "Busiest resources", ", ".join(_busiest(summary))


def _patient_days(summary: Summary) -> str:
    days = summary.gap.patient_days
    return "" if days is None else f" (at most {days:g} patient-days of waiting)"


def _busiest(summary: Summary, most: int = 4) -> list[str]:
    ordered = sorted(summary.utilisation, key=lambda one: (-one.percent, one.place, one.resource))
    return [f"{one.resource} {one.place} {one.percent:g} %" for one in ordered[:most]]
