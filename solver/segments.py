"""Courses fall apart into segments: runs of tasks tied by hours, joined to each other by days.

Each segment has a *pivot* (where a hold ends or begins, such as a fill) and a *visit* (the task whose day the other
segments look at, such as an injection). Fixing both leaves little choice for the rest, so every search in this
package goes over pairs of a pivot slot and a visit slot, in the order of their cost.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver.problem import Cold, DayLag, IntArray, Lag, Point, Problem, Slots, Stay, Template, Weights

DAY = 24 * 4 + 4  # a local day in ticks at its longest; only used to bound searches
FAR = 2**40
SEGMENT_DAYS = 21  # days within which the tasks of one segment follow each other
SEGMENT_REACH = SEGMENT_DAYS * 96
PAIRS_KEPT = 20_000  # timings of a segment looked at for one day, the cheapest ones
PAIRS_CACHED = 2_000_000  # over all days of one segment, before the table starts anew
SIDE_REACH = 200  # how many days before its dose a harvest or thaw is looked for


@dataclass(frozen=True, eq=False)
class Segment:
    """Tasks tied by hours. `order` lists all of them, pivot and visit first; `forward` those after the pivot."""

    group: int
    pivot: int
    visit: int
    order: tuple[int, ...]
    forward: frozenset[int]


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
        self.segments = _segments(template)
        position = {task: i for i, task in enumerate(task for one in self.segments for task in one.order)}
        self.position = position
        self.checks = {task: _checks(template, position, task) for task in position}
        self.by_group: tuple[tuple[Segment, ...], ...] = tuple(
            tuple(one for one in self.segments if one.group == group) for group in range(template.groups)
        )
        self.group_order = _parents_first(template)

    @cached_property
    def sides(self) -> dict[int, tuple[tuple[Segment, SideOptions], ...]]:
        """Per dose, the segments beside its head with the days that go with it."""
        return {
            group: tuple((side, SideOptions(self, pieces[0], side)) for side in pieces[1:])
            for group, pieces in enumerate(self.by_group)
        }

    def resolve(self, point: Point) -> Point:
        """The point of a slotted task that a point (perhaps of a hold) stands for."""
        return _resolve(self.template, point)

    @cached_property
    def spans(self) -> dict[int, dict[tuple[int, int], tuple[int, int]]]:
        """Per segment (by its pivot): bounds on start minus start for every pair of its tasks, all lags combined."""
        return {one.pivot: _spans(self.template, one) for one in self.segments}

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


def _signature(template: Template, segment: Segment) -> object:
    """What makes two segments alike: the same slots, tied the same way. Doses of one site share their tables so."""
    place = {task: i for i, task in enumerate(segment.order)}

    def edge(point: Point) -> tuple[int, bool]:
        seen = _resolve(template, point)
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


def _resolve(template: Template, point: Point) -> Point:
    hold = template.tasks[point.task].hold
    if hold is None:
        return point
    return _resolve(template, hold[1] if point.at_end else hold[0])


def layouts_of(problem: Problem) -> list[Layout]:
    """The layout of every template; alike segments share their tables."""
    shared: dict[object, Reach] = {}
    return [Layout(template, problem.weights, shared) for template in problem.templates]


def _parents_first(template: Template) -> tuple[int, ...]:
    order: list[int] = []
    while len(order) < template.groups:
        ready = [
            g for g, parent in enumerate(template.parents) if g not in order and (parent is None or parent in order)
        ]
        order.extend(ready)
    return tuple(order)


def _spans(template: Template, segment: Segment) -> dict[tuple[int, int], tuple[int, int]]:
    """Shortest paths over the upper bounds of start differences (a simple temporal network), durations included."""
    tasks = segment.order
    most = {(one, two): 0 if one == two else FAR for one in tasks for two in tasks}

    def bound(a: int, b: int, value: int) -> None:
        most[a, b] = min(most[a, b], value)

    for lag in template.lags:
        a, b = _resolve(template, lag.a), _resolve(template, lag.b)
        if a.task not in tasks or b.task not in tasks or a.task == b.task:
            continue
        slots_a, slots_b = slots_of(template, a.task), slots_of(template, b.task)
        if lag.least is not None:
            bound(b.task, a.task, -lag.least - a.at_end * slots_a.shortest + b.at_end * slots_b.longest)
        if lag.most is not None:
            bound(a.task, b.task, lag.most + a.at_end * slots_a.longest - b.at_end * slots_b.shortest)
    for days in template.day_lags:
        a, b = _resolve(template, days.a), _resolve(template, days.b)
        if a.task in tasks and b.task in tasks and a.task != b.task:
            if days.most is not None:
                bound(a.task, b.task, (days.most + 2) * DAY)
            if days.least is not None:
                bound(b.task, a.task, -(days.least - 2) * DAY)
    for middle in tasks:
        for one in tasks:
            for other in tasks:
                bound(one, other, most[one, middle] + most[middle, other])
    return {(one, two): (-most[two, one], most[one, two]) for one in tasks for two in tasks if one != two}


def _segments(template: Template) -> tuple[Segment, ...]:
    slotted = [i for i, task in enumerate(template.tasks) if task.slots is not None]
    holds = [tuple(_resolve(template, edge).task for edge in task.hold) for task in template.tasks if task.hold]
    far = {frozenset(pair) for pair in holds}
    far |= {
        frozenset((_resolve(template, lag.a).task, _resolve(template, lag.b).task))
        for lag in template.day_lags
        if (lag.least or 0) > 1
    }
    root = {task: task for task in slotted}

    def find(task: int) -> int:
        while root[task] != task:
            task = root[task]
        return task

    for lag in template.lags:
        a, b = _resolve(template, lag.a).task, _resolve(template, lag.b).task
        if template.tasks[a].group == template.tasks[b].group and frozenset((a, b)) not in far:
            root[find(a)] = find(b)
    members: dict[int, list[int]] = {}
    for task in slotted:
        members.setdefault(find(task), []).append(task)
    visits = {point.task for point in template.visits}
    pieces = [_segment(template, tuple(tasks), visits) for tasks in members.values()]
    order = {group: i for i, group in enumerate(_parents_first(template))}
    return tuple(sorted(pieces, key=lambda one: (order[one.group], one.visit not in visits, one.pivot)))


def _segment(template: Template, tasks: tuple[int, ...], visits: set[int]) -> Segment:
    edges = [_resolve(template, edge).task for task in template.tasks if task.hold for edge in task.hold]
    outside = [
        _resolve(template, point).task
        for lag in template.day_lags
        for point in (lag.a, lag.b)
        if len({_resolve(template, lag.a).task, _resolve(template, lag.b).task} & set(tasks)) == 1
    ]
    colds = [_resolve(template, cold.begin).task for cold in template.colds]
    administered = [task for task in tasks if task in visits]
    pivots = [task for task in tasks if task in edges] or [task for task in tasks if task in colds]
    pivots = pivots or [task for task in tasks if task in outside] or list(tasks[-1:])
    pivot = pivots[0]
    looked_at = [task for task in tasks if task in outside or task == template.ready.task]
    visit = (administered or [task for task in looked_at if task != pivot] or [pivot])[0]
    rest, forward = _around(template, tasks, pivot)
    first = (pivot,) if visit == pivot else (pivot, visit)
    return Segment(
        group=template.tasks[pivot].group,
        pivot=pivot,
        visit=visit,
        order=first + tuple(task for task in rest if task not in first),
        forward=forward,
    )


def _around(template: Template, tasks: tuple[int, ...], pivot: int) -> tuple[list[int], frozenset[int]]:
    """The other tasks outward from the pivot, and which of them come after it."""
    later: dict[int, set[int]] = {task: set() for task in tasks}
    earlier: dict[int, set[int]] = {task: set() for task in tasks}
    for lag in template.lags:
        a, b = _resolve(template, lag.a).task, _resolve(template, lag.b).task
        if a in later and b in later and lag.least is not None and a != b:
            later[a].add(b)
            earlier[b].add(a)
    forward = _closure(later, pivot)
    rest = [task for task in reversed(tasks) if task not in forward and task != pivot]
    rest += [task for task in tasks if task in forward]
    return rest, frozenset(forward)


def _closure(steps: dict[int, set[int]], begin: int) -> set[int]:
    seen: set[int] = set()
    todo = [begin]
    while todo:
        for task in steps[todo.pop()]:
            if task not in seen:
                seen.add(task)
                todo.append(task)
    return seen - {begin}


def _checks(template: Template, position: dict[int, int], task: int) -> Checks:
    def last(*points: Point) -> bool:
        tasks = [_resolve(template, point).task for point in points]
        return task in tasks and all(position[one] <= position[task] for one in tasks)

    return Checks(
        stays=tuple(stay for stay in template.stays if last(stay.begin, stay.until)),
        lags=tuple(lag for lag in template.lags if last(lag.a, lag.b)),
        day_lags=tuple(lag for lag in template.day_lags if last(lag.a, lag.b)),
    )


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
            a, b = _resolve(template, lag.a), _resolve(template, lag.b)
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
        for task in _topological(template, self.segment.forward):
            slots = slots_of(template, task)
            at = np.full(len(pivot), -(2**40), dtype=np.int64)
            for lag in template.lags:
                a, b = _resolve(template, lag.a), _resolve(template, lag.b)
                if b.task == task and lag.least is not None and a.task in start and a.task != task:
                    edge = (end if a.at_end else start)[a.task] + lag.least
                    at = np.maximum(at, edge - (slots.shortest if b.at_end else 0))
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
        for task in reversed(_topological(template, before)):
            slots = slots_of(template, task)
            until = np.full(len(pivot), 2**40, dtype=np.int64)
            for lag in template.lags:
                a, b = _resolve(template, lag.a), _resolve(template, lag.b)
                if a.task == task and lag.least is not None and b.task in start and b.task != task:
                    edge = (end if b.at_end else start)[b.task] - lag.least
                    until = np.minimum(until, edge if a.at_end else edge + slots.shortest)
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
    def _reached(self) -> tuple[IntArray, IntArray]:
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
        days, pivots = self._reached
        changes = np.flatnonzero(np.diff(days)) + 1
        heads = days[np.concatenate([[0], changes])] if len(days) else days
        return {int(day): part.tolist() for day, part in zip(heads, np.split(pivots, changes), strict=False)}

    @cached_property
    def cheapest(self) -> dict[int, int]:
        """The least cost of the cold hours per visit day; a day without an entry is impossible."""
        days, pivots = self._reached
        if not len(days):
            return {}
        visit = slots_of(self.template, self.segment.visit)
        first = np.maximum(self.low[pivots], self.day_range[0][days])
        inside = first < np.minimum(self.high[pivots], self.day_range[1][days])
        days, pivots, first = days[inside], pivots[inside], first[inside]
        cold = cold_of(self.template, self.segment)
        cost = np.zeros(len(days), dtype=np.int64)
        if cold is not None:
            begin = slots_of(self.template, self.segment.pivot).edge(_resolve(self.template, cold.begin).at_end)[pivots]
            until = visit.edge(_resolve(self.template, cold.until).at_end)[first]
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
        later_first = -1 if cold_of(self.template, self.segment) is not None else 1
        order = np.lexsort((visits[columns], later_first * pivots[rows], costs[rows, columns]))
        rows, columns = rows[order[:PAIRS_KEPT]], columns[order[:PAIRS_KEPT]]
        return list(zip(costs[rows, columns].tolist(), pivots[rows].tolist(), visits[columns].tolist(), strict=True))


class SideOptions:
    """The days of a segment without a dose of its own (a harvest, a thaw), and which go with a day of its head.

    Option i has its visit on ``visit_day[i]``, its pivot starts on ``pivot_day[i]`` and ends by ``end_day[i]``.
    """

    def __init__(self, layout: Layout, head: Segment, side: Segment) -> None:
        slots = slots_of(layout.template, side.pivot)
        reach = layout.reaches[side.pivot]
        pairs = {(slots.start_days[p], day) for day, pivots in reach.pivots_by_day.items() for p in pivots}
        last_end = dict(zip(slots.start_days, slots.end_days, strict=True))
        self.pivot_day = [pivot for pivot, _ in sorted(pairs)]
        self.visit_day = [visit for _, visit in sorted(pairs)]
        self.end_day = [last_end[pivot] for pivot in self.pivot_day]
        self.bounds: list[tuple[list[int], bool, int, int]] = []
        for lag in layout.template.day_lags:
            a, b = layout.resolve(lag.a), layout.resolve(lag.b)
            swapped = (b, a, _minus(lag.most), _minus(lag.least))
            for near, far, low, high in ((a, b, lag.least, lag.most), swapped):
                if near.task in (side.pivot, side.visit) and far.task in (head.pivot, head.visit):
                    at_pivot = self.end_day if near.at_end else self.pivot_day
                    own = at_pivot if near.task == side.pivot else self.visit_day
                    most = FAR if high is None else high
                    self.bounds.append((own, far.task == head.pivot, -FAR if low is None else low, most))
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
            for own, to_pivot, least, most in self.bounds:
                if own is not self.visit_day:
                    at = pivot_day if to_pivot else visit_day
                    low, high = max(low, at - most - 2), min(high, at - least)
            found = [
                i
                for i in range(bisect_left(self.pivot_day, low), bisect_right(self.pivot_day, high))
                if all(
                    least <= (pivot_day if to_pivot else visit_day) - own[i] <= most
                    for own, to_pivot, least, most in self.bounds
                )
            ]
            if found:
                middle = (self.pivot_day[found[0]] + self.pivot_day[found[-1]]) / 2
                found.sort(key=lambda i: (abs(self.pivot_day[i] - middle), -self.visit_day[i]))
            self._known[key] = found
        return self._known[key]


def _minus(value: int | None) -> int | None:
    return None if value is None else -value


def slots_of(template: Template, task: int) -> Slots:
    """The slots of a task that has some."""
    slots = template.tasks[task].slots
    assert slots is not None
    return slots


def _topological(template: Template, tasks: frozenset[int]) -> list[int]:
    before: dict[int, set[int]] = {task: set() for task in tasks}
    for lag in template.lags:
        a, b = _resolve(template, lag.a).task, _resolve(template, lag.b).task
        if a in before and b in before and lag.least is not None and a != b:
            before[b].add(a)
    order: list[int] = []
    while len(order) < len(tasks):
        ready = sorted(task for task in tasks if task not in order and before[task] <= set(order))
        if not ready:
            raise ValueError(f"tasks wait for each other: {sorted(tasks - set(order))}")
        order.extend(ready)
    return order


def cold_of(template: Template, segment: Segment) -> Cold | None:
    """The priced cold stretch of a segment, where it begins at the pivot and ends at the visit."""
    for cold in template.colds:
        begin, until = _resolve(template, cold.begin), _resolve(template, cold.until)
        if (begin.task, until.task) == (segment.pivot, segment.visit):
            return cold
    return None


def pair_costs(template: Template, segment: Segment, weights: Weights, pivot: IntArray, visit: IntArray) -> IntArray:
    """Cost of the cold hours for each pivot slot (rows) and visit slot (columns); zero where nothing is priced."""
    cold = cold_of(template, segment)
    if cold is None:
        return np.zeros((len(pivot), len(visit)), dtype=np.int64)
    begin = slots_of(template, segment.pivot).edge(_resolve(template, cold.begin).at_end)[pivot]
    until = slots_of(template, segment.visit).edge(_resolve(template, cold.until).at_end)[visit]
    hours: IntArray = (until[None, :] - begin[:, None]) // weights.hour_ticks
    return hours * weights.hour
