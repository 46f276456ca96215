"""Courier lanes and the network of places they join."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from scheduler.domain.calendars import Closure, Holiday, WorkingCalendar, local_instant
from scheduler.domain.intervals import Interval, common, merge
from scheduler.domain.plant import Place, Resource

TRANSIT_ROUNDING_MINUTES = 15


class Departure(NamedTuple):
    """One courier run: leaves and is planned to arrive (aware, UTC)."""

    departs_at: datetime
    arrives_at: datetime


@dataclass(frozen=True)
class HolidayFactor:
    """How much longer a lane takes within some days before and after a named run of holidays."""

    run: str
    factor: float
    days_before: int
    days_after: int


@dataclass(frozen=True)
class CourierLane:
    """Scheduled courier runs from one place to another.

    `departures` are local wall-clock minutes at the origin on `weekdays` (0 = Monday). A shipment is handed over
    `handover_minutes` before departure; each departure has `places` shipments. Planned transit is the 99th percentile.
    """

    code: str
    from_place: str
    to_place: str
    p50_minutes: int
    p99_minutes: int
    weekdays: tuple[int, ...]
    departures: tuple[int, ...]
    places: int
    handover_minutes: int
    closes_on_holidays: bool
    factors: tuple[HolidayFactor, ...] = ()


@dataclass(frozen=True)
class Network:
    """Sites, plants, courier lanes, holiday lists by name, and closures."""

    name: str
    places: tuple[Place, ...]
    lanes: tuple[CourierLane, ...]
    holidays: Mapping[str, Mapping[date, Holiday]]
    closures: tuple[Closure, ...] = ()

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {place.code: place for place in self.places}

    @cached_property
    def _runs(self) -> dict[tuple[str, str], list[date]]:
        runs: dict[tuple[str, str], list[date]] = {}
        for name, days in self.holidays.items():
            for holiday in days.values():
                runs.setdefault((name, holiday.run), []).append(holiday.on)
        return runs

    def place(self, code: str) -> Place:
        """The site or plant with a code; KeyError when there is none."""
        return self._places[code]

    @property
    def sites(self) -> tuple[Place, ...]:
        """Places where patients are treated."""
        return tuple(place for place in self.places if place.side == "site")

    @property
    def plants(self) -> tuple[Place, ...]:
        """Places where cells are made."""
        return tuple(place for place in self.places if place.side == "plant")

    @cached_property
    def _stretched(self) -> dict[tuple[str, HolidayFactor], frozenset[date]]:
        """The local days on which a factor of a lane holds."""
        return {
            (lane.code, factor): frozenset(
                holiday + timedelta(days=offset)
                for holiday in self._runs.get((self.place(lane.from_place).holidays, factor.run), [])
                for offset in range(-factor.days_before, factor.days_after + 1)
            )
            for lane in self.lanes
            for factor in lane.factors
        }

    def lane(self, code: str) -> CourierLane:
        """The lane with a code; KeyError when there is none."""
        for lane in self.lanes:
            if lane.code == code:
                return lane
        raise KeyError(code)

    def lanes_between(self, from_place: str, to_place: str) -> tuple[CourierLane, ...]:
        """The lanes that run from one place to another, in file order."""
        return tuple(one for one in self.lanes if (one.from_place, one.to_place) == (from_place, to_place))

    def calendar(self, place: str, resource: str) -> WorkingCalendar:
        """When the units of a resource at a place can work: it is shut while every one of them is out of service."""
        home = self.place(place)
        kind = home.resource(resource)
        return WorkingCalendar(
            zone=home.zone,
            hours=kind.hours,
            holidays=self.holidays[home.holidays] if kind.closes_on_holidays else {},
            closures=(*self._closures_of(place, resource), *self._all_out(place, kind)),
        )

    def _closures_of(self, place: str, resource: str) -> Iterator[Closure]:
        return (
            one for one in self.closures if one.where == place and one.unit is None and one.resource in (None, resource)
        )

    @cached_property
    def out_of_service(self) -> dict[tuple[str, str, str], list[Interval]]:
        """By place, kind and unit, when a unit does not work although its resource does: disjoint and ascending."""
        found: dict[tuple[str, str, str], list[Interval]] = {}
        for one in self.closures:
            if one.resource is not None and one.unit is not None and one.during.length:
                found.setdefault((one.where, one.resource, one.unit), []).append(one.during)
        return {unit: merge(stretches) for unit, stretches in found.items()}

    def _all_out(self, place: str, kind: Resource) -> Iterator[Closure]:
        """Closures for when no unit of a resource works, each with the reason of the first unit that does not."""
        first, *others = ((place, kind.kind, unit) for unit in kind.units)
        left = self.out_of_service.get(first, [])
        for unit in others:
            left = common(left, self.out_of_service.get(unit, []))
        for stretch in left:
            named = (one for one in self.closures if (one.where, one.resource, one.unit) == first)
            yield replace(next(one for one in named if one.during.overlaps(stretch)), during=stretch)

    def transit_minutes(self, lane: CourierLane, on: date) -> int:
        """Planned minutes of a run that departs on a local day: p99 x holiday factor, rounded up to a quarter hour."""
        factor = max([1.0, *(one.factor for one in lane.factors if on in self._stretched[lane.code, one])])
        return math.ceil(round(lane.p99_minutes * factor / TRANSIT_ROUNDING_MINUTES, 6)) * TRANSIT_ROUNDING_MINUTES

    def departures_on(self, lane: CourierLane, on: date, *, ignore_closures: bool = False) -> list[Departure]:
        """The runs of a lane that leave on a local day of its origin, ascending."""
        origin = self.place(lane.from_place)
        shut = lane.closes_on_holidays and on in self.holidays[origin.holidays]
        if shut or on.weekday() not in lane.weekdays:
            return []
        minutes = timedelta(minutes=self.transit_minutes(lane, on))
        runs = [local_instant(on, minute, origin.zone) for minute in lane.departures]
        closed = [] if ignore_closures else [one.during for one in self.closures if one.where == lane.code]
        return [
            Departure(departs_at, departs_at + minutes)
            for departs_at in sorted(runs)
            if not any(gap.start_at < departs_at + minutes and departs_at < gap.end_at for gap in closed)
        ]

    def with_closures(self, *closures: Closure) -> Network:
        """The same network with more closures."""
        return replace(self, closures=self.closures + closures)
