"""Prices: whatever they are, what they prove lies below every plan."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.insertion import Inserter
from solver.patterns import NEVER, range_min, slot_prices
from solver.pricing import GRAIN, Pricer
from solver.problem import FloatArray, Problem
from solver.search import LEVEL_WEIGHT
from tests.solver.oracle import Oracle
from tests.solver.tiny import POOLS, STORE, SUITE, Tiny, problem_of, slots, tinies

TRIED = settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pricer_of(problem: Problem) -> Pricer:
    return Pricer(problem, Inserter(problem).layouts, LEVEL_WEIGHT)


def random_prices(problem: Problem, seed: int, dearest: int) -> Mapping[int, FloatArray]:
    """Multiples of 1/1024 up to `dearest` on about half the ticks of about half the pools."""
    dice = np.random.default_rng(seed)
    whole = {pool: dice.integers(0, dearest * int(GRAIN) + 1, problem.horizon) for pool in range(len(POOLS))}
    kept = dice.random(len(POOLS)) < 0.6
    return {
        pool: np.where(dice.random(problem.horizon) < 0.5, grains, 0) / GRAIN
        for pool, grains in whole.items()
        if kept[pool]
    }


@TRIED
@given(tinies(courses=2), st.integers(0, 2**16))
def test_no_prices_prove_more_than_the_optimum(tiny: Tiny, seed: int) -> None:
    problem = problem_of(tiny)
    optimum = Oracle(problem).least(LEVEL_WEIGHT, 1)
    pricer = pricer_of(problem)
    for dearest in (0, 2, 40, 3000):
        assert pricer.price(random_prices(problem, seed, dearest)).bound <= optimum


@TRIED
@given(tinies(courses=2), st.integers(0, 2**16))
def test_no_prices_prove_more_than_the_least_level_1(tiny: Tiny, seed: int) -> None:
    problem = problem_of(tiny)
    optimum = Oracle(problem).least(1, 0)
    pricer = pricer_of(problem)
    for dearest in (0, 1, 300):
        priced = pricer.price(random_prices(problem, seed, dearest), first_only=True, extract=False)
        assert priced.bound <= optimum


@TRIED
@given(tinies(courses=1))
def test_the_columns_of_no_prices_cost_what_they_prove(tiny: Tiny) -> None:
    problem = problem_of(tiny)
    pricer = pricer_of(problem)
    priced = pricer.price({})
    (column,) = priced.columns
    hours = sum(
        pricer.kinds[table.kind].hours(pricer.kinds[table.kind].pattern(option)) * problem.weights.hour
        for table, option in zip(pricer.tables[0], column.options, strict=True)
        if option is not None
    )
    assert LEVEL_WEIGHT * column.first_level + column.last_level + hours == priced.bound


def test_a_priced_suite_proves_what_two_patients_cannot_both_have() -> None:
    problem = problem_of(Tiny(ready=(0, 0)))
    # For free both are filled on day 0: 2 x 26. At a price of 24 for that hour each pays 50, either by 26 + 24 or by
    # 48 + 2 a day later, and one unit at 24 is taken off again: 2 x 50 - 24 = 76, the optimum.
    price = np.zeros(problem.horizon)
    price[2] = 24.0
    pricer = pricer_of(problem)
    assert pricer.price({}).bound == 52
    assert pricer.price({SUITE: price}).bound == 76


def test_level_1_alone_counts_the_doses_no_price_can_place() -> None:
    # Nothing is ever filled: both courses lose their only dose.
    problem = problem_of(Tiny(ready=(0, 0), fill_days=()))
    priced = pricer_of(problem).price({}, first_only=True)
    assert priced.bound == 2000
    assert [column.options for column in priced.columns] == [(None,), (None,)]


def test_prices_of_taken_units_are_not_taken_off_the_bound() -> None:
    # The suite has one unit and it is gone on tick 2: its price there proves day 1 (48 + 2 = 50) and costs nothing.
    problem = problem_of(Tiny(ready=(0,), taken=((SUITE, 2, 3),)))
    price = np.zeros(problem.horizon)
    price[2] = 100.0
    assert pricer_of(problem).price({SUITE: price}).bound == 50


@pytest.mark.parametrize(
    ("low", "high", "least", "where"),
    [(0, 3, 1.0, 1), (2, 4, 2.0, 2), (3, 4, 5.0, 3), (0, 1, 4.0, 0), (1, 4, 1.0, 1)],
)
def test_a_range_minimum_is_the_least_value_and_its_place(low: int, high: int, least: float, where: int) -> None:
    values = np.array([4.0, 1.0, 2.0, 5.0])
    best, at = range_min(values, np.array([low]), np.array([high]))
    assert (best.tolist(), at.tolist()) == ([least], [where])


def test_the_minimum_of_an_empty_range_is_never() -> None:
    best, _ = range_min(np.array([4.0, 1.0]), np.array([1, 0]), np.array([1, 2]))
    assert best.tolist() == [NEVER, 1.0]


def test_a_tie_in_a_range_goes_to_the_first_place() -> None:
    _, at = range_min(np.array([3.0, 1.0, 1.0]), np.array([0]), np.array([3]))
    assert at.tolist() == [1]


def test_no_ranges_have_no_minima() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    best, at = range_min(np.array([1.0]), nothing, nothing)
    assert (len(best), len(at)) == (0, 0)


def test_a_slot_pays_for_every_tick_of_its_stay_and_its_tail() -> None:
    # Prices 1, 2, 4, 8, 16 on ticks 0-4. Slots [0, 2) and [1, 3): 1 + 2 and 2 + 4; with a tail of one tick 7 and 14.
    sums = {STORE: np.concatenate([[0.0], np.cumsum([1.0, 2.0, 4.0, 8.0, 16.0])])}
    two = slots([0, 1], [2, 2])
    assert slot_prices(two, [(STORE, False, True, 0)], sums).tolist() == [3.0, 6.0]
    assert slot_prices(two, [(STORE, False, True, 1)], sums).tolist() == [7.0, 14.0]
    # From the start for one tick only, as a departure's place; and a pool without prices costs nothing.
    assert slot_prices(two, [(STORE, False, False, 1)], sums).tolist() == [1.0, 2.0]
    assert slot_prices(two, [(SUITE, False, True, 0)], sums).tolist() == [0.0, 0.0]


def test_what_lies_beyond_the_priced_ticks_costs_nothing() -> None:
    sums = {STORE: np.concatenate([[0.0], np.cumsum([1.0, 2.0])])}
    assert slot_prices(slots([1, 5], [3, 2]), [(STORE, False, True, 0)], sums).tolist() == [2.0, 0.0]
