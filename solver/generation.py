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

    `prices` prove `bound` on `level_weight` x level 1 + level 3; `relaxed` is what the linear program reached; `whole`
    is one column for every course with hours for its doses, as good as whole columns near that get.
    """

    prices: dict[int, FloatArray]
    bound: float
    relaxed: float
    whole: Whole
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


def prove(
    problem: Problem,
    layouts: list[Layout],
    start: Mapping[str, Placement],
    *,
    level_weight: int,
    seconds: float,
    dive_seconds: float = 10.0,
    rounds: int = 200,
    warm: int = 25,
    tolerance: float = 2e-4,
    report: Callable[[float, float], None] | None = None,
) -> tuple[Proof, Pricer]:
    """Grow columns from a first plan until bound and relaxation meet within `tolerance`, or time or rounds run out.

    What is left of `seconds` and `dive_seconds` together may go into making the result whole.
    """
    until = time.monotonic() + seconds
    pricer = Pricer(problem, layouts, level_weight)
    master = Master(problem, pricer)
    for number, course in enumerate(problem.courses):
        column, patterns = as_column(pricer, number, start[course.id])
        master.add_column(column)
        for one in patterns:
            master.add_pattern(*one)
            master.start_costs.append(float(pricer.kinds[one[0]].hours(one[2]) * problem.weights.hour))
        master.start_costs.append(float(level_weight * column.first_level + column.last_level))
    proof = Proof({}, -math.inf, math.inf, ([], {}))
    center = _warm_prices(problem, pricer, master, proof, steps=warm)
    for done in range(rounds):
        proof.rounds = done + 1
        proof.relaxed, settled = master.solve(row_rounds=ROW_ROUNDS)
        exact = master.prices()
        grown = False
        for share in (0.6, 0.0):
            trial = rounded(_blend(center, exact, share))
            priced = pricer.price(trial)
            if priced.bound > proof.bound:
                proof.bound, proof.prices, center = priced.bound, trial, trial
            grown = master.grow(priced)
            if grown:
                break
        if report is not None:
            report(proof.bound, proof.relaxed)
        close = proof.relaxed - proof.bound <= tolerance * max(1.0, abs(proof.relaxed))
        if settled and (close or not grown):
            break
        if time.monotonic() > until:
            break
    proof.relaxed, _ = master.solve(row_rounds=50)
    proof.whole = master.dive(until + dive_seconds)
    return proof, pricer
