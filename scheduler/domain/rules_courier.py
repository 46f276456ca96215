"""Rules on couriers: departures, hand-over, places a departure has, and someone to open the door on arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from scheduler.domain.calendars import local_date
from scheduler.domain.intervals import Interval
from scheduler.domain.logistics import CourierLane, Departure
from scheduler.domain.rules_context import MINUTE, Judged, Occurrence, Violation, broken
from scheduler.domain.rules_time import predecessors


def departure(judged: Judged) -> Iterator[Violation]:
    """A transit leaves with a departure of its lane between its two places and arrives when that run is planned to.

    The planned transit is p99 x holiday factor of that day, rounded up to 15 min; a run that a closure of the lane
    overlaps does not leave. Source: docs/domain.md sections 2 and 3.
    """
    for one in judged.occurrences:
        if not one.step.is_transit:
            continue
        lane = judged.lanes.get(one.activity.lane or "")
        ends = (one.activity.place, one.place_of("end"))
        if lane is None or (lane.from_place, lane.to_place) != ends:
            yield broken("departure", f"{one.id}: {one.activity.lane} is no lane from {ends[0]} to {ends[1]}", one)
            continue
        runs = judged.departures(lane, local_date(one.start_at, judged.zone(lane.from_place)))
        if Departure(one.start_at, one.end_at) not in runs:
            yield broken("departure", _no_run(judged, one, lane, runs), one)


def _no_run(judged: Judged, one: Occurrence, lane: CourierLane, runs: list[Departure]) -> str:
    right = next((run for run in runs if run.departs_at == one.start_at), None)
    if right is None:
        return f"{one.id}: nothing leaves on lane {lane.code} on {judged.starts(one)}"
    planned = judged.when(right.arrives_at, lane.to_place)
    return f"{one.id}: the run of lane {lane.code} on {judged.starts(one)} arrives on {planned}, not {judged.ends(one)}"


def handover(judged: Judged) -> Iterator[Violation]:
    """What a transit carries is ready, and handed over, so many minutes before the departure.

    Source: docs/domain.md section 2 (handed over 15 min before).
    """
    for one, before in predecessors(judged):
        lane = judged.lanes.get(one.activity.lane or "")
        if not one.step.is_transit or lane is None:
            continue
        if before.end_at > one.start_at - lane.handover_minutes * MINUTE:
            message = (
                f"{one.id} leaves on {judged.starts(one)} but {before.id} ends on {judged.ends(before)}: "
                f"less than {lane.handover_minutes} min for the hand-over"
            )
            yield broken("handover", message, one, before)


def departure_places(judged: Judged) -> Iterator[Violation]:
    """No departure carries more shipments than it has places.

    Source: docs/domain.md section 2 (6 shipments a departure).
    """
    loads: dict[tuple[str, datetime], list[Occurrence]] = defaultdict(list)
    for one in judged.occurrences:
        if one.step.is_transit and one.activity.lane in judged.lanes:
            loads[one.activity.lane, one.start_at].append(one)
    for (code, _), load in loads.items():
        places = judged.lanes[code].places
        if len(load) > places:
            message = f"{len(load)} shipments leave on lane {code} on {judged.starts(load[0])}; places: {places}"
            yield broken("departure_places", message, *load)


def arrival_open(judged: Judged) -> Iterator[Violation]:
    """Somebody is there at the planned arrival: the receiving resource is open (half-open hours, closures included).

    Source: docs/domain.md section 2 (the pharmacy, or the plant dock, must be open at planned arrival).
    """
    for one in judged.occurrences:
        place, door = one.place_of("end"), one.step.arrives_in
        if door is None or judged.calendar(place, door) is None:
            continue
        if not _opens_to(judged, place, door, one.end_at):
            message = f"{one.id} arrives on {judged.ends(one)}, when {door} is shut"
            yield broken("arrival_open", message, one)


def _opens_to(judged: Judged, place: str, door: str, at: datetime) -> bool:
    instant = Interval(at, at + timedelta(microseconds=1))
    calendar = judged.calendar(place, door)
    return judged.in_hours(place, door, instant) and (calendar is None or not calendar.closures_hit(instant))
