"""The hours of one segment whose day is chosen: slot by slot, cheapest first, on what the pools have left."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from solver.layout import Layout
from solver.loads import Loads
from solver.problem import Course, Point, Problem, Slots
from solver.segments import FAR, Segment

PAIRS_TRIED = 400
NODES_PER_PAIR = 200
Slotting = dict[int, int]
Edge = tuple[int, list[int]]  # a task and the tick (or day) of one of its edges, by slot


@dataclass(frozen=True, eq=False)
class Checklist:
    """One task's checks, flat: bounds between two edges (ticks and days alike), and stays on a pool."""

    bounds: tuple[tuple[Edge, Edge, int, int], ...]
    stays: tuple[tuple[int, Edge, Edge, int], ...]
    attended: bool


class HourSearch:
    """Places one segment at a time of a template; what a course is made of, day by day, is for `Finder`."""

    def __init__(self, problem: Problem, layout: Layout, loads: Loads) -> None:
        self.problem = problem
        self.layout = layout
        self.template = layout.template
        self.loads = loads
        self.slots: dict[int, Slots] = {
            task: slots for task in layout.position if (slots := self.template.tasks[task].slots) is not None
        }
        self.checks = {task: self._plain(task) for task in layout.position}
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

    # --- the search -------------------------------------------------------------------------------------------

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
