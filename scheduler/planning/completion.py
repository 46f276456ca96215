"""What a placement becomes besides its slots: holds that reach to the true minute, and follow-up visits that stay."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import date, timedelta

from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, activity_id, follow_up_id
from scheduler.domain.hindrances import hindered
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import FollowUp
from scheduler.planning.build import Shape
from solver.problem import Point, Template
from solver.segments import resolve_point


def edges_of(template: Template, task: int) -> set[int]:
    """The tasks between which a hold reaches."""
    return {resolve_point(template, Point(task, at_end)).task for at_end in (False, True)}


def stretched(
    template: Template, shape: Shape, patient: Patient, activities: tuple[Activity, ...], kept: Container[str]
) -> tuple[Activity, ...]:
    """The activities with every hold not kept reaching to the true minute of what it lies between."""
    there = {one.id: one for one in activities}
    names = [activity_id(patient.id, at.dose, at.step.kind) for at in shape.steps]
    for task, name in zip(template.tasks, names, strict=True):
        if task.hold is not None and name in there and name not in kept:
            begin, until = (resolve_point(template, edge) for edge in task.hold)
            edges = [there[names[one.task]].during for one in (begin, until)]
            instants = [
                during.end_at if one.at_end else during.start_at
                for during, one in zip(edges, (begin, until), strict=True)
            ]
            there[name] = replace(there[name], start_at=instants[0], end_at=instants[1])
    return tuple(there[one.id] for one in activities)


def visits_kept(
    facts: Facts,
    course: PlannedCourse,
    before: PlannedCourse,
    still: frozenset[str] = frozenset(),
) -> tuple[Activity, ...]:
    """The follow-up visits of the old course that are in `still`, and those that may stay.

    One may stay where its window still allows it, its clinic is open, its units are in service, and it meets no other
    visit and nothing that hinders its patient.
    """
    zone = facts.network.place(course.site).zone
    away = hindered(facts.hindrances_of(course.patient), FOLLOW_UP, None, attended=True)
    named = {follow_up_id(course.patient, one.name): one for one in facts.protocol.follow_ups}
    kept: list[Activity] = []
    for visit in before.activities:
        follow_up = named.get(visit.id)
        if visit.kind != FOLLOW_UP or follow_up is None:
            continue
        if visit.id in still:
            kept.append(visit)
            continue
        anchor_on: date | None = course.registered_on
        if follow_up.anchor is not None:
            given = course.find(facts.protocol.administration, follow_up.anchor)
            anchor_on = None if given is None else local_date(given.start_at, zone)
        busy = (*away, *(one.during for one in course.activities if one.place == course.site))
        clash = any(one.overlaps(visit.during) for one in busy)
        on = local_date(visit.start_at, zone)
        inside = anchor_on is not None and follow_up.window.allows(anchor_on, on)
        if inside and not clash and _is_open(facts, visit, follow_up, on):
            kept.append(visit)
    return tuple(kept)


def _is_open(facts: Facts, visit: Activity, follow_up: FollowUp, on: date) -> bool:
    return all(
        any(
            stretch.start_at <= visit.start_at and visit.end_at <= stretch.end_at
            for stretch in facts.network.calendar(visit.place, kind).open_on(on)
        )
        and not any(
            stretch.overlaps(visit.during)
            for stretch in facts.network.out_of_service.get((visit.place, kind, visit.units.get(kind, "")), [])
        )
        for kind in follow_up.uses
    )


def has_opening(facts: Facts, place: str, follow_up: FollowUp, on: date) -> bool:
    """Whether a follow-up visit could begin on a date at all; what others take is not looked at."""
    length = timedelta(minutes=follow_up.minutes)
    return all(
        any(stretch.end_at - stretch.start_at >= length for stretch in facts.network.calendar(place, kind).open_on(on))
        for kind in follow_up.uses
    )
