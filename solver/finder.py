"""The search behind insertion: dose by dose in order of cost, hours by hours where days have been chosen."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver.layout import Layout
from solver.problem import Course, Point, Problem, Slots, Target
from solver.segments import FAR, Segment

LEVEL = 10_000_000  # one unit of level 1 outweighs any sum of level 3 within a course
PAIRS_TRIED = 400
NODES_PER_PAIR = 200
SIDE_TRIES = 2  # timings of a dose tried on a day before its harvest or thaw is held impossible
Slotting = dict[int, int]


class Loads:
    """Units taken of every pool at every tick."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.freed = 0
        self.reset()

    def reset(self) -> None:
        """Back to what is taken before any course is placed."""
        self.freed += 1
        self.taken = [load.copy() for load in self.problem.load]
        # Where a pool is full, as bytes: looking for a full tick in a stretch is by far the commonest question.
        self._full = [
            bytearray((taken >= capacity).tobytes())
            for taken, capacity in zip(self.taken, self.problem.capacity, strict=True)
        ]

    def fits(self, pool: int, first: int, last: int) -> bool:
        """Whether one more unit is free during the whole of ``[first, last)``."""
        return last <= first or self._full[pool].find(1, first, last) < 0

    def change(self, pool: int, first: int, last: int, by: int) -> None:
        """Take (`by` = 1) or give back (-1) one unit during ``[first, last)``."""
        if last > first:
            taken = self.taken[pool][first:last]
            taken += by
            self._full[pool][first:last] = (taken >= self.problem.capacity[pool]).tobytes()

    def free(self, pool: int, first: int, last: int) -> None:
        """Give back one unit for good; what was known to be impossible may be possible now, which `freed` counts."""
        self.change(pool, first, last, -1)
        self.freed += 1


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


Edge = tuple[int, list[int]]  # a task and the tick (or day) of one of its edges, by slot


# A pool held from a side to its dose: by pivot day the last tick at which that may begin and the first at which it may
# end, and the tail.
Between = tuple[int, dict[int, int], dict[int, int], int]


@dataclass(frozen=True, eq=False)
class Checklist:
    """One task's checks, flat: bounds between two edges (ticks and days alike), and stays on a pool."""

    bounds: tuple[tuple[Edge, Edge, int, int], ...]
    stays: tuple[tuple[int, Edge, Edge, int], ...]
    attended: bool


class Finder:
    """Searches one template: the cheapest way to place a course on what the pools have left."""

    def __init__(self, problem: Problem, layout: Layout, loads: Loads) -> None:
        self.problem = problem
        self.layout = layout
        self.template = layout.template
        self.loads = loads
        self.slots: dict[int, Slots] = {
            task: slots for task in layout.position if (slots := self.template.tasks[task].slots) is not None
        }
        self.checks = {task: self._plain(task) for task in layout.position}
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
        self._nodes = 0
        self._first: Mapping[int, int] = {}

    def _plain(self, task: int) -> Checklist:
        checks = self.layout.checks[task]
        ticks = [(self._edge(one.a), self._edge(one.b), one.least, one.most) for one in checks.lags]
        days = [(self._edge_day(one.a), self._edge_day(one.b), one.least, one.most) for one in checks.day_lags]
        return Checklist(
            bounds=tuple(
                (a, b, -FAR if least is None else least, FAR if most is None else most)
                for a, b, least, most in days + ticks
            ),
            stays=tuple((one.pool, self._edge(one.begin), self._edge(one.until), one.tail) for one in checks.stays),
            attended=self.template.tasks[task].attended,
        )

    def _edge(self, point: Point) -> Edge:
        seen = self.layout.resolve(point)
        return seen.task, self.slots[seen.task].ends if seen.at_end else self.slots[seen.task].starts

    def _edge_day(self, point: Point) -> Edge:
        seen = self.layout.resolve(point)
        return seen.task, self.slots[seen.task].end_days if seen.at_end else self.slots[seen.task].start_days

    # --- reading a placement ---------------------------------------------------------------------------------

    def day(self, placed: Mapping[int, int], point: Point) -> int:
        """The day of a point of a placed task."""
        task, days = self._edge_day(point)
        return days[placed[task]]

    def occupied(self, placed: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
        """Every stretch of every pool that a placement holds, tail included."""
        for task in placed:
            for pool, (begin, begins), (until, untils), tail in self.checks[task].stays:
                if begin in placed and until in placed:
                    yield pool, begins[placed[begin]], untils[placed[until]] + tail

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

    def _segment(
        self,
        course: Course,
        segment: Segment,
        day: int,
        placed: Mapping[int, int],
        chosen: tuple[int, int] | None,
        hopeless: set[int],
        first: Mapping[int, int],
        limit: int = FAR,
    ) -> Iterator[tuple[int, Slotting]]:
        """Placements of one segment with its visit on a day, cheapest first, on what the pools have left.

        What comes before the pivot is searched once per pivot slot: what comes after does not see it.
        """
        good: dict[int, bool] = {}
        seen: dict[int, bool] = {}
        before: dict[int, Slotting | None] = {}
        tried = 0
        failed = False
        trial: Slotting = dict(placed)
        pivot_days = self.slots[segment.pivot].start_days
        backward = [task for task in segment.order[self._first_free(segment) :] if task not in segment.forward]
        forward = [task for task in segment.order[self._first_free(segment) :] if task in segment.forward]
        self._first = first
        for pivot in self.layout.reaches[segment.pivot].pivots_by_day.get(day, ()):
            right_day = pivot_days[pivot] not in hopeless and (chosen is None or pivot_days[pivot] == chosen[0])
            good[pivot] = right_day and self._allowed(course, segment.pivot, pivot, trial)
        if not any(good.values()):
            return
        for cost, pivot, visit in self._pairs(segment, day, first):
            if cost >= limit:
                return
            if not good[pivot] or pivot_days[pivot] in hopeless:
                continue
            if segment.visit != segment.pivot:
                if visit not in seen:
                    seen[visit] = self._alone(segment.visit, visit)
                if not seen[visit]:
                    continue
                trial[segment.pivot], trial[segment.visit] = pivot, visit
                if not self._holds(course, segment.visit, trial):
                    del trial[segment.pivot], trial[segment.visit]
                    continue
            trial[segment.pivot] = pivot
            tried += 1
            if pivot not in before:
                done = self._placed(course, segment, backward, trial, failed)
                failed |= not done
                before[pivot] = {task: trial[task] for task in backward} if done else None
                good[pivot] = done
            if before[pivot] is not None:
                trial.update(before[pivot] or {})
                if self._placed(course, segment, forward, trial, failed):
                    yield cost, dict(trial)
                else:
                    failed = True
            for task in segment.order:
                trial.pop(task, None)
            if tried >= PAIRS_TRIED:
                return

    def _pairs(self, segment: Segment, day: int, first: Mapping[int, int]) -> Iterable[tuple[int, int, int]]:
        pairs = self.layout.reaches[segment.pivot].pairs(day)
        if segment.pivot not in first:
            return pairs
        wished = (first[segment.pivot], first.get(segment.visit, first[segment.pivot]))
        return itertools.chain((one for one in pairs if one[1:] == wished), pairs)

    def _allowed(self, course: Course, task: int, slot: int, trial: Slotting) -> bool:
        """Whether a task could take a slot, seen from what is placed already."""
        trial[task] = slot
        allowed = self._holds(course, task, trial)
        del trial[task]
        return allowed

    def _first_free(self, segment: Segment) -> int:
        return 1 if segment.visit == segment.pivot else 2

    def _placed(self, course: Course, segment: Segment, tasks: list[int], trial: Slotting, wary: bool) -> bool:
        """Place the tasks beside what is placed; extends `trial`. When wary, look first whether that can go well."""
        self._nodes = 0
        return (not wary or self._hopeful(segment, tasks, trial)) and self._rest(course, segment, tasks, 0, trial)

    def _hopeful(self, segment: Segment, tasks: list[int], trial: Mapping[int, int]) -> bool:
        """Whether every task has a slot that is free when looked at alone, and every stay between tasks may be."""
        spans = {task: self._span(segment, task, trial) for task in tasks}
        if not all(any(self._alone(task, slot) for slot in range(*spans[task])) for task in tasks):
            return False
        for task in tasks:
            for pool, (begin, begins), (until, untils), tail in self.checks[task].stays:
                if begin != until and {begin, until} <= spans.keys() | trial.keys():
                    # Wherever the stay begins and ends, it holds its unit from the last begin to the first end.
                    latest = begins[trial[begin]] if begin in trial else max(begins[slice(*spans[begin])])
                    earliest = untils[trial[until]] if until in trial else min(untils[slice(*spans[until])])
                    if not self.loads.fits(pool, latest, earliest + tail):
                        return False
        return True

    def _rest(self, course: Course, segment: Segment, tasks: list[int], position: int, trial: Slotting) -> bool:
        if position == len(tasks):
            return True
        task = tasks[position]
        for slot in self._candidates(segment, task, trial):
            self._nodes += 1
            if self._nodes > NODES_PER_PAIR:
                return False
            trial[task] = slot
            if self._holds(course, task, trial) and self._rest(course, segment, tasks, position + 1, trial):
                return True
            del trial[task]
        return False

    def _candidates(self, segment: Segment, task: int, trial: Mapping[int, int]) -> Iterable[int]:
        """Slots within the spans to what is placed: after the pivot the earliest first, before it the latest."""
        first, last = self._span(segment, task, trial)
        slot = self._first.get(task, -1)
        rest = range(first, last) if task in segment.forward else range(last - 1, first - 1, -1)
        return itertools.chain((slot,), rest) if first <= slot < last else rest

    def _span(self, segment: Segment, task: int, trial: Mapping[int, int]) -> tuple[int, int]:
        """The half-open range of slots within the spans to what is placed."""
        slots = self.slots[task]
        low, high = -(2**40), 2**40
        spans = self.layout.spans[segment.pivot]
        for other in segment.order:
            if other != task and other in trial:
                at = self.slots[other].starts[trial[other]]
                least, most = spans[other, task]
                low, high = max(low, at + least), min(high, at + most)
        return bisect_left(slots.starts, low), bisect_right(slots.starts, high)

    def _alone(self, task: int, slot: int) -> bool:
        """Whether a task's own stay fits, whatever the others do."""
        return all(
            self.loads.fits(pool, begins[slot], untils[slot] + tail)
            for pool, (begin, begins), (until, untils), tail in self.checks[task].stays
            if begin == until == task
        )

    def _holds(self, course: Course, task: int, trial: Mapping[int, int]) -> bool:
        """Whether everything that became decidable with this task is respected."""
        checks = self.checks[task]
        for (a, edges_a), (b, edges_b), least, most in checks.bounds:
            if a in trial and b in trial and not least <= edges_b[trial[b]] - edges_a[trial[a]] <= most:
                return False
        fits = self.loads.fits
        for pool, (begin, begins), (until, untils), tail in checks.stays:
            if begin in trial and until in trial and not fits(pool, begins[trial[begin]], untils[trial[until]] + tail):
                return False
        ready = self.template.ready
        if task == ready.task and self.day(trial, ready) < course.ready_day:
            return False
        return not (checks.attended and self._clashes(task, trial))

    def _clashes(self, task: int, trial: Mapping[int, int]) -> bool:
        slots, at = self.slots[task], trial[task]
        return any(
            other != task
            and self.checks[other].attended
            and slots.starts[at] < self.slots[other].ends[trial[other]]
            and self.slots[other].starts[trial[other]] < slots.ends[at]
            for other in trial
        )


def _by_day(slots: Slots, at_end: bool, pick: np.ufunc) -> dict[int, int]:
    """The tick of an edge picked from the slots that start on each day."""
    if not len(slots):
        return {}
    first = np.concatenate([[0], np.flatnonzero(np.diff(slots.start_day)) + 1])
    ticks: list[int] = pick.reduceat(slots.edge(at_end), first).tolist()
    return dict(zip(slots.start_day[first].tolist(), ticks, strict=True))
