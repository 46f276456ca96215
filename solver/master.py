"""Column generation: a linear program over whole courses in days and over the hours of doses.

Two kinds of columns share the capacity: a course in days (which option each dose takes, what it holds overnight) and
the hours of one dose of some kind on some option. A linking row says that every option taken has its hours. Rows for
pools and ticks are added when a solution breaks them. The duals are prices; `pricing` turns any prices into a bound.
"""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
from ortools.linear_solver import pywraplp

from solver.patterns import Pattern, Usage
from solver.pricing import Column, Priced, Pricer
from solver.problem import FloatArray, Problem

EPSILON = 1e-6
DIVE_SHARE = 4  # a dive fixes up to a fourth of what is fractional at a time
NEAR = 96  # ticks per bucket when looking up which stays and rows meet


Hours = dict[tuple[int, int], list[Pattern]]
Whole = tuple[list[Column], Hours]


class Master:
    """The restricted linear program and its growth."""

    def __init__(self, problem: Problem, pricer: Pricer) -> None:
        self.problem, self.pricer = problem, pricer
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.infinity = self.solver.infinity()
        self.objective = self.solver.Objective()
        self.objective.SetMinimization()
        self.convexity = [self.solver.Constraint(1.0, 1.0) for _ in problem.courses]
        self.links: dict[tuple[int, int], pywraplp.Constraint] = {}
        self.rows: dict[tuple[int, int], pywraplp.Constraint] = {}
        self.columns: dict[object, tuple[Column, pywraplp.Variable]] = {}
        self.patterns: dict[tuple[int, int, int, int, tuple[int, ...]], tuple[Pattern, Usage, pywraplp.Variable]] = {}
        self._broken: list[tuple[int, int]] = []
        self.start_costs: list[float] = []
        self.midnights = self._midnight_pools()
        self._stays_near: dict[tuple[int, int], list[tuple[int, int, pywraplp.Variable]]] = {}
        self._rows_near: dict[tuple[int, int], list[int]] = {}
        self._holds: dict[int, list[tuple[int, int, pywraplp.Variable]]] = {}

    def _midnight_pools(self) -> dict[int, frozenset[int]]:
        """Pools that long holds take, with the ticks at which those are counted: the midnights."""
        pools = {pool for table in self.pricer.tables for one in table for side in one.sides for pool in side.pools}
        return {pool: frozenset(int(tick) for tick in self.problem.day_start[pool]) for pool in pools}

    def add_column(self, column: Column) -> bool:
        """Add a course in days; False when it is there already."""
        if column.key in self.columns:
            return False
        variable = self.solver.NumVar(0.0, self.infinity, "")
        self.objective.SetCoefficient(variable, self._cost(column))
        self.convexity[column.course].SetCoefficient(variable, 1.0)
        taken: dict[tuple[int, int], int] = {}
        for group, option in enumerate(column.options):
            if option is not None:
                key = (self.pricer.tables[column.template][group].kind, option)
                taken[key] = taken.get(key, 0) + 1
        for key, count in taken.items():
            if key not in self.links:
                self.links[key] = self.solver.Constraint(0.0, 0.0)
            self.links[key].SetCoefficient(variable, float(count))
        for pool, begin, until in column.holds:
            starts = self.problem.day_start[pool]
            first, last = int(starts[begin]) + 1, int(starts[until]) + 1
            self._holds.setdefault(pool, []).append((first, last, variable))
            for tick in starts[begin + 1 : until + 1]:
                if (pool, int(tick)) in self.rows:
                    _more(self.rows[pool, int(tick)], variable)
        self.columns[column.key] = (column, variable)
        return True

    def _cost(self, column: Column) -> float:
        return float(self.pricer.level_weight * column.first_level + column.last_level)

    def add_pattern(self, kind: int, option: int, pattern: Pattern) -> bool:
        """Add the hours of a dose; False when they are there already."""
        key = (kind, option, pattern.pivot, pattern.visit, pattern.extras)
        if key in self.patterns:
            return False
        dose_kind = self.pricer.kinds[kind]
        variable = self.solver.NumVar(0.0, self.infinity, "")
        self.objective.SetCoefficient(variable, float(dose_kind.hours(pattern) * self.problem.weights.hour))
        if (kind, option) not in self.links:
            self.links[kind, option] = self.solver.Constraint(0.0, 0.0)
        self.links[kind, option].SetCoefficient(variable, -1.0)
        usage = dose_kind.usage(pattern)
        for pool, first, last in usage:
            for near in range(first // NEAR, (last - 1) // NEAR + 1):
                self._stays_near.setdefault((pool, near), []).append((first, last, variable))
                for tick in self._rows_near.get((pool, near), ()):
                    if first <= tick < last:
                        _more(self.rows[pool, tick], variable)
        self.patterns[key] = (pattern, usage, variable)
        return True

    def grow(self, priced: Priced) -> bool:
        """Add the columns of a pricing pass and the hours of every option they take; whether any is new."""
        grown = False
        for column in priced.columns:
            grown |= self.add_column(column)
            for kind, option in options_taken(self.pricer, column):
                grown |= self.add_pattern(kind, option, self.pricer.kinds[kind].pattern(option))
        return grown

    def solve(self, row_rounds: int) -> tuple[float, bool]:
        """Solve, adding broken capacity rows and solving again, at most so many times.

        The value reached, and whether no capacity is broken any more.
        """
        for pool, tick in self._broken:
            self._add_row(pool, tick)
        for left in range(row_rounds, -1, -1):
            status = self.solver.Solve()
            if status != pywraplp.Solver.OPTIMAL:
                raise RuntimeError(f"the linear program ended with status {status}")
            self._broken = self._broken_rows()
            if not self._broken or not left:
                break
            for pool, tick in self._broken:
                self._add_row(pool, tick)
        return float(self.objective.Value()), not self._broken

    def _broken_rows(self) -> list[tuple[int, int]]:
        """(pool, tick) of the worst excess in every stretch in which the solution exceeds a capacity."""
        usage: dict[int, FloatArray] = {}  # changes of the load at each tick

        def spend(pool: int, first: int, last: int, amount: float) -> None:
            if pool not in usage:
                usage[pool] = np.zeros(self.problem.horizon + 1)
            usage[pool][first] += amount
            usage[pool][min(last, self.problem.horizon)] -= amount

        for _, stays, variable in self.patterns.values():
            amount = variable.solution_value()
            if amount > EPSILON:
                for pool, first, last in stays:
                    spend(pool, first, last, amount)
        for column, variable in self.columns.values():
            amount = variable.solution_value()
            if amount > EPSILON:
                for pool, begin, until in column.holds:
                    starts = self.problem.day_start[pool]
                    spend(pool, int(starts[begin]) + 1, int(starts[until]) + 1, amount)
        broken: list[tuple[int, int]] = []
        for pool, changes in usage.items():
            taken = np.cumsum(changes)[: self.problem.horizon]
            over = taken + self.problem.load[pool] - self.problem.capacity[pool]
            for tick in peaks(over):
                if pool in self.midnights and tick not in self.midnights[pool]:
                    tick = self._midnight_at(pool, tick)
                    if over[tick] <= EPSILON:
                        continue
                if (pool, tick) not in self.rows and (pool, tick) not in broken:
                    broken.append((pool, tick))
        return broken

    def _midnight_at(self, pool: int, tick: int) -> int:
        starts = self.problem.day_start[pool]
        return int(starts[max(int(np.searchsorted(starts, tick, side="right")) - 1, 0)])

    def _add_row(self, pool: int, tick: int) -> None:
        free = self.problem.capacity[pool] - int(self.problem.load[pool][tick])
        row = self.solver.Constraint(-self.infinity, float(free))
        for first, last, variable in self._stays_near.get((pool, tick // NEAR), ()):
            if first <= tick < last:
                _more(row, variable)
        for first, last, variable in self._holds.get(pool, ()):
            if first <= tick < last:
                _more(row, variable)
        self._rows_near.setdefault((pool, tick // NEAR), []).append(tick)
        self.rows[pool, tick] = row

    def dive(self, until: float) -> Whole:
        """Fix columns, then hours, to whole numbers step by step, solving again after each step.

        What is still fractional when `until` (monotonic seconds) has passed, or when nothing more can be fixed, is
        decided by the larger share. Afterwards everything is free again.
        """
        columns = list(self.columns.values())
        patterns = [(key, one[0], one[2]) for key, one in self.patterns.items()]
        groups = [[variable for _, variable in columns], [variable for _, _, variable in patterns]]
        shares = [[variable.solution_value() for variable in group] for group in groups]
        for number, group in enumerate(groups):
            while time.monotonic() < until and self._step(group, shares[number]):
                shares = [[variable.solution_value() for variable in one] for one in groups]
        for variable in itertools.chain.from_iterable(groups):
            variable.SetBounds(0.0, self.infinity)
        best: dict[int, tuple[float, Column]] = {}
        for (column, _), share in zip(columns, shares[0], strict=True):
            if share > best.get(column.course, (0.0, column))[0]:
                best[column.course] = (share, column)
        hours: Hours = {}
        ranked = sorted(zip(shares[1], patterns, strict=True), key=lambda one: -one[0])
        for share, (key, pattern, _) in ranked:
            if share > EPSILON:
                hours.setdefault((key[0], key[1]), []).extend([pattern] * max(round(share), 1))
        return [best[course][1] for course in sorted(best)], hours

    def _step(self, variables: list[pywraplp.Variable], shares: list[float]) -> bool:
        """Round up the likeliest fractional variables: many at once, else one, else that one down; then solve.

        False when none is fractional or nothing can be fixed.
        """
        parts = [share - math.floor(share) for share in shares]
        loose = [i for i, part in enumerate(parts) if EPSILON < part < 1 - EPSILON]
        loose.sort(key=lambda i: -parts[i])
        if not loose:
            return False
        many = [i for i in loose[: max(1, len(loose) // DIVE_SHARE)] if parts[i] >= 0.5] or loose[:1]
        for chosen in (many, loose[:1]):
            before = [variables[i].lb() for i in chosen]
            for i in chosen:
                variables[i].SetLb(float(math.ceil(shares[i])))
            if self._resolved():
                return True
            for i, lower in zip(chosen, before, strict=True):
                variables[i].SetLb(lower)
        variables[loose[0]].SetUb(float(math.floor(shares[loose[0]])))
        return self._resolved()

    def _resolved(self) -> bool:
        """Solve again after fixing; False when that left no solution."""
        try:
            self.solve(row_rounds=8)
        except RuntimeError:
            return False
        return True

    def prices(self) -> dict[int, FloatArray]:
        """The duals of the capacity rows as non-negative prices."""
        found: dict[int, FloatArray] = {}
        for (pool, tick), row in self.rows.items():
            price = -row.dual_value()
            if price > EPSILON:
                found.setdefault(pool, np.zeros(self.problem.horizon))[tick] = price
        return found


def _more(row: pywraplp.Constraint, variable: pywraplp.Variable) -> None:
    """A variable takes one more unit of a row."""
    row.SetCoefficient(variable, row.GetCoefficient(variable) + 1.0)


def peaks(over: FloatArray) -> list[int]:
    """The tick of the highest excess in every stretch of excess."""
    broken = over > EPSILON
    edges = np.flatnonzero(np.diff(np.concatenate([[False], broken, [False]]).astype(np.int8)))
    return [int(first + np.argmax(over[first:last])) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def options_taken(pricer: Pricer, column: Column) -> list[tuple[int, int]]:
    """(kind, option) of every dose of a column."""
    tables = pricer.tables[column.template]
    return [(tables[group].kind, option) for group, option in enumerate(column.options) if option is not None]
