"""Closures that belong together: a temporary public holiday, a site at half capacity. What they are, not whether."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from scheduler.domain.calendars import MINUTES_PER_DAY, Closure, local_date, local_instant
from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval, common
from scheduler.domain.logistics import CourierLane
from scheduler.domain.plant import Resource

NOON = 12 * 60
RUN = timedelta(minutes=1)  # a closure that ends so long after a departure takes that run with it


def holiday(
    facts: Facts, on: date, places: Collection[str] | None = None, reason: str = "public holiday"
) -> list[Closure]:
    """What a temporary public holiday on a local day closes: all that the holidays of the network close.

    That is every resource, for the local day of its place, and every courier run that leaves on the local day of its
    origin; runs of the day before arrive. Source: docs/domain.md section 2.

    Parameters
    ----------
    places
        Codes of the places where it is a holiday; None for all.
    """
    network = facts.network
    homes = [one for one in network.places if places is None or one.code in places]
    shut = [
        Closure(home.code, _day(on, home.zone), reason, one.kind)
        for home in homes
        for one in home.resources
        if one.closes_on_holidays
    ]
    codes = {home.code for home in homes}
    lanes = (lane for lane in network.lanes if lane.closes_on_holidays and lane.from_place in codes)
    return shut + [Closure(lane.code, runs, reason) for lane in lanes for runs in _runs(facts, lane, on)]


def half_capacity(facts: Facts, site: str, during: Interval, reason: str = "half capacity") -> list[Closure]:
    """What does not work at a site that has half of its rooms for a stretch.

    Of every kind of room with n >= 2 units the last n // 2 are out of service; a kind with one unit is closed from
    12:00 to 24:00 local time of every day. Rooms are what visits use. KeyError when there is no such site. Source:
    docs/domain.md section 7.
    """
    home, rooms = facts.network.place(site), _rooms(facts)
    return [part for one in home.resources if one.kind in rooms for part in _half(site, one, during, home.zone, reason)]


def _half(site: str, room: Resource, during: Interval, zone: str, reason: str) -> list[Closure]:
    count = len(room.units) // 2
    if count:
        return [Closure(site, during, reason, room.kind, unit) for unit in room.units[-count:]]
    return [Closure(site, part, reason, room.kind) for part in common(_afternoons(during, zone), [during])]


def _afternoons(during: Interval, zone: str) -> Iterator[Interval]:
    day, last = local_date(during.start_at, zone), local_date(during.end_at, zone)
    while day <= last:
        yield Interval(local_instant(day, NOON, zone), local_instant(day, MINUTES_PER_DAY, zone))
        day += timedelta(days=1)


def _rooms(facts: Facts) -> frozenset[str]:
    """The kinds of resource that attended steps and follow-up visits use."""
    attended = {use.resource for step in facts.protocol.steps if step.attended for use in step.uses}
    return frozenset(attended | {kind for visit in facts.protocol.follow_ups for kind in visit.uses})


def _day(on: date, zone: str) -> Interval:
    return Interval(local_instant(on, 0, zone), local_instant(on, MINUTES_PER_DAY, zone))


def _runs(facts: Facts, lane: CourierLane, on: date) -> list[Interval]:
    """From the first departure of a day until just after its last one; nothing where none leaves."""
    leaving = [one.departs_at for one in facts.network.departures_on(lane, on, ignore_closures=True)]
    return [Interval(leaving[0], leaving[-1] + RUN)] if leaving else []
