"""The expiry clock: until when a filled dose can leave and be given, by shelf life and calendars alone.

Whether a room or a place with the courier is free is not asked here: the offers and repairs of a plan do that.
Elapsed time counts on the UTC axis; a step begins when all it uses at its place are open for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from scheduler.domain.calendars import MINUTES_PER_DAY, local_date, local_instant
from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval, common, merge
from scheduler.domain.logistics import CourierLane, Departure
from scheduler.domain.protocol import Protocol, Step
from scheduler.domain.remake import comes_after

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Way:
    """How a dose gets to its patient, and until when.

    `lanes` are those it may go by. `on_day` says whether the dose may be given on a local date of the site.
    """

    facts: Facts
    site: str
    lanes: tuple[CourierLane, ...]
    expires_at: datetime
    on_day: Callable[[date], bool]

    @property
    def protocol(self) -> Protocol:
        return self.facts.protocol


@dataclass(frozen=True)
class LastTimes:
    """The last moments that still meet the shelf life; None where there is none any more."""

    hand_over_at: datetime | None
    departure_at: datetime | None
    injection_at: datetime | None


def transit_of(protocol: Protocol) -> Step | None:
    """The step that brings a dose to its site; None in a protocol without one."""
    return next((one for one in protocol.steps if one.per == "dose" and one.is_transit and one.to_side == "site"), None)


def last_times(way: Way, now: datetime) -> LastTimes:
    """Until when a dose can be handed over, leave and be given."""
    runs = list(_useful_runs(way, now))
    last = max(runs, key=lambda run: run[1].departs_at, default=None)
    return LastTimes(
        hand_over_at=None if last is None else _hand_over_at(*last),
        departure_at=None if last is None else last[1].departs_at,
        injection_at=latest_injection(way, now),
    )


def next_departure(way: Way, now: datetime) -> Departure | None:
    """The next run for which a dose can still be handed over, and after which it can still be given in time."""
    runs = (run for lane, run in _useful_runs(way, now) if now <= _hand_over_at(lane, run))
    return min(runs, key=lambda run: run.departs_at, default=None)


def earliest_injection(way: Way, arrives_at: datetime) -> datetime | None:
    """When a dose that arrives at an instant can be given at the earliest, if that is in time."""
    transit = transit_of(way.protocol)
    later = comes_after(way.protocol, transit.kind) if transit is not None else {way.protocol.administration}
    at = arrives_at
    for step in way.protocol.steps:
        if step.kind not in later or step.minutes is None or step.side != "site" or step.is_transit:
            continue
        found = _first_start(way, step, at)
        if found is None:
            return None
        if step.kind == way.protocol.administration:
            return found if found <= last_start(way.protocol, way.expires_at) else None
        at = found + timedelta(minutes=step.minutes)
    return None


def last_start(protocol: Protocol, expires_at: datetime) -> datetime:
    """The last start of the injection that the shelf life allows: where it is to end in time, its length before."""
    shelf_life, step = protocol.shelf_life, protocol.step(protocol.administration)
    ends = shelf_life is not None and shelf_life.to_ref.kind == step.kind and shelf_life.to_ref.edge == "end"
    return expires_at - timedelta(minutes=(step.minutes or 0) if ends else 0)


def latest_injection(way: Way, now: datetime) -> datetime | None:
    """When a dose can be given at the latest."""
    step = way.protocol.step(way.protocol.administration)
    last = last_start(way.protocol, way.expires_at)
    day = local_date(last, way.facts.network.place(way.site).zone)
    while local_instant(day + DAY, 0, way.facts.network.place(way.site).zone) > now:
        starts = [min(until, last) for since, until in _starts_on(way, step, day) if since <= last]
        if starts and max(starts) >= now and way.on_day(day):
            return max(starts)
        day -= DAY
    return None


def _hand_over_at(lane: CourierLane, run: Departure) -> datetime:
    return run.departs_at - timedelta(minutes=lane.handover_minutes)


def _useful_runs(way: Way, now: datetime) -> Iterator[tuple[CourierLane, Departure]]:
    """The runs from now on by which a dose comes in time."""
    transit = transit_of(way.protocol)
    for lane in way.lanes if transit is not None else ():
        zone = way.facts.network.place(lane.from_place).zone
        day, last = local_date(now, zone), local_date(way.expires_at, zone)
        while day <= last:
            for run in way.facts.network.departures_on(lane, day):
                arrives = _is_open_at(way, transit.arrives_in if transit else None, run.arrives_at)
                if run.departs_at >= now and arrives and earliest_injection(way, run.arrives_at) is not None:
                    yield lane, run
            day += DAY


def _is_open_at(way: Way, resource: str | None, at: datetime) -> bool:
    if resource is None:
        return True
    return way.facts.network.calendar(way.site, resource).is_open(Interval(at, at + timedelta(microseconds=1)))


# --- when a step may begin --------------------------------------------------------------------------------------------


def _first_start(way: Way, step: Step, after: datetime) -> datetime | None:
    """The first instant from `after` on at which a step may begin before the dose expires."""
    zone = way.facts.network.place(way.site).zone
    day = local_date(after, zone)
    while day <= local_date(way.expires_at, zone):
        allowed = step.kind != way.protocol.administration or way.on_day(day)
        for since, until in _starts_on(way, step, day) if allowed else ():
            if max(since, after) <= until:
                return max(since, after)
        day += DAY
    return None


def _starts_on(way: Way, step: Step, day: date) -> list[tuple[datetime, datetime]]:
    """First and last start, both inclusive, of each stretch of a local day in which a step at the site may begin."""
    zone = way.facts.network.place(way.site).zone
    lasts = timedelta(minutes=step.minutes or 0)
    found = [
        (since, until)
        for one in _open_around(way, step, day)
        for opens, shuts in _start_hours(step, day, zone)
        if (since := max(one.start_at, opens)) <= (until := min(one.end_at - lasts, shuts))
    ]
    return sorted(found)


def _open_around(way: Way, step: Step, day: date) -> list[Interval]:
    """When everything a step uses is open, on a day and the days beside it."""
    zone = way.facts.network.place(way.site).zone
    days = (day - DAY, day, day + DAY)
    open_at = [Interval(local_instant(day, 0, zone) - DAY, local_instant(day, 0, zone) + 2 * DAY)]
    for use in step.uses:
        if use.from_ref is None:
            calendar = way.facts.network.calendar(way.site, use.resource)
            open_at = common(open_at, merge(stretch for one in days for stretch in calendar.open_on(one)))
    return open_at


def _start_hours(step: Step, day: date, zone: str) -> list[tuple[datetime, datetime]]:
    if not step.starts:
        last = local_instant(day, MINUTES_PER_DAY, zone) - timedelta(microseconds=1)
        return [(local_instant(day, 0, zone), last)]
    return [
        (local_instant(day, one.from_minute, zone), local_instant(day, one.to_minute, zone))
        for one in step.starts
        if day.weekday() in one.weekdays
    ]
