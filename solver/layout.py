"""A template laid out for searching: its segments in order, what becomes decidable when, and which days go together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver.problem import DayLag, Lag, Point, Problem, Stay, Template, Weights
from solver.reach import Reach
from solver.segments import FAR, Segment, cold_of, parents_first, resolve_point, segments_of, slots_of, spans_of

SIDE_REACH = 200  # how many days before its dose a harvest or thaw is looked for


@dataclass(frozen=True, eq=False)
class Checks:
    """What becomes decidable once a task is placed after all tasks before it in the layout."""

    stays: tuple[Stay, ...]
    lags: tuple[Lag, ...]
    day_lags: tuple[DayLag, ...]


class Layout:
    """A template cut into segments, in the order in which a course is placed."""

    def __init__(self, template: Template, weights: Weights, shared: dict[object, Reach] | None = None) -> None:
        self.template = template
        self.weights = weights
        self._shared = {} if shared is None else shared
        self.segments = segments_of(template)
        position = {task: i for i, task in enumerate(task for one in self.segments for task in one.order)}
        self.position = position
        self.checks = _checks(template, position)
        self.by_group: tuple[tuple[Segment, ...], ...] = tuple(
            tuple(one for one in self.segments if one.group == group) for group in range(template.groups)
        )
        self.group_order = parents_first(template)

    @cached_property
    def sides(self) -> dict[int, tuple[tuple[Segment, SideOptions], ...]]:
        """Per dose, the segments beside its head with the days that go with it."""
        return {
            group: tuple((side, SideOptions(self, pieces[0], side)) for side in pieces[1:])
            for group, pieces in enumerate(self.by_group)
        }

    def resolve(self, point: Point) -> Point:
        """The point of a slotted task that a point (perhaps of a hold) stands for."""
        return resolve_point(self.template, point)

    @cached_property
    def spans(self) -> dict[int, dict[tuple[int, int], tuple[int, int]]]:
        """Per segment (by its pivot): bounds on start minus start for every pair of its tasks, all lags combined."""
        return {one.pivot: spans_of(self.template, one) for one in self.segments}

    @cached_property
    def reaches(self) -> dict[int, Reach]:
        """Per segment (by its pivot), which visits each pivot slot can reach when nothing else is in the way."""
        found: dict[int, Reach] = {}
        for one in self.segments:
            key = _signature(self.template, one)
            if key not in self._shared:
                self._shared[key] = Reach(self.template, one, self.weights)
            found[one.pivot] = self._shared[key]
        return found


class SideOptions:
    """The days of a segment without a dose of its own (a harvest, a thaw), and which go with a day of its head.

    Option i has its visit on ``visit_day[i]``, its pivot starts on ``pivot_day[i]`` and ends by ``end_day[i]``.
    """

    def __init__(self, layout: Layout, head: Segment, side: Segment) -> None:
        slots = slots_of(layout.template, side.pivot)
        reach = layout.reaches[side.pivot]
        days, pivots = reach.reached
        base = int(days.max()) + 1 if len(days) else 1
        pivot_day, visit_day = np.divmod(np.unique(slots.start_day[pivots] * base + days), base)
        starting, first = np.unique(slots.start_day, return_index=True)
        at = np.searchsorted(starting, pivot_day)
        self.pivot_day: list[int] = pivot_day.tolist()
        self.visit_day: list[int] = visit_day.tolist()
        # A pivot that starts on a day may end on that day or later: by its last start at the latest.
        self.end_day: list[int] = np.maximum.reduceat(slots.end_day, first)[at].tolist() if len(at) else []
        first_end_day: list[int] = np.minimum.reduceat(slots.end_day, first)[at].tolist() if len(at) else []
        self.bounds: list[tuple[list[int], list[int], bool, int, int]] = []
        for lag in layout.template.day_lags:
            a, b = layout.resolve(lag.a), layout.resolve(lag.b)
            swapped = (b, a, _minus(lag.most), _minus(lag.least))
            for near, far, low, high in ((a, b, lag.least, lag.most), swapped):
                if near.task in (side.pivot, side.visit) and far.task in (head.pivot, head.visit):
                    own = (first_end_day, self.end_day) if near.at_end else (self.pivot_day, self.pivot_day)
                    own = own if near.task == side.pivot else (self.visit_day, self.visit_day)
                    most = FAR if high is None else high
                    self.bounds.append((*own, far.task == head.pivot, -FAR if low is None else low, most))
        self._known: dict[tuple[int, int], list[int]] = {}

    @property
    def tied(self) -> bool:
        """Whether any day lag joins both segments."""
        return bool(self.bounds)

    def fits(self, visit_day: int, pivot_day: int) -> list[int]:
        """Options that every day lag to the head allows, those nearest the middle of the range first."""
        key = (visit_day, pivot_day)
        if key not in self._known:
            low, high = visit_day - SIDE_REACH, visit_day
            for own, _, to_pivot, least, most in self.bounds:
                if own is not self.visit_day:
                    at = pivot_day if to_pivot else visit_day
                    low, high = max(low, at - most - 2), min(high, at - least)
            found = [
                i
                for i in range(bisect_left(self.pivot_day, low), bisect_right(self.pivot_day, high))
                if all(
                    least <= (at := pivot_day if to_pivot else visit_day) - first[i] and at - last[i] <= most
                    for first, last, to_pivot, least, most in self.bounds
                )
            ]
            if found:
                middle = (self.pivot_day[found[0]] + self.pivot_day[found[-1]]) / 2
                found.sort(key=lambda i: (abs(self.pivot_day[i] - middle), -self.visit_day[i]))
            self._known[key] = found
        return self._known[key]


def _minus(value: int | None) -> int | None:
    return None if value is None else -value


def layouts_of(problem: Problem) -> list[Layout]:
    """The layout of every template; alike segments share their tables."""
    shared: dict[object, Reach] = {}
    return [Layout(template, problem.weights, shared) for template in problem.templates]


def _signature(template: Template, segment: Segment) -> object:
    """What makes two segments alike: the same slots, tied the same way. Doses of one site share their tables so."""
    place = {task: i for i, task in enumerate(segment.order)}

    def edge(point: Point) -> tuple[int, bool]:
        seen = resolve_point(template, point)
        return place.get(seen.task, -1), seen.at_end

    slots = tuple(id(template.tasks[task].slots) for task in segment.order)
    lags = tuple(
        sorted(
            (edge(lag.a), edge(lag.b), lag.least if lag.least is not None else -FAR, lag.most or FAR)
            for lag in template.lags
            if edge(lag.a)[0] >= 0 and edge(lag.b)[0] >= 0
        )
    )
    return slots, lags, cold_of(template, segment) is not None


def _checks(template: Template, position: dict[int, int]) -> dict[int, Checks]:
    """By task; what joins tasks is decidable with the last of them."""

    def last(*points: Point) -> int:
        tasks = [resolve_point(template, point).task for point in points]
        return max(tasks, key=position.__getitem__) if all(task in position for task in tasks) else -1

    stays: dict[int, list[Stay]] = {}
    lags: dict[int, list[Lag]] = {}
    day_lags: dict[int, list[DayLag]] = {}
    for stay in template.stays:
        stays.setdefault(last(stay.begin, stay.until), []).append(stay)
    for lag in template.lags:
        lags.setdefault(last(lag.a, lag.b), []).append(lag)
    for day_lag in template.day_lags:
        day_lags.setdefault(last(day_lag.a, day_lag.b), []).append(day_lag)
    return {
        task: Checks(tuple(stays.get(task, ())), tuple(lags.get(task, ())), tuple(day_lags.get(task, ())))
        for task in position
    }
