"""The search behind insertion: dose by dose in order of cost, on days whose hours `DoseSearch` finds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from solver.doses import DoseSearch, Wish
from solver.hours import Slotting
from solver.layout import Layout
from solver.loads import Loads
from solver.problem import Course, Problem, Target
from solver.segments import FAR

LEVEL = 10_000_000_000  # one unit of level 1 outweighs any sum of levels 2 and 3 within a course
MOVED = 1_000_000  # one unit of level 2 outweighs any sum of level 3 within a course


class Kept(NamedTuple):
    """The day a dose is published for, and what it costs to give it on another."""

    day: int
    price: int


class Finder(DoseSearch):
    """Searches one template: the cheapest way to place a course on what the pools have left.

    With `kept`, doses that were published before cost their price more on any other day.
    """

    def __init__(self, problem: Problem, layout: Layout, loads: Loads, kept: Mapping[int, Kept] | None = None) -> None:
        super().__init__(problem, layout, loads)
        self._kept = kept or {}
        lost = LEVEL * problem.weights.absent
        self._absent = [
            lost + (self._kept[group].price if group in self._kept else 0) for group in range(self.template.groups)
        ]
        self.targets: dict[int, Target] = {
            self.template.tasks[target.b.task].group: target for target in self.template.targets
        }
        self._due: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._later = layout.group_order[1:]
        self._course_floors: dict[int, int] = {}
        self._beginnings: dict[tuple[int, int], bool] = {}
        self._looked_at = loads.lasting

    # --- what a course costs at least -----------------------------------------------------------------------------

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
                    off_target = abs(off) * target.weight * (LEVEL if target.level == 0 else 1)
                    found.append((off_target + self._moved(group, base + off) + bare, base + off))
            self._due[key] = sorted(found)
        return self._due[key]

    def _look_again(self) -> None:
        """Forget what held only for exactly what was taken then."""
        self._forget_freed()
        if self._looked_at != self.loads.lasting:
            self._course_floors.clear()
            self._beginnings.clear()
            self._looked_at = self.loads.lasting

    def _floor_of_course(self, day: int) -> int:
        """What a course with dose 1 on a day costs at least beyond its waiting, with what is taken now."""
        if day not in self._course_floors:
            self._course_floors[day] = self._sum_of_floors(day)
        return self._course_floors[day]

    def _sum_of_floors(self, day: int) -> int:
        total = self.floor(0, day)
        if total < 0:
            return sum(self._absent)
        for group in self._later:
            if self.template.parents[group] == 0:
                total += min(self._floor_after(group, day), self._absent[group])
        return total

    def _floor_after(self, group: int, anchor_day: int) -> int:
        least = self._absent[group]
        for bare, day in self.due(group, anchor_day):
            if bare >= least:
                break
            floor = self.floor(group, day)
            if floor >= 0:
                least = min(least, bare - self.cheapest(group, day) + floor)
        return least

    def still_due(self, group: int, days: Mapping[int, int]) -> int:
        """A lower bound on what a dose not placed yet costs, given the days of the doses that are."""
        absent = self._absent[group]
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
        self._look_again()
        absent = LEVEL * self.problem.weights.absent
        best: tuple[int, Slotting, set[int]] = (sum(self._absent), {}, set())
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
            begun = self._begun_on(course, day)
            heapq.heappush(waiting, (max(bare, begun + self._floor_of_course(day)), day, True))

    def _begun_on(self, course: Course, day: int) -> int:
        """What dose 1 on a day costs beside its hours: the waiting, and the move."""
        return self.problem.weights.waiting * (day - course.waits_from_day) + self._moved(0, day)

    def _moved(self, group: int, day: int) -> int:
        kept = self._kept.get(group)
        return 0 if kept is None or kept.day == day else kept.price

    def _first_days(self, course: Course, earliest: bool, wish: Wish) -> list[tuple[int, int]]:
        head = self.layout.by_group[0][0]
        days = range(course.ready_day, min(course.last_day, self.problem.days - 1) + 1)
        if head.pivot in wish.days:
            days = range(wish.days[head.pivot][1], wish.days[head.pivot][1] + 1)
        found: list[tuple[int, int]] = []
        unwanted = wish.avoid.get(0, ())
        for day in days:
            bare = -1 if day in unwanted else self.cheapest(0, day)
            if bare >= 0 and self._may_begin(course, day):
                bare += self._begun_on(course, day)
                found.append((bare + sum(self.still_due(group, {0: day}) for group in self._later), day))
        if earliest:
            absent = LEVEL * self.problem.weights.absent
            return sorted(((bare // absent) * absent, day) for bare, day in found)
        return sorted(found)

    def _may_begin(self, course: Course, day: int) -> bool:
        """Whether dose 1 on a day leaves a day for its harvest."""
        key = (course.ready_day, day)
        if key not in self._beginnings:
            self._beginnings[key] = any(self._sides_exist(course, 0, day, at) for at in self.pivot_days(0, day))
        return self._beginnings[key]

    def _course_from(self, course: Course, day: int, wish: Wish, limit: int) -> tuple[int, Slotting, set[int]] | None:
        """A course with dose 1 on a day, if it costs less than `limit`."""
        placed: Slotting = {}
        held: list[tuple[int, int, int]] = []
        cost = self._begun_on(course, day)
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
                cost += self._absent[group] if added is None else added
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
