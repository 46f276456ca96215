"""What every slot is worth, and the cheapest course under given prices: the exact half of column generation.

Prices are non-negative numbers per pool and tick. Under prices, courses no longer compete, so the cheapest course of
each is found exactly by tables over days; the sum of their values minus what the capacity is worth is a lower bound on
every plan (Lagrangian relaxation), whatever the prices are. Only the pivots, the attended tasks and the long holds
pay; everything else is relaxed, which keeps the bound valid.

All prices are multiples of 1/1024, so that every sum is exact in floating point.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver.layout import Layout, SideOptions
from solver.patterns import NEVER, DoseKind, PoolPrices
from solver.problem import Course, FloatArray, IntArray, Problem
from solver.segments import Segment

GRAIN = 1024.0


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
    until_day: IntArray
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
            until_day=self._last_nights(kind, pools),
            options=options,
            pools=pools,
            checks_ready=template.ready.task in (side.pivot, side.visit),
        )

    def _last_nights(self, kind: DoseKind, pools: tuple[int, ...]) -> IntArray:
        """The last midnight that holds until a pivot surely span; a pivot at midnight does not span its own."""
        at_midnight: set[int] = set()
        for pool in pools:
            starts = self.problem.day_start[pool]
            inside = kind.pivot.start_day < len(starts)
            days = kind.pivot.start_day[inside]
            at_midnight |= {int(day) for day in days[kind.pivot.start[inside] == starts[days]]}
        nights: IntArray = kind.pivot_day - np.isin(kind.pivot_day, sorted(at_midnight)).astype(np.int64)
        return nights

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
        self.matrices: dict[tuple[int, int], FloatArray] = {}
        self.option_value: dict[int, tuple[FloatArray, list[IntArray]]] = {}
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
                until = self.nights[pool][
                    np.maximum(side.until_day[:, None], side.begin_day[np.maximum(side.options, 0)])
                ]
                begin = self.nights[pool][side.begin_day[np.maximum(side.options, 0)]]
                cost = cost + np.where(side.options >= 0, until - begin, 0.0)
        return cost

    def _group(self, group: int) -> None:
        table = self.pricer.tables[self.number][group]
        kind = self.pricer.kinds[table.kind]
        value = self.pricer.values[table.kind].copy()
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
        for off in range(max(target.earliest, -self.days), min(target.latest, self.days) + 1):
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
                holds += [
                    (pool, int(side.begin_day[chosen]), int(max(side.until_day[at], side.begin_day[chosen])))
                    for pool in side.pools
                ]
            sides[group] = tuple(picked)
        return Column(number, self.number, tuple(options), tuple(sides), tuple(holds), first, last)
