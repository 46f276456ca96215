"""The search behind insertion: dose by dose in order of cost, on days whose hours `HourSearch` finds."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver.hours import Edge, HourSearch, Slotting
from solver.layout import Layout
from solver.loads import Loads
from solver.problem import Course, Problem, Slots, Target
from solver.segments import FAR

LEVEL = 10_000_000  # one unit of level 1 outweighs any sum of level 3 within a course
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


class Finder(HourSearch):
    """Searches one template: the cheapest way to place a course on what the pools have left."""

    def __init__(self, problem: Problem, layout: Layout, loads: Loads) -> None:
        super().__init__(problem, layout, loads)
        self.targets: dict[int, Target] = {
            self.template.tasks[target.b.task].group: target for target in self.template.targets
        }
        self._due: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._pivot_days: dict[tuple[int, int], list[int]] = {}
        self._later = layout.group_order[1:]
        self._kinds = [self._kind(group) for group in range(self.template.groups)]
        self._floors: dict[tuple[object, int], int] = {}
        self._floors_at = loads.freed
        self._held: dict[int, list[list[Between]]] = {}

    # --- bare costs, nothing else in the way --------------------------------------------------------------------

    def cheapest(self, group: int, day: int) -> int:
        """A lower bound on the cold hours of a dose on a day; negative when the day is impossible."""
        return self.layout.reaches[self.layout.by_group[group][0].pivot].cheapest.get(day, -1)

    def due(self, group: int, anchor_day: int) -> list[tuple[int, int]]:
        """(lower bound on the scalar cost, day) of a dose after its anchor's day, cheapest first."""
        key = (group, anchor_day)
        if key not in self._due:
            target = self.targets[group]
            base = int(target.table[anchor_day]) if anchor_day < len(target.table) else self.problem.days
            found: list[tuple[int, int]] = []
            for off in range(max(target.earliest, -self.problem.days), min(target.latest, self.problem.days) + 1):
                bare = self.cheapest(group, base + off)
                if bare >= 0:
                    found.append((abs(off) * target.weight * (LEVEL if target.level == 0 else 1) + bare, base + off))
            self._due[key] = sorted(found)
        return self._due[key]

    # --- what the pools leave, before anything of the course is placed --------------------------------------------

    def _kind(self, group: int) -> object:
        """What makes the hours of two doses alike: the same tables, bounds and pools."""
        head = self.layout.by_group[group][0]
        place = {task: i for i, task in enumerate(head.order)}

        def edge(one: Edge) -> tuple[int, int]:
            return place.get(one[0], -1), id(one[1])

        listed = [self.checks[task] for task in head.order]
        bounds = tuple((edge(a), edge(b), *span) for one in listed for a, b, *span in one.bounds if a[0] in place)
        stays = tuple((pool, edge(a), edge(b), tail) for one in listed for pool, a, b, tail in one.stays)
        return id(self.layout.reaches[head.pivot]), bounds, stays

    def floor(self, group: int, day: int) -> int:
        """What the cold hours of a dose cost at least on a day with what is taken now; negative when impossible.

        More taken only makes it dearer, so a floor holds until something is freed.
        """
        if self._floors_at != self.loads.freed:
            self._floors.clear()
            self._floors_at = self.loads.freed
        key = (self._kinds[group], day)
        if key not in self._floors:
            head = self.layout.by_group[group][0]
            search = (
                self._segment(ANYBODY, head, day, {}, None, set(), {}) if self.cheapest(group, day) >= 0 else iter(())
            )
            self._floors[key] = next((cost for cost, _ in search), -1)
        return self._floors[key]

    def _floor_of_course(self, day: int) -> int:
        """What a course with dose 1 on a day costs at least beyond its waiting, with what is taken now."""
        absent = LEVEL * self.problem.weights.absent
        total = self.floor(0, day)
        if total < 0:
            return absent * self.template.groups
        for group in self._later:
            if self.template.parents[group] == 0:
                total += min(self._floor_after(group, day), absent)
        return total

    def _floor_after(self, group: int, anchor_day: int) -> int:
        least = LEVEL * self.problem.weights.absent
        for bare, day in self.due(group, anchor_day):
            if bare >= least:
                break
            floor = self.floor(group, day)
            if floor >= 0:
                least = min(least, bare - self.cheapest(group, day) + floor)
        return least

    def still_due(self, group: int, days: Mapping[int, int]) -> int:
        """A lower bound on what a dose not placed yet costs, given the days of the doses that are."""
        absent = LEVEL * self.problem.weights.absent
        parent = self.template.parents[group]
        if parent is None or parent not in days:
            return 0
        due = self.due(group, days[parent])
        return min(due[0][0], absent) if due else absent

    # --- the search -------------------------------------------------------------------------------------------

    def best(self, course: Course, earliest: bool, wish: Wish) -> tuple[int, Slotting, set[int]]:
        """Cheapest (scalar cost, slots, groups present); all groups absent when dose 1 finds no place.

        With `earliest`, the first day on which the fewest doses are lost, whatever it costs. Of courses that cost the
        same the one with the earlier first day is taken, whatever was known of their days before.
        """
        absent = LEVEL * self.problem.weights.absent
        best: tuple[int, Slotting, set[int]] = (absent * self.template.groups, {}, set())
        lost = self.template.groups
        chosen = -1
        for bare, day in self._in_turn(course, self._first_days(course, earliest, wish), earliest or bool(wish.days)):
            limit = absent * lost if earliest else best[0] + (day < chosen)
            if bare >= limit:
                if earliest or bare > best[0]:
                    break
                continue
            found = self._course_from(course, day, wish, limit)
            if found is not None and (self.template.groups - len(found[2]) < lost or not earliest):
                best, lost, chosen = found, self.template.groups - len(found[2]), day
        return best

    def _in_turn(self, course: Course, days: list[tuple[int, int]], as_given: bool) -> Iterator[tuple[int, int]]:
        """First days by what they cost at least; each is looked at closely only when its turn comes."""
        if as_given:
            yield from days
            return
        waiting = [(bare, day, False) for bare, day in days]
        heapq.heapify(waiting)
        while waiting:
            bare, day, close = heapq.heappop(waiting)
            if close:
                yield bare, day
                continue
            waited = self.problem.weights.waiting * (day - course.waits_from_day)
            heapq.heappush(waiting, (max(bare, waited + self._floor_of_course(day)), day, True))

    def _first_days(self, course: Course, earliest: bool, wish: Wish) -> list[tuple[int, int]]:
        head = self.layout.by_group[0][0]
        days = range(course.ready_day, min(course.last_day, self.problem.days - 1) + 1)
        if head.pivot in wish.days:
            days = range(wish.days[head.pivot][1], wish.days[head.pivot][1] + 1)
        found: list[tuple[int, int]] = []
        unwanted = wish.avoid.get(0, ())
        for day in days:
            bare = -1 if day in unwanted else self.cheapest(0, day)
            if bare >= 0 and any(self._sides_exist(course, 0, day, at) for at in self.pivot_days(0, day)):
                bare += self.problem.weights.waiting * (day - course.waits_from_day)
                found.append((bare + sum(self.still_due(group, {0: day}) for group in self._later), day))
        if earliest:
            absent = LEVEL * self.problem.weights.absent
            return sorted(((bare // absent) * absent, day) for bare, day in found)
        return sorted(found)

    def _course_from(self, course: Course, day: int, wish: Wish, limit: int) -> tuple[int, Slotting, set[int]] | None:
        """A course with dose 1 on a day, if it costs less than `limit`."""
        placed: Slotting = {}
        held: list[tuple[int, int, int]] = []
        cost = self.problem.weights.waiting * (day - course.waits_from_day)
        days: dict[int, int] = {}
        try:
            for position, group in enumerate(self.layout.group_order):
                parent = self.template.parents[group]
                added = None
                if parent is None or parent in days:
                    added = self._group(course, group, day, placed, held, wish)
                if added is None and group == 0:
                    return None
                if added is not None:
                    days[group] = self.day(placed, self.template.visits[group])
                cost += LEVEL * self.problem.weights.absent if added is None else added
                rest = self.layout.group_order[position + 1 :]
                if cost + sum(self.still_due(later, days) for later in rest) >= limit:
                    return None
            return cost, placed, set(days)
        finally:
            for pool, first, last in held:
                self.loads.change(pool, first, last, -1)

    def _group(
        self,
        course: Course,
        group: int,
        first_day: int,
        placed: Slotting,
        held: list[tuple[int, int, int]],
        wish: Wish,
    ) -> int | None:
        """Place one dose with its segments at the least cost; extends `placed` and `held`, returns the cost."""
        head = self.layout.by_group[group][0]
        if group == 0:
            candidates = [(0, first_day)]
        elif group in self.targets:
            candidates = self.due(group, self.day(placed, self.targets[group].a))
        else:
            candidates = [(0, day) for day in range(first_day, self.problem.days) if self.cheapest(group, day) >= 0]
        if head.pivot in wish.days:
            candidates = [one for one in candidates if one[1] == wish.days[head.pivot][1]]
        if group in wish.avoid:
            candidates = [one for one in candidates if one[1] not in wish.avoid[group]]
        best: tuple[int, Slotting] | None = None
        for bare, day in candidates:
            if best is not None and bare >= best[0]:
                break
            off_target = bare - max(self.cheapest(group, day), 0) if group else 0
            found = self._dose_on(course, group, day, placed, wish, FAR if best is None else best[0] - off_target)
            if found is None:
                continue
            cost = off_target + found[0]
            if best is None or cost < best[0]:
                best = (cost, found[1])
        if best is None:
            return None
        placed.update(best[1])
        for task in best[1]:
            for pool, (begin, begins), (until, untils), tail in self.checks[task].stays:
                stretch = (pool, begins[placed[begin]], untils[placed[until]] + tail)
                self.loads.change(*stretch, 1)
                held.append(stretch)
        return best[0]

    def _dose_on(
        self, course: Course, group: int, day: int, placed: Mapping[int, int], wish: Wish, limit: int
    ) -> tuple[int, Slotting] | None:
        """The cheapest hours of a dose on a day with all that goes with it, if they cost less than `limit`."""
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
