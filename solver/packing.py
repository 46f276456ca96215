"""The hours of doses whose days are chosen: all of them together, exactly, on what the pools have left.

Every dose may be left out, at a price above all others, so that there is always an answer. Among the answers that leave
out least, the one is taken that keeps most visits at their hour, and then the freshest doses.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from solver.problem import DayLag, IntArray, Lag, Point, Problem, Slots, Template
from solver.segments import resolve_point, slots_of

RETIMED = 10_000  # more than all cold hours together
Expr = cp_model.LinearExpr | int
POLISH = 2.0  # deterministic seconds spent on better hours once there are some


@dataclass(frozen=True, eq=False)
class Packed:
    """One dose to give hours to.

    `slots` has the slots each of its tasks may take, `others` those that other tasks of the course have, `told` the
    start an attended task was told for, where its day is still the same. `worth` is what leaving it out costs.
    """

    course: str
    template: Template
    group: int
    slots: Mapping[int, IntArray]
    others: Mapping[int, int]
    told: Mapping[int, int]
    worth: int
    hint: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Hours:
    """The slots of every dose that found hours, by course and group; `retimed` counts visits at another hour."""

    slots: Mapping[tuple[str, int], Mapping[int, int]]
    retimed: int


@dataclass(frozen=True, eq=False)
class _Task:
    start: Expr
    end: Expr
    start_day: Expr
    end_day: Expr
    first: int  # no start is earlier and no end later
    last: int
    length: int | None  # where it is the same for every slot

    def tick(self, at_end: bool) -> Expr:
        return self.end if at_end else self.start

    def day(self, at_end: bool) -> Expr:
        return self.end_day if at_end else self.start_day


class PackingModel:
    """The model of some doses on the pools of a problem, of which `taken` is what everybody else has.

    A visit counts as retimed when it starts `retimed` ticks or more from where it was told.
    """

    def __init__(
        self, problem: Problem, taken: Sequence[NDArray[np.int16]], doses: Sequence[Packed], retimed: int
    ) -> None:
        self.problem, self.doses, self.retimed = problem, doses, retimed
        self.model = cp_model.CpModel()
        self.there = {(one.course, one.group): self.model.new_bool_var("") for one in doses}
        self.tasks: dict[tuple[str, int], _Task] = {}
        self.starts: dict[tuple[str, int], cp_model.IntVar] = {}
        self.stays: dict[int, list[cp_model.IntervalVar]] = {}
        self.spans: dict[int, list[tuple[int, int]]] = {}
        self.late: list[cp_model.IntVar] = []
        self.left_out: list[Expr] = []
        self.costs: list[Expr] = []
        for one in doses:
            for task, chosen in one.slots.items():
                self._task(one, task, slots_of(one.template, task), chosen)
        for one in doses:
            self._dose(one)
        self._pools(taken)

    def _task(self, one: Packed, task: int, slots: Slots, chosen: IntArray) -> None:
        """A task starts at one of its slots; what else follows from the slot comes from a table where it varies."""
        if not len(chosen):
            self.model.add(self.there[one.course, one.group] == 0)
            return
        starts = slots.start[chosen]
        start = self.model.new_int_var_from_domain(cp_model.Domain.from_values(starts.tolist()), "")
        ends, lengths = slots.end[chosen], set((slots.end[chosen] - starts).tolist())
        length = lengths.pop() if len(lengths) == 1 else None
        columns = [slots.start_day[chosen], slots.end_day[chosen], *([] if length is not None else [ends])]
        follows = self._following(start, starts, columns)
        end = start + length if length is not None else follows[-1]
        self.starts[one.course, task] = start
        edges = int(starts[0]), int(ends.max())
        self.tasks[one.course, task] = _Task(start, end, follows[0], follows[1], *edges, length)
        if task in one.hint:
            self.model.add_hint(start, int(slots.start[one.hint[task]]))

    def _following(self, start: cp_model.IntVar, starts: IntArray, columns: Sequence[IntArray]) -> list[Expr]:
        """What each column has in the row of the start."""
        found: list[Expr] = [int(column[0]) for column in columns]
        varying = [number for number, column in enumerate(columns) if int(column.min()) < int(column.max())]
        names = [self.model.new_int_var(int(columns[at].min()), int(columns[at].max()), "") for at in varying]
        for at, name in zip(varying, names, strict=True):
            found[at] = name
        if varying:
            rows = np.stack([starts, *(columns[at] for at in varying)], axis=1).tolist()
            self.model.add_allowed_assignments([start, *names], rows)
        return found

    def _at(self, one: Packed, point: Point) -> tuple[_Task, bool, int] | None:
        """The task behind a point, whether its end is meant, and its group."""
        seen = resolve_point(one.template, point)
        group = one.template.tasks[seen.task].group
        if (one.course, seen.task) in self.tasks:
            return self.tasks[one.course, seen.task], seen.at_end, group
        if seen.task in one.others:
            slots, at = slots_of(one.template, seen.task), one.others[seen.task]
            times = slots.starts[at], slots.ends[at]
            constant = _Task(*times, slots.start_days[at], slots.end_days[at], *times, times[1] - times[0])
            return constant, seen.at_end, group
        return None

    def _given(self, one: Packed, *groups: int) -> list[cp_model.IntVar]:
        return [self.there[one.course, each] for each in {*groups} if (one.course, each) in self.there]

    def _dose(self, one: Packed) -> None:
        there = self.there[one.course, one.group]
        self.left_out.append(one.worth * (1 - there))
        parent = one.template.parents[one.group]
        if parent is not None and (one.course, parent) in self.there:
            self.model.add_implication(there, self.there[one.course, parent])
        self.model.add_hint(there, True)
        lags: tuple[Lag | DayLag, ...] = (*one.template.lags, *one.template.day_lags)
        for lag in lags:
            self._lag(one, lag)
        for stay in one.template.stays:
            begin, until = self._at(one, stay.begin), self._at(one, stay.until)
            if begin is None or until is None or not self._is_mine(one, begin[2], until[2]):
                continue
            if not (isinstance(begin[0].start, int) and isinstance(until[0].start, int)):  # else it is in `taken`
                self._stay(one, stay.pool, begin, until, stay.tail)
        self._apart(one)
        self._price(one)

    @staticmethod
    def _is_mine(one: Packed, *groups: int) -> bool:
        """Whether what joins some groups is said with this dose: once for all doses in play."""
        return one.group in groups

    def _lag(self, one: Packed, lag: Lag | DayLag) -> None:
        a, b = self._at(one, lag.a), self._at(one, lag.b)
        if a is None or b is None or not self._is_mine(one, a[2], b[2]):
            return
        between = b[0].tick(b[1]) - a[0].tick(a[1]) if isinstance(lag, Lag) else b[0].day(b[1]) - a[0].day(a[1])
        literals = self._given(one, a[2], b[2])
        least = -(2**40) if lag.least is None else lag.least
        most = 2**40 if lag.most is None else lag.most
        if isinstance(between, int):
            if not least <= between <= most:
                self.model.add_bool_or([literal.negated() for literal in literals])
            return
        self.model.add_linear_constraint(between, least, most).only_enforce_if(literals)

    def _stay(
        self, one: Packed, pool: int, begin: tuple[_Task, bool, int], until: tuple[_Task, bool, int], tail: int
    ) -> None:
        if (
            begin[2] != until[2]
            and one.group != max(begin[2], until[2])
            and len(self._given(one, begin[2], until[2])) > 1
        ):
            return
        first, last = begin[0].tick(begin[1]), until[0].tick(until[1]) + tail
        literals = self._given(one, begin[2], until[2])
        there = literals[0]
        if len(literals) > 1:
            there = self.model.new_bool_var("")
            self.model.add_bool_and(literals).only_enforce_if(there)
            self.model.add_bool_or([there, *(literal.negated() for literal in literals)])
        size: Expr = self.model.new_int_var(0, self.problem.horizon, "")
        if begin[0] is until[0] and begin[0].length is not None:
            size = begin[0].length * (until[1] - begin[1]) + tail
        self.stays.setdefault(pool, []).append(self.model.new_optional_interval_var(first, size, last, there, ""))
        self.spans.setdefault(pool, []).append((begin[0].first, until[0].last + tail))

    def _apart(self, one: Packed) -> None:
        """Nobody attends two things at once."""
        intervals = []
        for task, spec in enumerate(one.template.tasks):
            if not spec.attended:
                continue
            seen = self._at(one, Point(task, False))
            if seen is not None:
                size = seen[0].end - seen[0].start
                given = self._given(one, spec.group)
                intervals.append(
                    self.model.new_optional_interval_var(seen[0].start, size, seen[0].end, given[0], "")
                    if given
                    else self.model.new_interval_var(seen[0].start, size, seen[0].end, "")
                )
        self.model.add_no_overlap(intervals)

    def _price(self, one: Packed) -> None:
        there = self.there[one.course, one.group]
        for task, tick in one.told.items():
            if (one.course, task) not in self.starts:
                continue
            late = self.model.new_bool_var("")
            self.model.add_linear_constraint(
                self.starts[one.course, task] - tick, 1 - self.retimed, self.retimed - 1
            ).only_enforce_if([late.negated(), there])
            self.late.append(late)
            self.costs.append(RETIMED * late)
        for cold in one.template.colds:
            begin, until = self._at(one, cold.begin), self._at(one, cold.until)
            if cold.group == one.group and begin is not None and until is not None:
                hours = self.model.new_int_var(0, self.problem.horizon, "")
                ticks = self.problem.weights.hour_ticks
                lasts = until[0].tick(until[1]) - begin[0].tick(begin[1])
                self.model.add(lasts <= ticks * hours + ticks - 1).only_enforce_if(there)
                self.costs.append(self.problem.weights.hour * hours)

    def _pools(self, taken: Sequence[NDArray[np.int16]]) -> None:
        """Capacities; what others have counts only where it leaves fewer units than there are stays to place."""
        for pool, intervals in self.stays.items():
            count = len(intervals)
            missing = np.clip(taken[pool].astype(np.int64) - (self.problem.capacity[pool] - count), 0, count)
            blocks = _blocks(np.where(_covered(self.spans[pool], len(missing)), missing, 0))
            if blocks or count > self.problem.capacity[pool]:
                fixed = [self.model.new_fixed_size_interval_var(first, last - first, "") for first, last, _ in blocks]
                demands = [1] * count + [level for _, _, level in blocks]
                self.model.add_cumulative([*intervals, *fixed], demands, count)

    def solve(self, seconds: float, *, workers: int = 1) -> Hours | None:
        """The hours: for as many doses as can be, and then as good as could be found in the time.

        None when there was not even time for a first answer.
        """
        until = time.monotonic() + seconds
        solver = self._solver(seconds, workers)
        self.model.minimize(cp_model.LinearExpr.sum(self.left_out))
        if solver.solve(self.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        there = {key: bool(solver.boolean_value(literal)) for key, literal in self.there.items()}
        found = self._read(solver, there)
        for key, literal in self.there.items():
            self.model.add(literal == there[key])
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for start in self.starts.values():
            self.model.add_hint(start, solver.value(start))
        self.model.minimize(cp_model.LinearExpr.sum(self.costs))
        better = self._solver(max(until - time.monotonic(), 0.1), workers)
        better.parameters.max_deterministic_time = POLISH
        if better.solve(self.model) in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            found = self._read(better, there)
        return found

    @staticmethod
    def _solver(seconds: float, workers: int) -> cp_model.CpSolver:
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.num_workers = workers
        solver.parameters.cp_model_probing_level = 0  # takes longer than all the rest
        return solver

    def _read(self, solver: cp_model.CpSolver, there: Mapping[tuple[str, int], bool]) -> Hours:
        found: dict[tuple[str, int], dict[int, int]] = {}
        for one in self.doses:
            if there[one.course, one.group]:
                found[one.course, one.group] = {
                    task: bisect_left(slots_of(one.template, task).starts, solver.value(self.starts[one.course, task]))
                    for task in one.slots
                }
        return Hours(found, sum(solver.boolean_value(one) for one in self.late))


def _covered(spans: Sequence[tuple[int, int]], horizon: int) -> NDArray[np.bool_]:
    """The ticks that lie in one of some stretches."""
    found = np.zeros(horizon, dtype=bool)
    for first, last in spans:
        found[max(first, 0) : last] = True
    return found


def _blocks(load: IntArray) -> list[tuple[int, int, int]]:
    """The stretches in which something is taken, with how much."""
    edges = [0, *(np.flatnonzero(np.diff(load)) + 1).tolist(), len(load)]
    return [(first, last, int(load[first])) for first, last in itertools.pairwise(edges) if load[first] > 0]
