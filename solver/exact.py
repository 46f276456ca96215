"""The whole problem as one constraint model, tick by tick: exact, for problems small enough.

One method per rule family; every constraint keeps the name of its rule. Used to prove small programs optimal and to
check the other parts of this package against.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from solver.layout import SIDE_REACH, Layout
from solver.problem import Course, DayLag, IntArray, Lag, Levels, Placement, Point, Problem, Slots, Target, total_cost
from solver.reach import SEGMENT_DAYS

DAY_TICKS = 96


@dataclass(frozen=True)
class Outcome:
    """What the model left: the best placements known, and the proven bound of both levels."""

    placements: dict[str, Placement]
    bound: Levels


@dataclass(frozen=True, eq=False)
class _Timed:
    """The variables of one task."""

    start: cp_model.IntVar
    end: cp_model.LinearExpr
    start_day: cp_model.LinearExpr
    end_day: cp_model.LinearExpr


class ExactModel:
    """Builds the model of a problem; `first_days` limits, per course and template, the days of dose 1.

    With `keep_first`, level 1 may not exceed that value and level 3 is minimised; without it level 1 is minimised.
    """

    def __init__(
        self,
        problem: Problem,
        layouts: list[Layout],
        first_days: list[dict[int, list[int]]],
        keep_first: int | None,
    ) -> None:
        self.problem, self.layouts, self.first_days = problem, layouts, first_days
        self.model = cp_model.CpModel()
        self.use: dict[tuple[str, int], cp_model.IntVar] = {}
        self.present: dict[tuple[str, int, int], cp_model.IntVar] = {}
        self.timed: dict[tuple[str, int, int], _Timed] = {}
        self.stays: dict[int, list[cp_model.IntervalVar]] = {}
        self.level_1: list[cp_model.LinearExpr] = []
        self.level_3: list[cp_model.LinearExpr] = []
        for course, days in zip(problem.courses, first_days, strict=True):
            for number in course.templates:
                self.use[course.id, number] = self.model.new_bool_var(f"{course.id} uses {number}")
                self._course(course, number, days.get(number, []))
            self.model.add_exactly_one(self.use[course.id, number] for number in course.templates)
        self._capacity()
        if keep_first is None:
            self.model.minimize(cp_model.LinearExpr.sum(self.level_1))
        else:
            self.model.add(cp_model.LinearExpr.sum(self.level_1) <= keep_first)
            self.model.minimize(cp_model.LinearExpr.sum(self.level_3))

    # --- one course -------------------------------------------------------------------------------------------------

    def _course(self, course: Course, number: int, first_days: list[int]) -> None:
        template = self.layouts[number].template
        ranges = _visit_days(self.problem, self.layouts[number], first_days)
        for group in range(template.groups):
            literal = self.model.new_bool_var(f"{course.id}/{template.doses[group]}")
            self.present[course.id, number, group] = literal
            self.model.add_implication(literal, self.use[course.id, number])
            if (parent := template.parents[group]) is not None:
                self.model.add_implication(literal, self.present[course.id, number, parent])
            if ranges.get(group) is None:
                self.model.add(literal == 0)
        for task, spec in enumerate(template.tasks):
            if spec.slots is not None and ranges.get(spec.group) is not None:
                self._task(course, number, task, spec.slots, ranges)
        self._lags(course, number)
        self._targets(course, number)
        self._visits_apart(course, number)
        self._stays(course, number)
        self._costs(course, number, first_days)

    def _task(
        self, course: Course, number: int, task: int, slots: Slots, ranges: dict[int, tuple[int, int] | None]
    ) -> None:
        """The allowed starts (opening_hours, closure, departure, arrival_open, registration)."""
        layout = self.layouts[number]
        first, last = ranges[layout.template.tasks[task].group] or (0, 0)
        segment = next(one for one in layout.segments if task in one.order)
        head = layout.by_group[segment.group][0]
        back = 0 if segment is head else SIDE_REACH
        low = np.searchsorted(slots.start_day, max(first - back - SEGMENT_DAYS, course.ready_day), "left")
        high = np.searchsorted(slots.start_day, last + SEGMENT_DAYS, "right")
        chosen = np.arange(low, max(high, low))
        literal = self.present[course.id, number, layout.template.tasks[task].group]
        if not len(chosen):
            self.model.add(literal == 0)
            return
        name = f"{course.id}/{layout.template.tasks[task].name}"
        start = self.model.new_int_var_from_domain(_domain(slots.start[chosen]), name)
        lengths = slots.end[chosen] - slots.start[chosen]
        end: cp_model.LinearExpr = start + int(lengths[0])
        if len(set(lengths.tolist())) > 1:
            varying = self.model.new_int_var(int(slots.end[chosen].min()), int(slots.end[chosen].max()), "")
            pairs = np.stack([slots.start[chosen], slots.end[chosen]], axis=1)
            self.model.add_allowed_assignments([start, varying], pairs.tolist())
            end = varying
        self.timed[course.id, number, task] = _Timed(
            start, end, self._day(start, slots.start[chosen], slots.start_day[chosen]),
            self._day(end, slots.end[chosen], slots.end_day[chosen]),
        )  # fmt: skip

    def _day(self, tick: cp_model.LinearExpr, ticks: IntArray, days: IntArray) -> cp_model.LinearExpr:
        day = self.model.new_int_var(int(days.min()), int(days.max()), "")
        begin = int((ticks - DAY_TICKS * days).min())
        if int((ticks - DAY_TICKS * days).max()) < begin + DAY_TICKS:
            self.model.add(tick >= DAY_TICKS * day + begin)
            self.model.add(tick <= DAY_TICKS * day + begin + DAY_TICKS - 1)
            return day
        own = self.model.new_int_var(int(ticks.min()), int(ticks.max()), "")
        self.model.add(own == tick)
        self.model.add_allowed_assignments([own, day], sorted(set(zip(ticks.tolist(), days.tolist(), strict=True))))
        return day

    def _at(self, course: Course, number: int, point: Point) -> tuple[cp_model.LinearExpr, cp_model.LinearExpr] | None:
        seen = self.layouts[number].resolve(point)
        timed = self.timed.get((course.id, number, seen.task))
        if timed is None:
            return None
        return (timed.end, timed.end_day) if seen.at_end else (timed.start, timed.start_day)

    def _both(self, course: Course, number: int, *points: Point) -> list[cp_model.IntVar]:
        tasks = self.layouts[number].template.tasks
        return [self.present[course.id, number, group] for group in {tasks[point.task].group for point in points}]

    def _lags(self, course: Course, number: int) -> None:
        """sequence, handover, qualified_hours and every limit, in elapsed time or in days."""
        template = self.layouts[number].template
        families: tuple[tuple[Lag | DayLag, ...], ...] = (template.lags, template.day_lags)
        for axis, lags in enumerate(families):
            for lag in lags:
                a, b = self._at(course, number, lag.a), self._at(course, number, lag.b)
                if a is None or b is None:
                    continue
                literals = self._both(course, number, lag.a, lag.b)
                between = b[axis] - a[axis]
                if lag.least is not None:
                    self.model.add(between >= lag.least).with_name(lag.name).only_enforce_if(literals)
                if lag.most is not None:
                    self.model.add(between <= lag.most).with_name(lag.name).only_enforce_if(literals)

    def _targets(self, course: Course, number: int) -> None:
        """pair_window and booster_window, and what days off target cost."""
        for target in self.layouts[number].template.targets:
            a, b = self._at(course, number, target.a), self._at(course, number, target.b)
            if a is None or b is None:
                continue
            literals = self._both(course, number, target.a, target.b)
            base = self._base(target, a[1])
            off = self.model.new_int_var(0, self.problem.days, "")
            for sign in (1, -1):
                self.model.add(off >= sign * (b[1] - base)).only_enforce_if(literals)
            self.model.add(b[1] - base >= target.earliest).with_name(target.name).only_enforce_if(literals)
            self.model.add(b[1] - base <= target.latest).with_name(target.name).only_enforce_if(literals)
            (self.level_1 if target.level == 0 else self.level_3).append(target.weight * off)

    def _base(self, target: Target, anchor_day: cp_model.LinearExpr) -> cp_model.LinearExpr:
        shifts = target.table - np.arange(len(target.table))
        if int(shifts.min()) == int(shifts.max()):
            return anchor_day + int(shifts[0])
        base = self.model.new_int_var(0, int(target.table.max()), "")
        index = self.model.new_int_var(0, len(target.table) - 1, "")
        self.model.add(index == anchor_day)
        self.model.add_element(index, target.table.tolist(), base)
        return base

    def _visits_apart(self, course: Course, number: int) -> None:
        """one_visit_at_a_time."""
        tasks = self.layouts[number].template.tasks
        intervals = [
            self._interval(timed.start, timed.end, [self.present[course.id, number, tasks[task].group]])
            for (who, which, task), timed in self.timed.items()
            if (who, which) == (course.id, number) and tasks[task].attended
        ]
        self.model.add_no_overlap(intervals)

    def _stays(self, course: Course, number: int) -> None:
        """unit_capacity, line_clearance, turnaround, departure_places, cold_custody: collected for the pools."""
        for stay in self.layouts[number].template.stays:
            begin, until = self._at(course, number, stay.begin), self._at(course, number, stay.until)
            if begin is None or until is None:
                continue
            literals = self._both(course, number, stay.begin, stay.until, Point(stay.task, False))
            last = until[0] + stay.tail
            self.stays.setdefault(stay.pool, []).append(self._interval(begin[0], last, literals))

    def _interval(
        self, start: cp_model.LinearExpr, end: cp_model.LinearExpr, literals: list[cp_model.IntVar]
    ) -> cp_model.IntervalVar:
        there = literals[0]
        if len(literals) > 1:
            there = self.model.new_bool_var("")
            self.model.add_bool_and(literals).only_enforce_if(there)
            self.model.add_bool_or([there, *[literal.negated() for literal in literals]])
        size = self.model.new_int_var(0, self.problem.horizon, "")
        return self.model.new_optional_interval_var(start, size, end, there, "")

    def _costs(self, course: Course, number: int, first_days: list[int]) -> None:
        weights, template = self.problem.weights, self.layouts[number].template
        use = self.use[course.id, number]
        for group in range(template.groups):
            self.level_1.append(weights.absent * use - weights.absent * self.present[course.id, number, group])
        visit = self._at(course, number, template.visits[0])
        if visit is not None and first_days:
            waited = self.model.new_int_var(0, max(max(first_days) - course.waits_from_day, 0), "")
            self.model.add(waited >= visit[1] - course.waits_from_day).only_enforce_if(
                self.present[course.id, number, 0]
            )
            allowed = cp_model.Domain.from_values(first_days)
            self.model.add_linear_expression_in_domain(visit[1], allowed).only_enforce_if(
                self.present[course.id, number, 0]
            )
            self.level_3.append(weights.waiting * waited)
        for cold in template.colds:
            begin, until = self._at(course, number, cold.begin), self._at(course, number, cold.until)
            if begin is not None and until is not None:
                hours = self.model.new_int_var(0, self.problem.horizon, "")
                ticks = weights.hour_ticks
                self.model.add(until[0] - begin[0] <= ticks * hours + ticks - 1).only_enforce_if(
                    self.present[course.id, number, cold.group]
                )
                self.level_3.append(weights.hour * hours)

    # --- all courses ------------------------------------------------------------------------------------------------

    def _capacity(self) -> None:
        for pool, intervals in self.stays.items():
            blocks = _blocks(self.problem.load[pool])
            fixed = [self.model.new_fixed_size_interval_var(first, last - first, "") for first, last, _ in blocks]
            demands = [1] * len(intervals) + [level for _, _, level in blocks]
            self.model.add_cumulative([*intervals, *fixed], demands, self.problem.capacity[pool])

    def hint(self, placements: Mapping[str, Placement]) -> None:
        """Start from a plan there is."""
        for course in self.problem.courses:
            placement = placements[course.id]
            for number in course.templates:
                self.model.add_hint(self.use[course.id, number], number == placement.template)
                for group in range(self.layouts[number].template.groups):
                    there = number == placement.template and group in placement.present
                    self.model.add_hint(self.present[course.id, number, group], there)
            for task, slot in placement.slots.items():
                timed = self.timed.get((course.id, placement.template, task))
                slots = self.layouts[placement.template].template.tasks[task].slots
                if timed is not None and slots is not None:
                    self.model.add_hint(timed.start, slots.starts[slot])

    def read(self, solver: cp_model.CpSolver) -> dict[str, Placement]:
        """The placements of a solved model."""
        found: dict[str, Placement] = {}
        for course in self.problem.courses:
            number = next(one for one in course.templates if solver.value(self.use[course.id, one]))
            template = self.layouts[number].template
            present = frozenset(
                group for group in range(template.groups) if solver.value(self.present[course.id, number, group])
            )
            slots: dict[int, int] = {}
            for task, spec in enumerate(template.tasks):
                if spec.group in present and spec.slots is not None:
                    start = solver.value(self.timed[course.id, number, task].start)
                    slots[task] = int(np.searchsorted(spec.slots.start, start))
            found[course.id] = Placement(number, slots, present)
        return found


def _domain(ticks: IntArray) -> cp_model.Domain:
    breaks = np.flatnonzero(np.diff(ticks) > 1)
    firsts = ticks[np.concatenate([[0], breaks + 1])]
    lasts = ticks[np.concatenate([breaks, [len(ticks) - 1]])]
    return cp_model.Domain.from_intervals(np.stack([firsts, lasts], axis=1).tolist())


def _blocks(load: np.ndarray) -> list[tuple[int, int, int]]:
    changes = np.flatnonzero(np.diff(load)) + 1
    edges = [0, *changes.tolist(), len(load)]
    return [(first, last, int(load[first])) for first, last in itertools.pairwise(edges) if load[first] > 0]


def _visit_days(problem: Problem, layout: Layout, first_days: list[int]) -> dict[int, tuple[int, int] | None]:
    """First and last day on which each dose can fall; None for a dose that cannot."""
    template = layout.template
    targets = {template.tasks[one.b.task].group: one for one in template.targets}
    found: dict[int, tuple[int, int] | None] = {0: (min(first_days), max(first_days)) if first_days else None}
    for group in layout.group_order[1:]:
        parent = template.parents[group]
        base = found.get(parent) if parent is not None else None
        if base is None or group not in targets:
            found[group] = None if base is None else (base[0], problem.days - 1)
            continue
        table = targets[group].table
        last = min(base[1], len(table) - 1)
        found[group] = (int(table[base[0]]) + targets[group].earliest, int(table[last]) + targets[group].latest)
    return found


def solve_exactly(
    problem: Problem,
    layouts: list[Layout],
    start: Mapping[str, Placement],
    first_days: list[dict[int, list[int]]],
    bound: Levels,
    *,
    seconds: float,
    seed: int,
    workers: int = 1,
) -> Outcome:
    """Improve a plan and its bound with the exact model: level 1 first unless it is proven, then level 3."""
    cost = total_cost(problem, start)
    best = dict(start)
    for level in (0, 2):
        if (level == 0 and cost[0] <= bound[0]) or (level == 2 and cost[2] <= bound[2]):
            continue
        model = ExactModel(problem, layouts, first_days, None if level == 0 else cost[0])
        model.hint(best)
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.random_seed = seed
        solver.parameters.num_workers = workers
        status = solver.solve(model.model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return Outcome(best, bound)
        found = model.read(solver)
        if total_cost(problem, found) < cost:
            best, cost = found, total_cost(problem, found)
        proven = int(np.ceil(solver.best_objective_bound - 1e-6))
        bound = (max(bound[0], proven), 0, bound[2]) if level == 0 else (bound[0], 0, max(bound[2], proven))
        if level == 0 and bound[0] < cost[0]:
            return Outcome(best, bound)
    return Outcome(best, (min(bound[0], cost[0]), 0, min(bound[2], cost[2])))
