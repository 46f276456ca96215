"""What the hours of one segment allow when nothing else is in the way: tables over its slots."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from solver.problem import IntArray, Template, Weights
from solver.segments import FAR, Segment, cold_of, resolve_point, slots_of, topological

SEGMENT_DAYS = 21  # days within which the tasks of one segment follow each other
SEGMENT_REACH = SEGMENT_DAYS * 96
PAIRS_KEPT = 20_000  # timings of a segment looked at for one day, the cheapest ones
PAIRS_CACHED = 2_000_000  # over all days of one segment, before the table starts anew


class Reach:
    """For each pivot slot the half-open range ``[low, high)`` of visit slots that the lags of the segment allow.

    A relaxation: capacities are disregarded, and upper bounds count only between pivot and visit. What it excludes is
    impossible; what it allows may still fail.
    """

    def __init__(self, template: Template, segment: Segment, weights: Weights) -> None:
        self.template = template
        self.segment = segment
        self.weights = weights
        self._pairs: dict[int, list[tuple[int, int, int]]] = {}
        self._bounds: dict[int, tuple[IntArray, IntArray]] = {}
        self._cached = 0
        pivot, visit = slots_of(template, segment.pivot), slots_of(template, segment.visit)
        self.possible = np.ones(len(pivot), dtype=bool)
        indices = np.arange(len(pivot), dtype=np.int64)
        if segment.pivot == segment.visit:
            self.low, self.high = indices, indices + 1
        else:
            low_tick, high_tick = self.bounds(segment.visit)
            self.low = np.searchsorted(visit.start, low_tick, side="left").astype(np.int64)
            self.high = np.searchsorted(visit.start, high_tick, side="right").astype(np.int64)
        for task in segment.order:
            if task not in (segment.pivot, segment.visit):
                low_tick, high_tick = self.bounds(task)
                starts = slots_of(template, task).start
                found = np.searchsorted(starts, low_tick, "left") < np.searchsorted(starts, high_tick, "right")
                self.possible &= found
        self.possible &= self.low < self.high

    def bounds(self, goal: int) -> tuple[IntArray, IntArray]:
        """Earliest and latest start of a task for every pivot slot, along the chains of lower-bounded lags."""
        if goal not in self._bounds:
            self._bounds[goal] = self._bounds_of(goal)
        return self._bounds[goal]

    def _bounds_of(self, goal: int) -> tuple[IntArray, IntArray]:
        template, pivot = self.template, self.segment.pivot
        slots = slots_of(template, pivot)
        low = slots.start - SEGMENT_REACH
        high = slots.start + SEGMENT_REACH
        if goal in self.segment.forward:
            low = np.maximum(low, self.earliest()[goal])
        elif goal in self.latest():
            high = np.minimum(high, self.latest()[goal])
        goal_slots = slots_of(template, goal)
        for lag in template.lags:
            a, b = resolve_point(template, lag.a), resolve_point(template, lag.b)
            shift = goal_slots.shortest
            if (a.task, b.task) == (pivot, goal) and lag.most is not None:
                high = np.minimum(high, slots.edge(a.at_end) + lag.most - (shift if b.at_end else 0))
            if (a.task, b.task) == (goal, pivot) and lag.most is not None:
                longest = int((goal_slots.end - goal_slots.start).max()) if len(goal_slots) else 0
                low = np.maximum(low, slots.edge(b.at_end) - lag.most - (longest if a.at_end else 0))
        return low, high

    def earliest(self) -> dict[int, IntArray]:
        """Earliest start of every task after the pivot, per pivot slot."""
        if not hasattr(self, "_earliest"):
            self._earliest = self._forward()
        return self._earliest

    def latest(self) -> dict[int, IntArray]:
        """Latest start of every task before the pivot, per pivot slot."""
        if not hasattr(self, "_latest"):
            self._latest = self._backward()
        return self._latest

    def _forward(self) -> dict[int, IntArray]:
        template, pivot = self.template, slots_of(self.template, self.segment.pivot)
        start: dict[int, IntArray] = {self.segment.pivot: pivot.start}
        end: dict[int, IntArray] = {self.segment.pivot: pivot.end}
        for task in topological(template, self.segment.forward):
            slots = slots_of(template, task)
            at = np.full(len(pivot), -(2**40), dtype=np.int64)
            for lag in template.lags:
                a, b = resolve_point(template, lag.a), resolve_point(template, lag.b)
                if b.task == task and lag.least is not None and a.task in start and a.task != task:
                    edge = (end if a.at_end else start)[a.task] + lag.least
                    at = np.maximum(at, edge - (slots.longest if b.at_end else 0))
            first = np.searchsorted(slots.start, at, side="left")
            never = np.int64(2**40)
            start[task] = np.append(slots.start, never)[first]
            best_end = np.minimum.accumulate(np.append(slots.end, never)[::-1])[::-1]
            end[task] = best_end[first]
        return start

    def _backward(self) -> dict[int, IntArray]:
        template, pivot = self.template, slots_of(self.template, self.segment.pivot)
        start: dict[int, IntArray] = {self.segment.pivot: pivot.start}
        end: dict[int, IntArray] = {self.segment.pivot: pivot.end}
        before = frozenset(self.segment.order) - self.segment.forward - {self.segment.pivot}
        for task in reversed(topological(template, before)):
            slots = slots_of(template, task)
            until = np.full(len(pivot), 2**40, dtype=np.int64)
            for lag in template.lags:
                a, b = resolve_point(template, lag.a), resolve_point(template, lag.b)
                if a.task == task and lag.least is not None and b.task in start and b.task != task:
                    edge = (end if b.at_end else start)[b.task] - lag.least
                    until = np.minimum(until, edge if a.at_end else edge + slots.longest)
            ending = np.sort(slots.end)
            latest_start = np.maximum.accumulate(
                np.append([-(2**40)], slots.start[np.argsort(slots.end, kind="stable")])
            )
            chosen = np.searchsorted(ending, until, side="right")
            start[task] = latest_start[chosen]
            end[task] = np.append([-(2**40)], ending)[chosen]
        start.pop(self.segment.pivot)
        return start

    @cached_property
    def day_range(self) -> tuple[IntArray, IntArray]:
        """First visit slot of each day, and one past its last; indexed by day."""
        visit = slots_of(self.template, self.segment.visit)
        days = np.arange(int(visit.start_day[-1]) + 2 if len(visit) else 1)
        low = np.searchsorted(visit.start_day, days, side="left").astype(np.int64)
        return low, np.searchsorted(visit.start_day, days, side="right").astype(np.int64)

    @cached_property
    def reached(self) -> tuple[IntArray, IntArray]:
        """(day, pivot slot) of every visit day a pivot slot can reach, ascending."""
        visit = slots_of(self.template, self.segment.visit)
        pivots = np.flatnonzero(self.possible).astype(np.int64)
        if not len(pivots):
            return pivots, pivots
        first, last = visit.start_day[self.low[pivots]], visit.start_day[self.high[pivots] - 1]
        count = last - first + 1
        owner = np.repeat(np.arange(len(pivots)), count)
        day = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        order = np.lexsort((pivots[owner], day))
        return day[order].astype(np.int64), pivots[owner][order]

    @cached_property
    def pivots_by_day(self) -> dict[int, list[int]]:
        """Pivot slots from which some visit slot of a day can be reached."""
        days, pivots = self.reached
        changes = np.flatnonzero(np.diff(days)) + 1
        heads = days[np.concatenate([[0], changes])] if len(days) else days
        return {int(day): part.tolist() for day, part in zip(heads, np.split(pivots, changes), strict=False)}

    @cached_property
    def cheapest(self) -> dict[int, int]:
        """The least cost of the cold hours per visit day; a day without an entry is impossible."""
        days, pivots = self.reached
        if not len(days):
            return {}
        visit = slots_of(self.template, self.segment.visit)
        first = np.maximum(self.low[pivots], self.day_range[0][days])
        inside = first < np.minimum(self.high[pivots], self.day_range[1][days])
        days, pivots, first = days[inside], pivots[inside], first[inside]
        cold = cold_of(self.template, self.segment)
        cost = np.zeros(len(days), dtype=np.int64)
        if cold is not None:
            begin = slots_of(self.template, self.segment.pivot).edge(resolve_point(self.template, cold.begin).at_end)[
                pivots
            ]
            until = visit.edge(resolve_point(self.template, cold.until).at_end)[first]
            cost = (until - begin) // self.weights.hour_ticks * self.weights.hour
        least = np.full(int(days.max()) + 1, FAR, dtype=np.int64)
        np.minimum.at(least, days, cost)
        return {int(day): int(least[day]) for day in np.flatnonzero(least < FAR)}

    def pairs(self, day: int) -> list[tuple[int, int, int]]:
        """(cost, pivot slot, visit slot) for a visit day, cheapest first.

        Where hours are priced, later pivots go first (a fresher dose); elsewhere earlier ones (less waiting).
        """
        if day not in self._pairs:
            pivots = np.array(self.pivots_by_day.get(day, []), dtype=np.int64)
            found = self._sorted_pairs(pivots, day) if len(pivots) else []
            self._cached += len(found)
            if self._cached > PAIRS_CACHED:
                self._pairs.clear()
                self._cached = len(found)
            self._pairs[day] = found
        return self._pairs[day]

    def _sorted_pairs(self, pivots: IntArray, day: int) -> list[tuple[int, int, int]]:
        visits = np.arange(int(self.day_range[0][day]), int(self.day_range[1][day]), dtype=np.int64)
        costs = pair_costs(self.template, self.segment, self.weights, pivots, visits)
        allowed = (visits[None, :] >= self.low[pivots][:, None]) & (visits[None, :] < self.high[pivots][:, None])
        rows, columns = np.nonzero(allowed)
        cost = costs[rows, columns]
        turn = len(pivots) - 1 - rows if cold_of(self.template, self.segment) is not None else rows
        order = np.argsort((cost * len(pivots) + turn) * len(visits) + columns)[:PAIRS_KEPT]
        rows, columns = rows[order], columns[order]
        return list(zip(cost[order].tolist(), pivots[rows].tolist(), visits[columns].tolist(), strict=True))


def pair_costs(template: Template, segment: Segment, weights: Weights, pivot: IntArray, visit: IntArray) -> IntArray:
    """Cost of the cold hours for each pivot slot (rows) and visit slot (columns); zero where nothing is priced."""
    cold = cold_of(template, segment)
    if cold is None:
        return np.zeros((len(pivot), len(visit)), dtype=np.int64)
    begin = slots_of(template, segment.pivot).edge(resolve_point(template, cold.begin).at_end)[pivot]
    until = slots_of(template, segment.visit).edge(resolve_point(template, cold.until).at_end)[visit]
    hours: IntArray = (until[None, :] - begin[:, None]) // weights.hour_ticks
    return hours * weights.hour
