"""When each step may start: working calendars, start hours and departures as slots on the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.calendars import WorkingCalendar
from scheduler.domain.course import Facts, StepAt
from scheduler.domain.logistics import CourierLane
from scheduler.planning.timegrid import TICK_MINUTES, TimeGrid, starts_inside, ticks_of
from solver.problem import IntArray, Slots

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Route:
    """The places and lanes one template uses: a site, a plant, and a lane each way."""

    site: str
    plant: str
    inbound: CourierLane
    outbound: CourierLane

    def place(self, side: str) -> str:
        """The code of the site or of the plant."""
        return self.site if side == "site" else self.plant


class StartTimes:
    """The allowed starts of every step, shared by all patients who go the same way; leaves out the rules named."""

    def __init__(self, facts: Facts, grid: TimeGrid, without: frozenset[str]) -> None:
        self.facts, self.grid, self.without = facts, grid, without
        self._masks: dict[tuple[str, str], BoolArray] = {}
        self._patterns: dict[object, BoolArray] = {}
        self._slots: dict[tuple[str, str, str, str], Slots] = {}

    def _open(self, place: str, resource: str) -> BoolArray:
        """For every tick, whether a resource works; without the rules that are left out."""
        if (place, resource) not in self._masks:
            calendar = self.facts.network.calendar(place, resource)
            inside = np.ones(self.grid.horizon, dtype=bool)
            if "opening_hours" not in self.without:
                inside = self._pattern(calendar).copy()
            if "closure" not in self.without:
                for closure in calendar.closures:
                    first = max(self.grid.tick(closure.during.start_at), 0)
                    inside[first : max(self.grid.tick_up(closure.during.end_at), 0)] = False
            self._masks[place, resource] = inside
        return self._masks[place, resource]

    def _pattern(self, calendar: WorkingCalendar) -> BoolArray:
        key = (calendar.zone, calendar.hours, id(calendar.holidays) if calendar.holidays else None)
        if key not in self._patterns:
            self._patterns[key] = self.grid.mask(
                stretch for day in range(self.grid.days) for stretch in calendar.pattern_on(self.grid.on(day))
            )
        return self._patterns[key]

    def of(self, at: StepAt, route: Route) -> Slots:
        """Allowed starts of a step at its place, shared by all patients who go the same way."""
        step = at.step
        lane = route.inbound if step.to_side == "plant" else route.outbound
        key = (step.kind, route.place(step.side), route.place(step.to_side), lane.code if step.is_transit else "")
        if key not in self._slots:
            self._slots[key] = self._transit_slots(at, route, lane) if step.is_transit else self._work_slots(at, route)
        return self._slots[key]

    def _work_slots(self, at: StepAt, route: Route) -> Slots:
        step, place = at.step, route.place(at.step.side)
        zone = self.facts.network.place(place).zone
        length = ticks_of(step.minutes or 0)
        allowed = np.ones(self.grid.horizon, dtype=bool)
        for use in step.uses:
            if use.from_ref is None:
                allowed &= starts_inside(self._open(place, use.resource), length)
        if "closure" not in self.without and all(use.from_ref is not None for use in step.uses):
            for closure in self.facts.network.closures:
                if closure.where == place and closure.resource is None:
                    last = max(self.grid.tick_up(closure.during.end_at), 0)
                    allowed[max(self.grid.tick(closure.during.start_at) - length + 1, 0) : last] = False
        if step.starts and "opening_hours" not in self.without:
            allowed &= self._start_hours(at, zone)
        allowed[-length - 1 :] = False
        start = np.flatnonzero(allowed).astype(np.int64)
        return self._trim(start, start + length, zone, zone)

    def _start_hours(self, at: StepAt, zone: str) -> BoolArray:
        ticks = np.arange(self.grid.horizon, dtype=np.int64)
        days = self.grid.days_of(ticks, zone)
        minutes = (ticks - self.grid.day_starts(zone)[np.clip(days, 0, None)]) * TICK_MINUTES
        weekdays = (days + self.facts.starts_on.weekday()) % 7
        allowed = np.zeros(self.grid.horizon, dtype=bool)
        for window in at.step.starts:
            on_time = (minutes >= window.from_minute) & (minutes <= window.to_minute)
            allowed |= on_time & np.isin(weekdays, window.weekdays)
        return allowed

    def _transit_slots(self, at: StepAt, route: Route, lane: CourierLane) -> Slots:
        origin = self.facts.network.place(lane.from_place).zone
        goal = self.facts.network.place(lane.to_place).zone
        closures_off = "closure" in self.without
        starts: list[int] = []
        ends: list[int] = []
        for day in range(self.grid.days):
            for run in self.facts.network.departures_on(lane, self.grid.on(day), ignore_closures=closures_off):
                starts.append(self.grid.tick(run.departs_at))
                ends.append(self.grid.tick_up(run.arrives_at))
        start, end = np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
        if at.step.arrives_in is not None and "arrival_open" not in self.without and len(start):
            inside = end < self.grid.horizon
            start, end = start[inside], end[inside]
            kept = self._open(lane.to_place, at.step.arrives_in)[end]
            start, end = start[kept], end[kept]
        return self._trim(start, end, origin, goal)

    def _trim(self, start: IntArray, end: IntArray, start_zone: str, end_zone: str) -> Slots:
        start_day, end_day = self.grid.days_of(start, start_zone), self.grid.days_of(end, end_zone)
        kept = (start_day >= 0) & (end_day < self.grid.days)
        return Slots(start[kept], end[kept], start_day[kept], end_day[kept])
