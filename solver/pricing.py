"""What every slot is worth, and the cheapest course under given prices: the exact half of column generation.

Prices are non-negative numbers per pool and tick. Under prices, courses no longer compete, so the cheapest course of
each is found exactly by tables over days; the sum of their values minus what the capacity is worth is a lower bound on
every plan (Lagrangian relaxation), whatever the prices are. Only the pivots, the attended tasks and the long holds
pay; everything else is relaxed, which keeps the bound valid.

All prices are multiples of 1/1024, so that every sum is exact in floating point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from solver.problem import Course, FloatArray, IntArray, Problem, Slots, Template
from solver.segments import Layout, Segment, SideOptions, cold_of, slots_of

GRAIN = 1024.0
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


@dataclass(frozen=True, eq=False)
class Side:
    """A segment without a dose of its own, and which of its options go with each option of the head.

    ``options[h, k]`` is the k-th side option that goes with head option h, or -1. A hold between them pays on `pool`
    from the side's day to the head's day.
    """

    segment: Segment
    visit_day: IntArray
    pivot_day: IntArray
    begin_day: IntArray
    options: IntArray
    pools: tuple[int, ...]
    checks_ready: bool


@dataclass(frozen=True, eq=False)
class GroupTable:
    """One dose of a template: the kind of its head segment and its sides."""

    kind: int
    sides: tuple[Side, ...]


@dataclass
class Column:
    """One whole course in days: the option of every group (None = absent) with what it holds, and its fixed cost."""

    course: int
    template: int
    options: tuple[int | None, ...]
    sides: tuple[tuple[tuple[int, int], ...], ...]
    holds: tuple[tuple[int, int, int], ...]
    first_level: int
    last_level: int

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two columns the same."""
        return self.course, self.template, self.options, self.holds


@dataclass
class Priced:
    """The outcome of one pricing pass."""

    bound: float
    values: FloatArray
    columns: list[Column] = field(default_factory=list)


class Pricer:
    """Tables of one problem, made once; `price` evaluates them under prices."""

    def __init__(self, problem: Problem, layouts: list[Layout], level_weight: int) -> None:
        self.problem = problem
        self.layouts = layouts
        self.level_weight = level_weight
        self.kinds: list[DoseKind] = []
        self.tables: list[tuple[GroupTable, ...]] = []
        known: dict[tuple[int, ...], int] = {}
        for layout in layouts:
            groups: list[GroupTable] = []
            for group in range(layout.template.groups):
                head = layout.by_group[group][0]
                key = tuple(id(layout.template.tasks[task].slots) for task in head.order)
                if key not in known:
                    known[key] = len(self.kinds)
                    self.kinds.append(DoseKind(problem, layout, head))
                kind = self.kinds[known[key]]
                tied = [(side, days) for side, days in layout.sides[group] if days.tied]
                sides = tuple(self._side(layout, head, kind, side, days) for side, days in tied)
                groups.append(GroupTable(known[key], sides))
            self.tables.append(tuple(groups))

    def _side(self, layout: Layout, head: Segment, kind: DoseKind, side: Segment, days: SideOptions) -> Side:
        fits = [days.fits(int(v), int(p)) for v, p in zip(kind.visit_day, kind.pivot_day, strict=True)]
        width = max((len(one) for one in fits), default=0)
        options = np.full((len(fits), max(width, 1)), -1, dtype=np.int64)
        for row, one in enumerate(fits):
            options[row, : len(one)] = one
        template = layout.template
        pools = tuple(
            stay.pool
            for stay in template.stays
            if {layout.resolve(stay.begin).task, layout.resolve(stay.until).task} == {side.pivot, head.pivot}
        )
        return Side(
            segment=side,
            visit_day=np.array(days.visit_day, dtype=np.int64),
            pivot_day=np.array(days.pivot_day, dtype=np.int64),
            begin_day=np.array(days.end_day, dtype=np.int64),
            options=options,
            pools=pools,
            checks_ready=template.ready.task in (side.pivot, side.visit),
        )

    # --- pricing ----------------------------------------------------------------------------------------------

    def price(self, prices: PoolPrices, *, first_only: bool = False, extract: bool = True) -> Priced:
        """The bound that prices prove, and the cheapest column of every course under them.

        With `first_only` only level 1 counts as cost (to bound level 1 itself).
        """
        priced_tables = self._tables_under(prices, first_only)
        total = 0.0
        values = np.zeros(len(self.problem.courses))
        columns: list[Column] = []
        for i, course in enumerate(self.problem.courses):
            best, number, option = NEVER, course.templates[0], -1
            for template in course.templates:
                value, at = priced_tables[template].course(course)
                if value < best:
                    best, number, option = value, template, at
            values[i] = best
            total += best
            if extract:
                columns.append(priced_tables[number].column(i, course, option))
        for pool, price in prices.items():
            free = self.problem.capacity[pool] - self.problem.load[pool].astype(np.float64)
            total -= float((price * free).sum())
        return Priced(total, values, columns)

    def open_days(self, prices: PoolPrices, limit: float) -> list[dict[int, list[int]]]:
        """Per course and template, the days of dose 1 that a plan of scalar cost up to `limit` may use.

        Any other day would lift the bound under these prices above the limit (reduced-cost fixing).
        """
        priced = self.price(prices, extract=False)
        slack = limit - priced.bound
        tables = self._tables_under(prices, first_only=False)
        return [
            {number: tables[number].first_days(course, float(value) + slack) for number in course.templates}
            for course, value in zip(self.problem.courses, priced.values, strict=True)
        ]

    def _tables_under(self, prices: PoolPrices, first_only: bool) -> list[_TemplatePrice]:
        weight = 1.0 if first_only else float(self.level_weight)
        last_weight = 0.0 if first_only else 1.0
        sums = {pool: np.concatenate([[0.0], np.cumsum(price)]) for pool, price in prices.items()}
        nights = {
            pool: np.cumsum(price[np.minimum(self.problem.day_start[pool], len(price) - 1)])
            for pool, price in prices.items()
        }
        self.values = [kind.evaluate(sums, last_weight * self.problem.weights.hour) for kind in self.kinds]
        return [_TemplatePrice(self, number, nights, weight, last_weight) for number in range(len(self.layouts))]


class _TemplatePrice:
    """One template under prices: values by day for every dose, from the last in the chain of anchors to the first."""

    def __init__(self, pricer: Pricer, number: int, nights: PoolPrices, weight: float, last_weight: float) -> None:
        self.pricer, self.number = pricer, number
        self.layout = pricer.layouts[number]
        self.template = self.layout.template
        self.weights = pricer.problem.weights
        self.weight, self.last_weight = weight, last_weight
        self.nights = nights
        self.days = pricer.problem.days
        self.targets = {self.template.tasks[one.b.task].group: one for one in self.template.targets}
        self.children: dict[int, list[int]] = {g: [] for g in range(self.template.groups)}
        for group, parent in enumerate(self.template.parents):
            if parent is not None:
                self.children[parent].append(group)
        self.side_cost: dict[int, list[tuple[FloatArray, IntArray]]] = {}
        self.by_day: dict[int, tuple[FloatArray, IntArray]] = {}
        self.after: dict[int, tuple[FloatArray, IntArray]] = {}
        for group in reversed(self.layout.group_order):
            self._group(group)

    def _subtree(self, group: int) -> int:
        return 1 + sum(self._subtree(child) for child in self.children[group])

    def _matrix(self, side: Side, kind: DoseKind) -> FloatArray:
        """Cost of the holds between every head option and each side option that goes with it."""
        cost = np.where(side.options >= 0, 0.0, NEVER)
        for pool in side.pools:
            if pool in self.nights:
                until = self.nights[pool][kind.pivot_day][:, None]
                begin = self.nights[pool][side.begin_day[np.maximum(side.options, 0)]]
                cost = cost + np.where(side.options >= 0, until - begin, 0.0)
        return cost

    def _group(self, group: int) -> None:
        table = self.pricer.tables[self.number][group]
        kind = self.pricer.kinds[table.kind]
        value = self.pricer.values[table.kind].copy()
        self.matrices = getattr(self, "matrices", {})
        picks: list[IntArray] = []
        for side in table.sides:
            matrix = self._matrix(side, kind)
            self.matrices[group, side.segment.pivot] = matrix
            if group != 0 and len(value):
                value += matrix.min(axis=1)
                picks.append(matrix.argmin(axis=1))
        for child in self.children[group]:
            if len(value):
                value += self.after[child][0][kind.visit_day]
        self.side_cost[group] = [(value, pick) for pick in picks] or [(value, np.zeros(0, dtype=np.int64))]
        self.option_value = getattr(self, "option_value", {})
        self.option_value[group] = (value, picks)
        if group == 0:
            return
        best = np.full(self.days + 1, NEVER)
        where = np.full(self.days + 1, -1, dtype=np.int64)
        order = np.argsort(-value, kind="stable")
        best[kind.visit_day[order]] = value[order]
        where[kind.visit_day[order]] = order
        self.by_day[group] = (best, where)
        self.after[group] = self._after(group)

    def _after(self, group: int) -> tuple[FloatArray, IntArray]:
        """Per anchor day: the best value of a dose and its chosen option; absent when that is cheaper."""
        target = self.targets[group]
        best, where = self.by_day[group]
        scale = self.weight if target.level == 0 else self.last_weight
        value = np.full(self.days + 1, self.weight * self.weights.absent * self._subtree(group))
        chosen = np.full(self.days + 1, -1, dtype=np.int64)
        base = np.append(target.table, self.days + 10_000)
        for off in range(max(target.earliest, -60), min(target.latest, 60) + 1):
            at = base + off
            inside = (at >= 0) & (at <= self.days)
            at = np.clip(at, 0, self.days)
            cost = np.where(inside, best[at] + abs(off) * target.weight * scale, NEVER)
            better = cost < value
            value = np.where(better, cost, value)
            chosen = np.where(better, where[at], chosen)
        return value, chosen

    def course(self, course: Course) -> tuple[float, int]:
        """Cheapest value of a course on this template and the option of dose 1; option -1 is no dose at all."""
        absent = self.weight * self.weights.absent * self.template.groups
        value, low = self._first_values(course)
        at = int(np.argmin(value)) if len(value) else -1
        return (float(value[at]), low + at) if at >= 0 and value[at] < absent else (absent, -1)

    def _first_values(self, course: Course) -> tuple[FloatArray, int]:
        """Value of the course for each option of dose 1 that it may take, and the first of those options."""
        table = self.pricer.tables[self.number][0]
        kind = self.pricer.kinds[table.kind]
        low = int(np.searchsorted(kind.visit_day, course.ready_day, "left"))
        high = max(int(np.searchsorted(kind.visit_day, course.last_day, "right")), low)
        value = self.option_value[0][0][low:high].copy()
        if low < high:
            for side in table.sides:
                value += self._ready_matrix(course, side, low, high).min(axis=1)
            waited = kind.visit_day[low:high] - course.waits_from_day
            value += self.last_weight * self.weights.waiting * waited
        return value, low

    def first_days(self, course: Course, limit: float) -> list[int]:
        """Days of dose 1 on which the course's value under the prices does not exceed `limit`."""
        value, low = self._first_values(course)
        days = self.pricer.kinds[self.pricer.tables[self.number][0].kind].visit_day
        return sorted({int(days[low + at]) for at in np.flatnonzero(value <= limit)})

    def _ready_matrix(self, course: Course, side: Side, low: int, high: int) -> FloatArray:
        matrix: FloatArray = self.matrices[0, side.segment.pivot][low:high]
        if side.checks_ready:
            options = side.options[low:high]
            matrix = np.where(side.visit_day[np.maximum(options, 0)] >= course.ready_day, matrix, NEVER)
        return matrix

    def column(self, number: int, course: Course, option: int) -> Column:
        """The column behind a value of `course`."""
        groups = self.template.groups
        options: list[int | None] = [None] * groups
        sides: list[tuple[tuple[int, int], ...]] = [()] * groups
        holds: list[tuple[int, int, int]] = []
        first, last = 0, 0
        days: dict[int, int] = {}
        for group in self.layout.group_order:
            table = self.pricer.tables[self.number][group]
            kind = self.pricer.kinds[table.kind]
            parent = self.template.parents[group]
            if group == 0:
                at = option
            elif parent is None or parent not in days:
                at = -1
            else:
                at = int(self.after[group][1][days[parent]])
            if at < 0:
                first += self.weights.absent
                continue
            options[group] = at
            days[group] = int(kind.visit_day[at])
            if group == 0:
                last += self.weights.waiting * (days[0] - course.waits_from_day)
            elif parent is not None:
                target = self.targets[group]
                off = abs(days[group] - int(target.table[days[parent]])) * target.weight
                first, last = (first + off, last) if target.level == 0 else (first, last + off)
            picked: list[tuple[int, int]] = []
            for n, side in enumerate(table.sides):
                if group == 0:
                    k = int(self._ready_matrix(course, side, at, at + 1)[0].argmin())
                else:
                    k = int(self.option_value[group][1][n][at])
                chosen = int(side.options[at, k])
                picked.append((int(side.pivot_day[chosen]), int(side.visit_day[chosen])))
                holds += [(pool, int(side.begin_day[chosen]), int(kind.pivot_day[at])) for pool in side.pools]
            sides[group] = tuple(picked)
        return Column(number, self.number, tuple(options), tuple(sides), tuple(holds), first, last)
