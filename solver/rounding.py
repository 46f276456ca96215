"""From priced columns to a plan: pick whole columns, give every dose its hours, place course by course, polish."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
from ortools.linear_solver import pywraplp

from solver.finder import LEVEL, Wish
from solver.insertion import Inserter
from solver.master import Proof, options_taken, peaks
from solver.patterns import Pattern, Usage
from solver.pricing import Column, Pricer
from solver.problem import Levels, Placement, Problem, cost_of, total_cost

CLOSE_ENOUGH = 1e-4  # the picking stops when its own gap is smaller

Hours = dict[tuple[int, int], list[Pattern]]


def pick(
    problem: Problem, pricer: Pricer, proof: Proof, *, seconds: float, rounds: int = 12
) -> tuple[list[Column], Hours] | None:
    """One column for every course and hours for every dose, as cheap as found in about so many seconds.

    Capacities the linear program has not met yet are added and the choice is made again, `rounds` times at most; what
    is still exceeded then is left to `realise`. None when nothing whole is found.
    """
    if all(abs(amount - round(amount)) < 1e-6 for amount in (*proof.weights, *proof.times)):
        return _whole(proof, [round(amount) for amount in proof.weights], [round(amount) for amount in proof.times])
    choice = _Choice(problem, pricer, proof)
    until = time.monotonic() + seconds
    found: tuple[list[int], list[int]] | None = None
    for _ in range(rounds):
        better = choice.solve(max(until - time.monotonic(), 1.0))
        found = better or found
        if better is None or not choice.add_broken_rows() or time.monotonic() > until:
            break
    return None if found is None else _whole(proof, *found)


class _Choice:
    """The integer program over the columns and hours of a proof."""

    def __init__(self, problem: Problem, pricer: Pricer, proof: Proof) -> None:
        self.problem = problem
        self.solver = pywraplp.Solver.CreateSolver("SCIP")
        self.takes = [self.solver.BoolVar("") for _ in proof.columns]
        self.times = [self.solver.IntVar(0, len(problem.courses), "") for _ in proof.patterns]
        self.stays: dict[int, list[tuple[int, int, pywraplp.Variable]]] = {}
        objective = self.solver.Objective()
        objective.SetMinimization()
        convexity = [self.solver.Constraint(1, 1) for _ in problem.courses]
        taken = {key for column in proof.columns for key in options_taken(pricer, column)}
        links = {key: self.solver.Constraint(0, 0) for key in taken | {(kind, at) for kind, at, _ in proof.patterns}}
        for take, column in zip(self.takes, proof.columns, strict=True):
            objective.SetCoefficient(take, pricer.level_weight * column.first_level + column.last_level)
            convexity[column.course].SetCoefficient(take, 1)
            for key, count in Counter(options_taken(pricer, column)).items():
                links[key].SetCoefficient(take, count)
            for pool, begin, until in column.holds:
                starts = problem.day_start[pool]
                self.stays.setdefault(pool, []).append((int(starts[begin]) + 1, int(starts[until]) + 1, take))
        for times, (kind, option, pattern) in zip(self.times, proof.patterns, strict=True):
            objective.SetCoefficient(times, pricer.kinds[kind].hours(pattern) * problem.weights.hour)
            links[kind, option].SetCoefficient(times, -1)
            for pool, first, last in pricer.kinds[kind].usage(pattern):
                self.stays.setdefault(pool, []).append((first, last, times))
        self.spans = {
            pool: np.array([(first, last) for first, last, _ in stays], dtype=np.int64)
            for pool, stays in self.stays.items()
        }
        for pool, tick in proof.rows:
            self._add_row(pool, tick)

    def _add_row(self, pool: int, tick: int) -> None:
        if pool not in self.spans:
            return
        free = self.problem.capacity[pool] - int(self.problem.load[pool][tick])
        row = self.solver.Constraint(-self.solver.infinity(), free)
        spans = self.spans[pool]
        for at in np.flatnonzero((spans[:, 0] <= tick) & (tick < spans[:, 1])):
            variable = self.stays[pool][at][2]
            row.SetCoefficient(variable, row.GetCoefficient(variable) + 1)

    def solve(self, seconds: float) -> tuple[list[int], list[int]] | None:
        """How often each column and each pattern is taken; None when nothing whole was found in time."""
        self.solver.SetTimeLimit(int(seconds * 1000))
        parameters = pywraplp.MPSolverParameters()
        parameters.SetDoubleParam(parameters.RELATIVE_MIP_GAP, CLOSE_ENOUGH)
        if self.solver.Solve(parameters) not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            return None
        return [round(one.solution_value()) for one in self.takes], [round(one.solution_value()) for one in self.times]

    def add_broken_rows(self) -> bool:
        """Add the capacities the last solution exceeds; whether there were any."""
        broken: list[tuple[int, int]] = []
        for pool, stays in self.stays.items():
            amounts = np.array([round(variable.solution_value()) for _, _, variable in stays])
            changes = np.zeros(self.problem.horizon + 1)
            np.add.at(changes, self.spans[pool][:, 0], amounts)
            np.add.at(changes, np.minimum(self.spans[pool][:, 1], self.problem.horizon), -amounts)
            over = np.cumsum(changes)[:-1] + self.problem.load[pool] - self.problem.capacity[pool]
            broken += [(pool, tick) for tick in peaks(over)]
        for pool, tick in broken:
            self._add_row(pool, tick)
        return bool(broken)


def _whole(proof: Proof, takes: list[int], times: list[int]) -> tuple[list[Column], Hours]:
    columns = [column for count, column in zip(takes, proof.columns, strict=True) if count]
    chosen: Hours = {}
    for count, (kind, option, pattern) in zip(times, proof.patterns, strict=True):
        chosen.setdefault((kind, option), []).extend([pattern] * count)
    return sorted(columns, key=lambda column: column.course), chosen


def realise(
    problem: Problem, inserter: Inserter, pricer: Pricer, columns: list[Column], hours: Hours, *, passes: int = 6
) -> dict[str, Placement]:
    """Place every course on the days of its column with the hours picked.

    Courses that fail go first in the next pass (what the columns leave out, such as a harvest's hours, then finds its
    place first). After the last pass they are placed freely. The inserter ends up holding the result.
    """
    left = {key: list(patterns) for key, patterns in hours.items()}
    wishes = {column.course: (column, _wish(pricer, column, left)) for column in columns}
    kept = {course: _reserved(problem, pricer, column, wish) for course, (column, wish) in wishes.items()}
    order = list(wishes)
    placements: dict[str, Placement] = {}
    for _ in range(passes):
        inserter.reset()
        placements, failed = _place_in_order(problem, inserter, order, wishes, kept)
        if not failed:
            return placements
        order = failed + [course for course in order if course not in failed]
    for number in failed:
        course = problem.courses[number]
        _, placements[course.id] = inserter.best(course)
        inserter.put(placements[course.id])
    return placements


def _place_in_order(
    problem: Problem,
    inserter: Inserter,
    order: list[int],
    wishes: Mapping[int, tuple[Column, Wish]],
    kept: Mapping[int, Usage],
) -> tuple[dict[str, Placement], list[int]]:
    """Place courses as wished, keeping free what the others will need; the placements and who failed."""
    placements: dict[str, Placement] = {}
    failed: list[int] = []
    for stretch in itertools.chain.from_iterable(kept.values()):
        inserter.loads.change(*stretch, 1)
    for number in order:
        for stretch in kept[number]:
            inserter.loads.change(*stretch, -1)
        column, wish = wishes[number]
        course = problem.courses[number]
        _, placement = inserter.best(course, wish={column.template: wish})
        if len(placement.present) < sum(option is not None for option in column.options):
            failed.append(number)
            continue
        inserter.put(placement)
        placements[course.id] = placement
    return placements, failed


def _reserved(problem: Problem, pricer: Pricer, column: Column, wish: Wish) -> Usage:
    """What the doses and holds of a column will need, kept free until its turn comes."""
    layout = pricer.layouts[column.template]
    found: Usage = []
    for group, option in enumerate(column.options):
        head = layout.by_group[group][0]
        if option is not None and head.pivot in wish.slots:
            kind = pricer.kinds[pricer.tables[column.template][group].kind]
            extras = tuple(wish.slots[head.order[kind.segment.order.index(task)]] for task in kind.extras)
            found += kind.usage(Pattern(wish.slots[head.pivot], wish.slots[head.visit], extras))
    for pool, begin, until in column.holds:
        starts = problem.day_start[pool]
        found.append((pool, int(starts[begin + 1]), int(starts[until]) + 1))
    return found


def _wish(pricer: Pricer, column: Column, left: Hours) -> Wish:
    layout = pricer.layouts[column.template]
    days: dict[int, tuple[int, int]] = {}
    slots: dict[int, int] = {}
    for group, option in enumerate(column.options):
        if option is None:
            continue
        table = pricer.tables[column.template][group]
        kind, head = pricer.kinds[table.kind], layout.by_group[group][0]
        days[head.pivot] = (int(kind.pivot_day[option]), int(kind.visit_day[option]))
        for side, day in zip(table.sides, column.sides[group], strict=True):
            days[side.segment.pivot] = day
        patterns = left.get((table.kind, option), [])
        if patterns:
            pattern = patterns.pop(0)
            slots[head.pivot], slots[head.visit] = pattern.pivot, pattern.visit
            for task, slot in zip(kind.extras, pattern.extras, strict=True):
                slots[head.order[kind.segment.order.index(task)]] = slot
    return Wish(days, slots)


def scalar(levels: Levels) -> int:
    """Levels 1 and 3 as one number."""
    return levels[0] * LEVEL + levels[2]


def polish(
    problem: Problem,
    inserter: Inserter,
    placements: dict[str, Placement],
    *,
    stop: Callable[[Levels], bool],
    rounds: int = 4,
) -> None:
    """Take out one course at a time and put it where it is cheapest, until nothing improves or `stop` says so."""
    for _ in range(rounds):
        improved = False
        for course in problem.courses:
            if stop(total_cost(problem, placements)):
                return
            old = placements[course.id]
            inserter.take(old)
            cost, new = inserter.best(course)
            better = cost < scalar(cost_of(problem, course, old))
            placements[course.id] = new if better else old
            inserter.put(placements[course.id])
            improved |= better
        if not improved:
            return


def first_come_first_served(problem: Problem, inserter: Inserter, *, earliest: bool) -> dict[str, Placement]:
    """Every course in the order of registration, each placed for itself; `earliest` asks for the earliest dose 1."""
    placements: dict[str, Placement] = {}
    for course in sorted(problem.courses, key=lambda one: (one.waits_from_day, one.id)):
        _, placement = inserter.best(course, earliest=earliest)
        inserter.put(placement)
        placements[course.id] = placement
    return placements
