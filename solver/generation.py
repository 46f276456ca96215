"""Column generation: grow columns under prices until bound and relaxation meet, then make the result whole."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from solver.layout import Layout
from solver.master import Master, Whole, options_taken
from solver.patterns import Pattern
from solver.pricing import GRAIN, Column, Priced, Pricer
from solver.problem import FloatArray, Placement, Problem

ROW_ROUNDS = 1  # how often broken capacities are added and solved again before new columns are priced


@dataclass
class Proof:
    """What column generation found.

    `prices` prove `bound` on `level_weight` x level 1 + level 3; `relaxed` is what the linear program reached.
    """

    prices: dict[int, FloatArray]
    bound: float
    relaxed: float
    rounds: int = 0


def rounded(prices: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
    """Prices as multiples of 1/1024, so that sums are exact."""
    return {pool: np.round(price * GRAIN) / GRAIN for pool, price in prices.items()}


def _blend(a: Mapping[int, FloatArray], b: Mapping[int, FloatArray], share: float) -> dict[int, FloatArray]:
    found: dict[int, FloatArray] = {}
    for pool in {*a, *b}:
        nothing = np.zeros(1)
        found[pool] = share * a.get(pool, nothing) + (1 - share) * b.get(pool, nothing)
    return found


def as_column(pricer: Pricer, number: int, placement: Placement) -> tuple[Column, list[tuple[int, int, Pattern]]]:
    """The column and the patterns of a course that has a place."""
    problem = pricer.problem
    course = problem.courses[number]
    layout = pricer.layouts[placement.template]
    template = layout.template
    options: list[int | None] = [None] * template.groups
    sides: list[tuple[tuple[int, int], ...]] = [()] * template.groups
    holds: list[tuple[int, int, int]] = []
    patterns: list[tuple[int, int, Pattern]] = []
    first, last = (template.groups - len(placement.present)) * problem.weights.absent, 0
    days: dict[int, int] = {}
    for group in layout.group_order:
        if group not in placement.present:
            continue
        table = pricer.tables[placement.template][group]
        kind = pricer.kinds[table.kind]
        head = layout.by_group[group][0]
        pivot, visit = placement.slots[head.pivot], placement.slots[head.visit]
        pivot_day, visit_day = int(kind.pivot.start_day[pivot]), int(kind.visit.start_day[visit])
        option = int(np.flatnonzero((kind.visit_day == visit_day) & (kind.pivot_day == pivot_day))[0])
        options[group] = option
        days[group] = visit_day
        extras = tuple(placement.slots[head.order[kind.segment.order.index(task)]] for task in kind.extras)
        patterns.append((table.kind, option, Pattern(pivot, visit, extras)))
        picked: list[tuple[int, int]] = []
        for side in table.sides:
            slots = template.tasks[side.segment.pivot].slots
            seen = template.tasks[side.segment.visit].slots
            assert slots is not None and seen is not None
            at = placement.slots[side.segment.pivot]
            day = (int(slots.start_day[at]), int(seen.start_day[placement.slots[side.segment.visit]]))
            picked.append(day)
            chosen = int(np.flatnonzero((side.pivot_day == day[0]) & (side.visit_day == day[1]))[0])
            night = int(max(side.until_day[option], side.begin_day[chosen]))
            holds += [(pool, int(side.begin_day[chosen]), night) for pool in side.pools]
        sides[group] = tuple(picked)
        for target in template.targets:
            if template.tasks[target.b.task].group == group:
                parent = template.parents[group] or 0
                off = abs(visit_day - int(target.table[days[parent]])) * target.weight
                first, last = (first + off, last) if target.level == 0 else (first, last + off)
    if 0 in days:
        last += problem.weights.waiting * (days[0] - course.waits_from_day)
    column = Column(number, placement.template, tuple(options), tuple(sides), tuple(holds), first, last)
    return column, patterns


def _warm_prices(problem: Problem, pricer: Pricer, master: Master, proof: Proof, steps: int) -> dict[int, FloatArray]:
    """Prices by a few subgradient steps: dearer where the cheapest columns want more than there is."""
    prices: dict[int, FloatArray] = {}
    target = sum(one for one in master.start_costs)
    share = 1.0
    for _ in range(steps):
        priced = pricer.price(rounded(prices))
        master.grow(priced)
        if priced.bound > proof.bound:
            proof.bound, proof.prices = priced.bound, rounded(prices)
        else:
            share *= 0.7
        over = _excess(problem, pricer, master, priced)
        for pool, excess in over.items():
            excess[(excess < 0) & (prices.get(pool, np.zeros(1)) <= 0)] = 0.0
        size = sum(float((excess**2).sum()) for excess in over.values())
        if size == 0:
            break
        step = share * (target - priced.bound) / size
        for pool, excess in over.items():
            prices[pool] = np.maximum(prices.get(pool, np.zeros(problem.horizon)) + step * excess, 0.0)
    return proof.prices


def _excess(problem: Problem, pricer: Pricer, master: Master, priced: Priced) -> dict[int, FloatArray]:
    """By how much the cheapest columns together exceed every pool at every tick (negative: what is left)."""
    changes: dict[int, FloatArray] = {}

    def spend(pool: int, first: int, last: int) -> None:
        at = changes.setdefault(pool, np.zeros(problem.horizon + 1))
        at[first] += 1.0
        at[min(last, problem.horizon)] -= 1.0

    for column in priced.columns:
        for kind, option in options_taken(pricer, column):
            for stay in pricer.kinds[kind].usage(pricer.kinds[kind].pattern(option)):
                spend(*stay)
        for pool, begin, until in column.holds:
            starts = problem.day_start[pool]
            spend(pool, int(starts[begin]) + 1, int(starts[until]) + 1)
    found: dict[int, FloatArray] = {}
    for pool, change in changes.items():
        over = np.cumsum(change)[: problem.horizon] + problem.load[pool] - problem.capacity[pool]
        if pool in master.midnights:
            counted = np.zeros(problem.horizon, dtype=bool)
            counted[[tick for tick in master.midnights[pool] if 0 <= tick < problem.horizon]] = True
            over[~counted] = 0.0
        found[pool] = over
    return found


class Generation:
    """Column generation on one problem, begun from a plan; it can be taken up again after its result was made whole."""

    def __init__(
        self,
        problem: Problem,
        layouts: list[Layout],
        start: Mapping[str, Placement],
        *,
        level_weight: int,
        warm: int = 10,
    ) -> None:
        self.pricer = Pricer(problem, layouts, level_weight)
        self.master = Master(problem, self.pricer)
        self.proof = Proof({}, -math.inf, math.inf)
        self.settled = False
        for number, course in enumerate(problem.courses):
            column, patterns = as_column(self.pricer, number, start[course.id])
            self.master.add_column(column)
            for one in patterns:
                self.master.add_pattern(*one)
                hours = self.pricer.kinds[one[0]].hours(one[2]) * problem.weights.hour
                self.master.start_costs.append(float(hours))
            self.master.start_costs.append(float(level_weight * column.first_level + column.last_level))
        self._center = _warm_prices(problem, self.pricer, self.master, self.proof, steps=warm)

    def run(
        self,
        *,
        until: float,
        tolerance: float,
        rounds: int = 200,
        report: Callable[[float], None] = lambda bound: None,
    ) -> Proof:
        """Grow columns until bound and relaxation meet within `tolerance` (a share), or time or rounds run out.

        `until` is in monotonic seconds. `report` hears of the bound after every round.
        """
        proof = self.proof
        for _ in range(rounds):
            proof.rounds += 1
            proof.relaxed, settled = self.master.solve(row_rounds=ROW_ROUNDS)
            grown = self._price()
            report(proof.bound)
            close = proof.relaxed - proof.bound <= tolerance * max(1.0, abs(proof.relaxed))
            if (settled and (close or not grown)) or time.monotonic() > until:
                break
        return proof

    def _price(self) -> bool:
        """Price at a blend of the best prices and the program's own, else at these alone; whether columns were new."""
        exact = self.master.prices()
        for share in (0.6, 0.0):
            trial = rounded(_blend(self._center, exact, share))
            priced = self.pricer.price(trial)
            if priced.bound > self.proof.bound:
                self.proof.bound, self.proof.prices, self._center = priced.bound, trial, trial
            if self.master.grow(priced):
                return True
        return False

    def whole(self, until: float) -> Whole:
        """One column for every course and hours for its doses, near what the program reached; see `Master.dive`."""
        self.proof.relaxed, _ = self.master.solve(row_rounds=50)
        return self.master.dive(until)
