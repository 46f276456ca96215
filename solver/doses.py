"""The cheapest hours of one dose on a day, with the harvest or thaw that goes with it, and what is known of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from solver.hours import Edge, HourSearch, Slotting
from solver.layout import Layout
from solver.loads import Loads, Stretch
from solver.problem import Course, Problem, Slots
from solver.segments import FAR, Segment

SIDE_TRIES = 2  # timings of a dose tried on a day before its harvest or thaw is held impossible


@dataclass(frozen=True)
class Wish:
    """What a course should look like on one template.

    For the pivot task of a segment `days` has the (pivot day, visit day) it should fall on: kept to for a dose, tried
    first for what goes with it. `slots` are tried first for their tasks. `avoid` has, per group, the visit days that
    are not wanted.
    """

    days: Mapping[int, tuple[int, int]]
    slots: Mapping[int, int]
    avoid: Mapping[int, Container[int]] = field(default_factory=dict)


NO_WISH = Wish({}, {})

ANYBODY = Course("", (), 0, -(2**40), 2**40)  # who may begin at any time

# A pool held from a side to its dose: by pivot day the last tick at which that may begin and the first at which it may
# end, and the tail.
Between = tuple[int, dict[int, int], dict[int, int], int]


@dataclass(frozen=True, eq=False)
class Alone:
    """The cheapest hours of a dose on a day with all that goes with it, nothing else of the course being placed.

    `slots` are those of its tasks in order; `stretches` what they hold of the pools. `cost` is negative when there are
    none. They are `cheapest` when they cost no more than with nothing taken at all: nothing given back can better that.
    """

    cost: int
    cheapest: bool = False
    slots: tuple[int, ...] = ()
    stretches: tuple[Stretch, ...] = ()


class DoseSearch(HourSearch):
    """Searches one template dose by dose: hours of a dose on a day, on what the pools have left."""

    def __init__(self, problem: Problem, layout: Layout, loads: Loads) -> None:
        super().__init__(problem, layout, loads)
        self._pivot_days: dict[tuple[int, int], list[int]] = {}
        self._held: dict[int, list[list[Between]]] = {}
        self._tasks = [[task for one in pieces for task in one.order] for pieces in layout.by_group]
        self._pools = {pool for checks in self.checks.values() for pool, *_ in checks.stays}
        self._known: dict[tuple[int, int], Alone] = {}
        self._known_at = loads.freed
        self._within: dict[tuple[int, int], tuple[int, int]] = {}

    def cheapest(self, group: int, day: int) -> int:
        """A lower bound on the cold hours of a dose on a day; negative when the day is impossible."""
        return self.layout.reaches[self.layout.by_group[group][0].pivot].cheapest.get(day, -1)

    # --- a dose by itself, before anything else of the course is placed ------------------------------------------

    @cached_property
    def _kinds(self) -> list[int]:
        """By dose, the first that is like it."""
        kinds = [self._kind(group) for group in range(self.template.groups)]
        return [kinds.index(kind) for kind in kinds]

    def _kind(self, group: int) -> object:
        """What makes two doses alike, with all that goes with them: the same tables, bounds and pools."""
        place = {task: i for i, task in enumerate(self._tasks[group])}

        def edge(one: Edge) -> tuple[int, int]:
            return place.get(one[0], -1), id(one[1])

        listed = [self.checks[task] for task in self._tasks[group]]
        bounds = tuple((edge(a), edge(b), *span) for one in listed for a, b, *span in one.bounds if a[0] in place)
        stays = tuple((pool, edge(a), edge(b), tail) for one in listed for pool, a, b, tail in one.stays)
        return tuple(id(self.layout.reaches[one.pivot]) for one in self.layout.by_group[group]), bounds, stays

    def floor(self, group: int, day: int) -> int:
        """What a dose costs at least on a day with what is taken now, off its target or not; negative when impossible.

        More taken only makes it dearer, so a floor holds until something is freed. What is known of a dose is looked
        for again as soon as a part of it is taken.
        """
        self._forget_freed()
        key = (self._kinds[group], day)
        known = self._known.pop(key, None)
        if known is None or not all(self.loads.fits(*stretch) for stretch in known.stretches):
            known = self._searched_alone(group, day)
            if key not in self._within:
                self._within[key] = self._extent(group, day)
        self._known[key] = known
        return known.cost

    def _searched_alone(self, group: int, day: int) -> Alone:
        found = self._dose_on(ANYBODY, group, day, {}, NO_WISH, FAR) if self.cheapest(group, day) >= 0 else None
        if found is None:
            return Alone(-1)
        slots = tuple(found[1][task] for task in self._tasks[group])
        return Alone(found[0], found[0] <= self.cheapest(group, day), slots, tuple(self.occupied(found[1])))

    def _extent(self, group: int, day: int) -> tuple[int, int]:
        """The half-open ticks outside of which a dose on a day, with all that goes with it, holds nothing."""
        head = self.layout.by_group[group][0]
        starts = self.slots[head.pivot].starts
        pivots = [starts[pivot] for pivot in self.layout.reaches[head.pivot].pivots_by_day.get(day, ())]
        around = [self._around(head, min(pivots), max(pivots))] if pivots else []
        for side, options in self.layout.sides[group]:
            days = [options.pivot_day[i] for at in self.pivot_days(group, day) for i in options.fits(day, at)]
            slots = self.slots[side.pivot]
            if days:
                first, last = bisect_left(slots.start_days, min(days)), bisect_right(slots.start_days, max(days)) - 1
                around.append(self._around(side, slots.starts[first], slots.starts[last]))
        return min((low for low, _ in around), default=0), max((high for _, high in around), default=0)

    def _around(self, segment: Segment, first: int, last: int) -> tuple[int, int]:
        """The ticks a segment can hold anything in, its pivot starting from `first` to `last`."""
        low, high = first, last + self.slots[segment.pivot].longest
        for task in segment.order[1:]:
            least, most = self.layout.spans[segment.pivot][segment.pivot, task]
            low, high = min(low, first + least), max(high, last + most + self.slots[task].longest)
        return low, high + max((tail for task in segment.order for *_, tail in self.checks[task].stays), default=0)

    def _forget_freed(self) -> None:
        """Forget what something given back since may have made cheaper."""
        if self._known_at == self.loads.freed:
            return
        freed = self.loads.freed_since(self._known_at)
        self._known_at = self.loads.freed
        if freed is None:
            self._known.clear()
            return
        for _, first, last in (stretch for stretch in freed if stretch[0] in self._pools):
            for key in [one for one in self._known if self._within[one][0] < last and first < self._within[one][1]]:
                if not self._known[key].cheapest:
                    del self._known[key]

    # --- a dose beside others --------------------------------------------------------------------------------------

    def _dose_on(
        self, course: Course, group: int, day: int, placed: Mapping[int, int], wish: Wish, limit: int
    ) -> tuple[int, Slotting] | None:
        """The cheapest hours of a dose on a day with all that goes with it, if they cost less than `limit`."""
        key = (self._kinds[group], day)
        known = None if wish.days or wish.slots else self._known.get(key)
        if known is not None:
            if known.cost < 0 or known.cost >= limit:
                return None
            slots = dict(zip(self._tasks[group], known.slots, strict=True))
            if self._agrees(course, slots, placed):
                return known.cost, slots
        head = self.layout.by_group[group][0]
        chosen = wish.days.get(head.pivot)
        hopeless = {at for at in self.pivot_days(group, day) if not self._sides_exist(course, group, day, at)}
        days = self.slots[head.pivot].start_days
        tries: dict[int, int] = {}
        for cost, done in self._segment(course, head, day, placed, chosen, hopeless, wish.slots, limit):
            at = days[done[head.pivot]]
            if self._sides(course, group, day, at, done, wish):
                return cost, {task: slot for task, slot in done.items() if task not in placed}
            tries[at] = tries.get(at, 0) + 1
            if tries[at] >= SIDE_TRIES:
                hopeless.add(at)
        return None

    def _agrees(self, course: Course, slots: Slotting, placed: Mapping[int, int]) -> bool:
        """Whether tasks may take their slots beside what is placed."""
        trial = dict(placed)
        for task, slot in slots.items():
            trial[task] = slot
            if not self._holds(course, task, trial):
                return False
        return True

    def pivot_days(self, group: int, day: int) -> list[int]:
        """On which days the pivot of a dose can start for its visit to fall on a day."""
        if (group, day) not in self._pivot_days:
            head = self.layout.by_group[group][0]
            days = self.slots[head.pivot].start_days
            pivots = self.layout.reaches[head.pivot].pivots_by_day.get(day, [])
            self._pivot_days[group, day] = sorted({days[pivot] for pivot in pivots})
        return self._pivot_days[group, day]

    def _sides_exist(self, course: Course, group: int, day: int, pivot_day: int) -> bool:
        """Whether each harvest or thaw of a dose has a day that leaves a unit for what is held from it to the dose."""
        return all(
            any(
                options.visit_day[i] >= course.ready_day
                and all(
                    self.loads.fits(pool, latest[options.pivot_day[i]], soonest[pivot_day] + tail)
                    for pool, latest, soonest, tail in between
                )
                for i in options.fits(day, pivot_day)
            )
            for (_, options), between in zip(self.layout.sides[group], self._between(group), strict=True)
        )

    def _between(self, group: int) -> list[list[Between]]:
        """For each harvest or thaw of a dose, what is held from its pivot to that of the dose."""
        if group not in self._held:
            head = self.layout.by_group[group][0].pivot
            self._held[group] = []
            for side, _ in self.layout.sides[group]:
                found: list[Between] = []
                for one in self.template.stays:
                    begin, until = self.layout.resolve(one.begin), self.layout.resolve(one.until)
                    if (begin.task, until.task) == (side.pivot, head):
                        latest = _by_day(self.slots[begin.task], begin.at_end, np.maximum)
                        found.append((one.pool, latest, _by_day(self.slots[head], until.at_end, np.minimum), one.tail))
                self._held[group].append(found)
        return self._held[group]

    def _sides(self, course: Course, group: int, day: int, pivot_day: int, placed: Slotting, wish: Wish) -> bool:
        """Place harvests and thaws of a dose, on the day nearest the middle of what is allowed; extends `placed`."""
        for side, options in self.layout.sides[group]:
            days = [(options.pivot_day[i], options.visit_day[i]) for i in options.fits(day, pivot_day)]
            wished = wish.days.get(side.pivot)
            for chosen in sorted(days, key=lambda one: one != wished):
                if chosen[1] < course.ready_day:
                    continue
                found = next(self._segment(course, side, chosen[1], placed, chosen, set(), wish.slots), None)
                if found is not None:
                    placed.update(found[1])
                    break
            else:
                return False
        return True


def _by_day(slots: Slots, at_end: bool, pick: np.ufunc) -> dict[int, int]:
    """The tick of an edge picked from the slots that start on each day."""
    if not len(slots):
        return {}
    first = np.concatenate([[0], np.flatnonzero(np.diff(slots.start_day)) + 1])
    ticks: list[int] = pick.reduceat(slots.edge(at_end), first).tolist()
    return dict(zip(slots.start_day[first].tolist(), ticks, strict=True))
