"""The hours of doses: every way to time the segment of a dose, and the cheapest under prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.layout import Layout
from solver.problem import FloatArray, IntArray, Problem, Slots, Template
from solver.segments import Segment, cold_of, slots_of

NEVER = 2.0**40

PoolPrices = Mapping[int, FloatArray]
Usage = list[tuple[int, int, int]]


def own_stays(layout: Layout, task: int) -> list[tuple[int, bool, bool, int]]:
    """(pool, begin at end, until at end, tail) of the stays that lie within one task."""
    found: list[tuple[int, bool, bool, int]] = []
    for stay in layout.checks[task].stays:
        begin, until = layout.resolve(stay.begin), layout.resolve(stay.until)
        if begin.task == until.task == task:
            found.append((stay.pool, begin.at_end, until.at_end, stay.tail))
    return found


def slot_prices(slots: Slots, stays: list[tuple[int, bool, bool, int]], sums: PoolPrices) -> FloatArray:
    """What each slot of a task pays, from the running sums of the pool prices."""
    total = np.zeros(len(slots))
    for pool, begin_at_end, until_at_end, tail in stays:
        if pool in sums:
            last = len(sums[pool]) - 1
            first, until = slots.edge(begin_at_end), np.minimum(slots.edge(until_at_end) + tail, last)
            total += sums[pool][until] - sums[pool][np.minimum(first, last)]
    return total


def range_min(values: FloatArray, low: IntArray, high: IntArray) -> tuple[FloatArray, IntArray]:
    """Minimum of ``values[low:high]`` for each pair of bounds, and where it is; NEVER where the range is empty."""
    best = np.full(len(low), NEVER)
    where = low.copy()
    width = int((high - low).max()) if len(low) else 0
    for step in range(width):
        at = low + step
        inside = at < high
        value = np.where(inside, values[np.minimum(at, len(values) - 1)], NEVER)
        better = value < best
        best = np.where(better, value, best)
        where = np.where(better, at, where)
    return best, where


@dataclass(frozen=True, eq=False)
class Pattern:
    """The hours of one dose: slot of the pivot, of the visit and of the other attended tasks."""

    pivot: int
    visit: int
    extras: tuple[int, ...]


class DoseKind:
    """All ways to time the segment of a dose, grouped into options (visit day, pivot day)."""

    def __init__(self, problem: Problem, layout: Layout, segment: Segment) -> None:
        self.layout, self.segment = layout, segment
        template = layout.template
        self.weights = problem.weights
        self.pivot, self.visit = slots_of(template, segment.pivot), slots_of(template, segment.visit)
        self.extras = tuple(
            task
            for task in segment.order
            if task not in (segment.pivot, segment.visit) and template.tasks[task].attended
        )
        self.stays = {task: own_stays(layout, task) for task in (segment.pivot, segment.visit, *self.extras)}
        self.cold = cold_of(template, segment)
        self._entries(template)

    def _entries(self, template: Template) -> None:
        reach = self.layout.reaches[self.segment.pivot]
        pairs = [(day, pivot) for day, pivots in sorted(reach.pivots_by_day.items()) for pivot in pivots]
        day = np.array([one[0] for one in pairs], dtype=np.int64)
        pivot = np.array([one[1] for one in pairs], dtype=np.int64)
        day_low, day_high = reach.day_range
        low, high = np.maximum(reach.low[pivot], day_low[day]), np.minimum(reach.high[pivot], day_high[day])
        kept = low < high
        extras: list[tuple[IntArray, IntArray]] = []
        for task in self.extras:
            slots = slots_of(template, task)
            low_tick, high_tick = reach.bounds(task)
            first_day, last_day = self._extra_days(template, task, day)
            x_low = np.searchsorted(slots.start, low_tick[pivot], "left")
            x_high = np.searchsorted(slots.start, high_tick[pivot], "right")
            x_low = np.maximum(x_low, np.searchsorted(slots.start_day, first_day, "left"))
            x_high = np.minimum(x_high, np.searchsorted(slots.start_day, last_day, "right"))
            kept &= x_low < x_high
            extras.append((x_low, x_high))
        pivot_day = self.pivot.start_day[pivot] if len(pivot) else pivot
        order = np.lexsort((pivot, pivot_day, day))
        order = order[kept[order]]
        self.e_pivot, self.e_low, self.e_high = pivot[order], low[order], high[order]
        self.e_extras = [(x_low[order], x_high[order]) for x_low, x_high in extras]
        days = np.stack([day[order], pivot_day[order]], axis=1) if len(order) else np.zeros((0, 2), dtype=np.int64)
        changes = np.flatnonzero(np.any(np.diff(days, axis=0) != 0, axis=1)) + 1 if len(days) else np.zeros(0, np.int64)
        self.first_entry = np.concatenate([np.zeros(1 if len(days) else 0, dtype=np.int64), changes])
        self.visit_day = days[self.first_entry, 0]
        self.pivot_day = days[self.first_entry, 1]

    def _extra_days(self, template: Template, task: int, visit_day: IntArray) -> tuple[IntArray, IntArray]:
        first, last = visit_day - 10_000, visit_day + 10_000
        for lag in template.day_lags:
            a, b = self.layout.resolve(lag.a).task, self.layout.resolve(lag.b).task
            if (a, b) == (task, self.segment.visit):
                first = np.maximum(first, visit_day - lag.most) if lag.most is not None else first
                last = np.minimum(last, visit_day - lag.least) if lag.least is not None else last
            if (a, b) == (self.segment.visit, task):
                first = np.maximum(first, visit_day + lag.least) if lag.least is not None else first
                last = np.minimum(last, visit_day + lag.most) if lag.most is not None else last
        return first, last

    def evaluate(self, sums: PoolPrices, hour_weight: float) -> FloatArray:
        """The value of the cheapest pattern of every option under prices; `pattern` then tells which it is."""
        segment, template = self.segment, self.layout.template
        value = slot_prices(self.pivot, self.stays[segment.pivot], sums)[self.e_pivot]
        if segment.visit != segment.pivot:
            visit_price = slot_prices(self.visit, self.stays[segment.visit], sums)
            best, where = self._best_visit(visit_price, hour_weight)
            value = value + best
        else:
            where = self.e_pivot
        chosen = [where]
        for task, (low, high) in zip(self.extras, self.e_extras, strict=True):
            best, at = range_min(slot_prices(slots_of(template, task), self.stays[task], sums), low, high)
            value = value + best
            chosen.append(at)
        if not len(self.first_entry):
            return np.zeros(0)
        least: FloatArray = np.minimum.reduceat(value, self.first_entry)
        self._last = (value, chosen)
        return least

    def _best_visit(self, price: FloatArray, hour_weight: float) -> tuple[FloatArray, IntArray]:
        best = np.full(len(self.e_low), NEVER)
        where = self.e_low.copy()
        begin = until = np.zeros(0, dtype=np.int64)
        if self.cold is not None:
            begin = self.pivot.edge(self.layout.resolve(self.cold.begin).at_end)[self.e_pivot]
            until = self.visit.edge(self.layout.resolve(self.cold.until).at_end)
        width = int((self.e_high - self.e_low).max()) if len(self.e_low) else 0
        for step in range(width):
            at = self.e_low + step
            inside = at < self.e_high
            at = np.minimum(at, len(self.visit) - 1)
            cost = price[at]
            if self.cold is not None:
                cost = cost + hour_weight * ((until[at] - begin) // self.weights.hour_ticks)
            better = inside & (cost < best)
            best = np.where(better, cost, best)
            where = np.where(better, at, where)
        return best, where

    def pattern(self, option: int) -> Pattern:
        """The cheapest pattern of one option under the prices last evaluated."""
        value, chosen = self._last
        first = int(self.first_entry[option])
        last = int(self.first_entry[option + 1]) if option + 1 < len(self.first_entry) else len(value)
        entry = first + int(np.argmin(value[first:last]))
        return Pattern(int(self.e_pivot[entry]), int(chosen[0][entry]), tuple(int(one[entry]) for one in chosen[1:]))

    def hours(self, pattern: Pattern) -> int:
        """Whole cold hours of a pattern."""
        if self.cold is None:
            return 0
        begin = self.pivot.edge(self.layout.resolve(self.cold.begin).at_end)[pattern.pivot]
        until = self.visit.edge(self.layout.resolve(self.cold.until).at_end)[pattern.visit]
        return int(until - begin) // self.weights.hour_ticks

    def usage(self, pattern: Pattern) -> Usage:
        """(pool, first tick, last tick) of every stay that pays."""
        found: Usage = []
        timed = [(self.segment.pivot, pattern.pivot)]
        if self.segment.visit != self.segment.pivot:
            timed.append((self.segment.visit, pattern.visit))
        timed += list(zip(self.extras, pattern.extras, strict=True))
        for task, slot in timed:
            slots = slots_of(self.layout.template, task)
            for pool, begin_at_end, until_at_end, tail in self.stays[task]:
                found.append((pool, int(slots.edge(begin_at_end)[slot]), int(slots.edge(until_at_end)[slot]) + tail))
        return found
