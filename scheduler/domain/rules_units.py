"""Rules on units of a resource: one thing at a time, clearance, turnaround, qualified hours, the cold chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

from scheduler.domain.intervals import Interval, merge, subtract
from scheduler.domain.plant import Resource
from scheduler.domain.rules_context import MINUTE, Holding, Judged, JudgedCourse, Violation, broken, edges_of, minutes


def unit_capacity(judged: Judged) -> Iterator[Violation]:
    """No unit holds two things at once, and none is given back before it is taken.

    A unit is held while its step lasts, or from one edge of the course to another (docs/domain.md section 3).
    """
    for held in judged.by_unit.values():
        latest = held[0]
        for one in held[1:]:
            if one.during.overlaps(latest.during):
                since, until = _meeting(judged, latest, one)
                taken, held_by = one.occurrence.id, latest.occurrence.id
                message = f"{one.name} is taken by {taken} on {since} but holds {held_by} until {until}"
                yield broken("unit_capacity", message, one.occurrence, latest.occurrence)
            latest = max(latest, one, key=lambda each: each.during.end_at)
    for course in judged.courses:
        yield from _given_back_too_soon(judged, course)


def _meeting(judged: Judged, before: Holding, after: Holding) -> tuple[str, str]:
    return judged.when(after.during.start_at, after.place), judged.when(before.during.end_at, before.place)


def _given_back_too_soon(judged: Judged, course: JudgedCourse) -> Iterator[Violation]:
    for one in course.occurrences:
        for use in one.step.uses:
            start_at, end_at = edges_of(course, one, use)
            if start_at is not None and end_at is not None and end_at < start_at:
                taken, back = (judged.when(at, one.activity.place) for at in (start_at, end_at))
                message = f"{one.id} gives its {use.resource} back on {back} but takes it on {taken}"
                yield broken("unit_capacity", message, one)


def line_clearance(judged: Judged) -> Iterator[Violation]:
    """Between two patients a unit is cleared: the next patient's work waits the resource's line clearance.

    Source: docs/domain.md section 3 (60 min between patients).
    """
    return _apart(judged, "line_clearance", lambda one: one.line_clearance_minutes, between_patients=True)


def turnaround(judged: Judged) -> Iterator[Violation]:
    """A unit is away for the resource's turnaround after each use, whoever comes next.

    Source: docs/domain.md section 2 (a shipper is back in use 24 h after receipt).
    """
    return _apart(judged, "turnaround", lambda one: one.turnaround_minutes, between_patients=False)


def _apart(
    judged: Judged, rule: str, waits: Callable[[Resource], int], *, between_patients: bool
) -> Iterator[Violation]:
    for (place, kind, _), held in judged.by_unit.items():
        resource = judged.resource(place, kind)
        wait = MINUTE * (0 if resource is None else waits(resource))
        for before, after in pairwise(held if wait else []):
            same = before.occurrence.patient.id == after.occurrence.patient.id
            pause = after.during.start_at - before.during.end_at
            if timedelta(0) <= pause < wait and not (same and between_patients):
                since, until = _meeting(judged, before, after)
                message = (
                    f"{after.name} is taken by {after.occurrence.id} on {since}, {minutes(pause)} after "
                    f"{before.occurrence.id} (until {until}); {minutes(wait)} are due"
                )
                yield broken(rule, message, after.occurrence, before.occurrence)


def qualified_hours(judged: Judged) -> Iterator[Violation]:
    """No unit holds one patient's material longer than it is qualified for.

    Source: docs/domain.md section 2 (shippers qualified 72 h at 2-8 degrees C).
    """
    for one in judged.holdings:
        resource = judged.resource(one.place, one.resource)
        longest = None if resource is None else resource.max_hold_minutes
        if longest is not None and one.during.length > longest * MINUTE:
            until = judged.when(one.during.end_at, one.place)
            message = (
                f"{one.name} holds {one.occurrence.id} for {minutes(one.during.length)}, until {until}; "
                f"it is qualified for {minutes(longest * MINUTE)}"
            )
            yield broken("qualified_hours", message, one.occurrence)


def cold_custody(judged: Judged) -> Iterator[Violation]:
    """From the start of the cold chain to its end, but for the last minutes allowed, a dose is always in the cold.

    In the cold means in a unit of a cold resource (store, shipper, refrigerator) held for this dose; stretches must
    meet without a gap. Source: docs/domain.md section 2 (cold chain).
    """
    chain = judged.facts.protocol.cold_chain
    if chain is None:
        return
    cold = _cold_stretches(judged)
    for course in judged.courses:
        for dose in course.doses:
            first, last = (course.resolve(ref, dose) for ref in (chain.from_ref, chain.until_ref))
            if first is None or last is None or dose not in course.doses_planned:
                continue
            since, until = first.at(chain.from_ref.edge), last.at(chain.until_ref.edge) - chain.out_minutes * MINUTE
            gaps = subtract([Interval(since, until)], cold[course.patient.id, dose]) if since < until else []
            for gap in gaps:
                away, back = (judged.when(at, first.activity.place) for at in (gap.start_at, gap.end_at))
                message = f"dose {dose} of {course.patient.id} is nowhere cold from {away} to {back}"
                yield broken("cold_custody", message, first, last)


def _cold_stretches(judged: Judged) -> dict[tuple[str, int], list[Interval]]:
    cold: dict[tuple[str, int], list[Interval]] = defaultdict(list)
    for one in judged.holdings:
        resource, dose = judged.resource(one.place, one.resource), one.occurrence.activity.dose
        if resource is not None and resource.cold and dose is not None:
            cold[one.occurrence.patient.id, dose].append(one.during)
    return defaultdict(list, {key: merge(stretches) for key, stretches in cold.items()})
