"""The days a course could fall on, and what each costs at least in doses and in moved visits: the terms of a repair.

A choice is a day of a dose's visit with a day of its pivot (the fill). What makes it impossible are calendars, lags and
windows; what others take is not looked at here. So every course there can be is among the choices, and none costs less
than they say.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from solver.layout import Layout, SideOptions
from solver.problem import Course, IntArray, Slots, Target
from solver.segments import Segment, slots_of

Stretch = tuple[int, int]  # half-open ticks
Stays = tuple[int, frozenset[Stretch]]  # a pool, and the ways in which one stay of it can lie on one day


class Told(NamedTuple):
    """The day and tick an attended task was told for, and the price of another day or none."""

    day: int
    tick: int
    price: int


@dataclass(frozen=True)
class Choice:
    """One way to give a dose, in days, with the price of what it moves and what it takes of the pools on one day."""

    day: int
    pivot_day: int
    price: int
    stays: tuple[Stays, ...]


@dataclass(frozen=True, eq=False)
class Choices:
    """All choices of one course.

    By group: `given` its choices, `lost` the price of the visits that go when it is not given. `targets` are those of
    the template by group, `least_off` the days off target that a group keeps whatever happens. Whoever must not move
    stands where the one choice of a group is.
    """

    course: Course
    layout: Layout
    given: Mapping[int, tuple[Choice, ...]]
    lost: Mapping[int, int]
    targets: Mapping[int, Target]
    told: Mapping[int, int]
    least_off: Mapping[int, int]
    must: frozenset[int]
    pivots: Mapping[int, int] = field(default_factory=dict)

    def is_shifted(self, group: int, choice: Choice) -> bool:
        """Whether a dose keeps its day, but not the day of its pivot: free, and yet for nothing."""
        return self.told.get(group) == choice.day and self.pivots.get(group, choice.pivot_day) != choice.pivot_day


Ways = tuple[tuple[int, tuple[Stays, ...]], ...]  # by pivot day
Known = dict[tuple[int, int], Ways]  # by table and visit day
Beside = Callable[[int, int | None], int]  # what hangs on a dose given on a day, or not given: a price


def choices_of(
    layout: Layout,
    course: Course,
    told: Mapping[int, Told],
    beside: Beside,
    *,
    is_content: bool,
    broken: Container[int] = (),
    known: Known | None = None,
    pivots: Mapping[int, int] | None = None,
) -> Choices:
    """The choices of one course.

    Parameters
    ----------
    told
        By task, what was told of the attended tasks that may move.
    beside
        The price of what else moves with a dose.
    is_content
        Whether a pair off its target may stay so without anybody counting that as something to put right.
    broken
        The groups that cannot stay as told. Any other with a visit that may not move has to be given.
    known
        What courses with the same tables share; filled on the way.
    pivots
        By group, the day of the pivot as told.
    """
    template = layout.template
    visits = {group: layout.resolve(point).task for group, point in enumerate(template.visits)}
    targets = {template.tasks[one.b.task].group: one for one in template.targets}
    given, lost, days = {}, {}, {}
    windows: dict[int, set[int]] = {}
    for group in layout.group_order:
        allowed = _window(targets.get(group), windows.get(template.parents[group] or 0), template.parents[group])
        one = _Dose(layout, course, group, told, beside, {} if known is None else known)
        given[group] = tuple(one.choices(allowed))
        windows[group] = {choice.day for choice in given[group]}
        lost[group] = beside(group, None) + sum(
            told[task].price for task in told if template.tasks[task].group == group
        )
        if visits[group] in told:
            days[group] = told[visits[group]].day
        elif len(windows[group]) == 1 and _is_pinned(layout, visits[group]):
            days[group] = next(iter(windows[group]))
    least_off = {
        group: abs(days[group] - int(target.table[days[parent]]))
        for group, target in targets.items()
        if is_content and (parent := template.parents[group]) is not None and group in days and parent in days
    }
    must = {group for group in given if given[group] and _has_to_be(layout, group, told, group in broken)}
    return Choices(course, layout, given, lost, targets, days, least_off, _with_anchors(layout, must), pivots or {})


def _has_to_be(layout: Layout, group: int, told: Mapping[int, Told], is_broken: bool) -> bool:
    """Whether a dose is done or too near to be given up: nothing of it can move, or a visit cannot and need not."""
    tasks = layout.by_group[group][0].order
    visits = [task for task in tasks if layout.template.tasks[task].attended]
    if is_broken:
        return all(_is_pinned(layout, task) for task in tasks)
    return any(_is_pinned(layout, task) and task not in told for task in visits)


def _with_anchors(layout: Layout, groups: set[int]) -> frozenset[int]:
    """With every dose that has to be given the one it is counted from."""
    found = set(groups)
    for group in reversed(layout.group_order):
        parent = layout.template.parents[group]
        if group in found and parent is not None:
            found.add(parent)
    return frozenset(found)


def _is_pinned(layout: Layout, task: int) -> bool:
    return len(slots_of(layout.template, task)) == 1


def _window(target: Target | None, anchors: set[int] | None, parent: int | None) -> set[int] | None:
    """The days some day of the anchor allows; None for all."""
    if target is None or parent is None or anchors is None:
        return None
    found: set[int] = set()
    for day in anchors:
        base = int(target.table[day])
        found.update(range(base + target.earliest, base + target.latest + 1))
    return found


class _Dose:
    """Makes the choices of one dose."""

    def __init__(
        self, layout: Layout, course: Course, group: int, told: Mapping[int, Told], beside: Beside, known: Known
    ) -> None:
        self.layout, self.course, self.group = layout, course, group
        self.told, self.beside = told, beside
        self.head: Segment = layout.by_group[group][0]
        self.reach = layout.reaches[self.head.pivot]
        self.pivot = slots_of(layout.template, self.head.pivot)
        self.visit = slots_of(layout.template, self.head.visit)
        self.extras = [
            (task, slots_of(layout.template, task), self._apart(task))
            for task in self.head.order
            if layout.template.tasks[task].attended and task != self.head.visit
        ]
        self.known = known

    def choices(self, allowed: set[int] | None) -> Iterator[Choice]:
        first, last = (self.course.ready_day, self.course.last_day) if self.group == 0 else (0, 2**40)
        for day in sorted(self.reach.cheapest):
            if not first <= day <= last or (allowed is not None and day not in allowed):
                continue
            for pivot_day, stays in self._ways(day):
                sides = self._sides(day, pivot_day)
                if sides is not None:
                    price = self._moved(day) + sides + self.beside(self.group, day)
                    yield Choice(day, pivot_day, price, stays)

    def _ways(self, day: int) -> Ways:
        key = (id(self.reach), day)
        if key not in self.known:
            pivots = self._pivots(day)
            days = self.pivot.start_day[pivots]
            self.known[key] = tuple((at, self._stays(day, pivots[days == at])) for at in np.unique(days).tolist())
        return self.known[key]

    def _pivots(self, day: int) -> IntArray:
        """The pivot slots from which the visit can be on a day, with a time for every other attended task."""
        pivots = np.array(self.reach.pivots_by_day[day], dtype=np.int64)
        for task, slots, (least, most) in self.extras:
            low, high = (edge[pivots] for edge in self._bounds(task))
            first, last = slots.start_day.searchsorted([day - most, day - least + 1])
            first_slot = np.maximum(slots.start.searchsorted(low, "left"), first)
            last_slot = np.minimum(slots.start.searchsorted(high, "right"), last)
            pivots = pivots[first_slot < last_slot]
        return pivots

    def _bounds(self, task: int) -> tuple[IntArray, IntArray]:
        """Earliest and latest start of a task for every pivot slot; alike doses share a table, made for one of them."""
        return self.reach.bounds(self.reach.segment.order[self.head.order.index(task)])

    def _sides(self, day: int, pivot_day: int) -> int | None:
        """The least price of the harvests that go with a choice; None when there is a side without any day."""
        total = 0
        for side, options in self.layout.sides[self.group]:
            prices = list(self._side_prices(side, options, day, pivot_day))
            if not prices:
                return None
            total += min(prices)
        return total

    def _side_prices(self, side: Segment, options: SideOptions, day: int, pivot_day: int) -> Iterator[int]:
        told = self.told.get(side.visit)
        for i in options.fits(day, pivot_day):
            if options.visit_day[i] >= self.course.ready_day:
                yield 0 if told is None or told.day == options.visit_day[i] else told.price

    def _moved(self, day: int) -> int:
        """What the visits of a dose cost that cannot stay on their days when it is given on this one."""
        price = 0
        visit = self.told.get(self.head.visit)
        if visit is not None and visit.day != day:
            price += visit.price
        for task, slots, (least, most) in self.extras:
            told = self.told.get(task)
            if told is not None and not (least <= day - told.day <= most and _has(slots, told.day)):
                price += told.price
        return price

    def _apart(self, task: int) -> tuple[int, int]:
        """How many days after another attended task the visit can come."""
        least, most = -(2**40), 2**40
        for lag in self.layout.template.day_lags:
            a, b = self.layout.resolve(lag.a), self.layout.resolve(lag.b)
            if (a.task, b.task) == (task, self.head.visit) and not a.at_end and not b.at_end:
                least = max(least, -(2**40) if lag.least is None else lag.least)
                most = min(most, 2**40 if lag.most is None else lag.most)
        return least, most

    def _stays(self, day: int, pivots: IntArray) -> tuple[Stays, ...]:
        """What a choice takes of pools on one day: for the pivot, the visit, and every task whose day follows."""
        found = list(self._of(self.head.pivot, self.pivot, pivots))
        if self.head.visit != self.head.pivot:
            first, last = self.visit.start_day.searchsorted([day, day + 1])
            low, high = int(self.reach.low[pivots].min()), int(self.reach.high[pivots].max())
            found += self._of(self.head.visit, self.visit, np.arange(max(first, low), min(last, high)))
        for task, slots, (least, most) in self.extras:
            if least == most and task != self.head.pivot:
                first, last = slots.start_day.searchsorted([day - least, day - least + 1])
                found += self._of(task, slots, np.arange(first, last))
        return tuple(found)

    def _of(self, task: int, slots: Slots, chosen: IntArray) -> Iterator[Stays]:
        for stay in self.layout.checks[task].stays:
            begin, until = self.layout.resolve(stay.begin), self.layout.resolve(stay.until)
            if begin.task == until.task == task and len(chosen):
                firsts = slots.edge(begin.at_end)[chosen].tolist()
                ways = frozenset(zip(firsts, (slots.edge(until.at_end)[chosen] + stay.tail).tolist(), strict=True))
                if all(first < last for first, last in ways):
                    yield stay.pool, ways


def _has(slots: Slots, day: int) -> bool:
    """Whether a task can start on a day."""
    low, high = slots.start_day.searchsorted([day, day + 1])
    return bool(low < high)
