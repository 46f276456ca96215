"""From fractions to whole plans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from solver.insertion import Inserter
from solver.master import Proof, prove
from solver.pricing import Pricer
from solver.problem import Levels, Placement, Problem, total_cost
from solver.rounding import first_come_first_served, pick, polish, realise, scalar
from solver.search import LEVEL_WEIGHT
from tests.solver.oracle import Oracle, broken_in
from tests.solver.tiny import Tiny, problem_of


def proven(problem: Problem) -> tuple[Proof, Pricer, Inserter]:
    inserter = Inserter(problem)
    start = first_come_first_served(problem, inserter, earliest=False)
    proof, pricer = prove(problem, inserter.layouts, start, level_weight=LEVEL_WEIGHT, seconds=10.0, tolerance=0.0)
    return proof, pricer, inserter


@pytest.fixture
def two() -> Problem:
    """ANA and BEN, ready on the same day, one fill a day: 26 for one and 50 for the other."""
    return problem_of(Tiny(ready=(0, 0)))


def test_whole_weights_are_taken_as_they_are(two: Problem) -> None:
    proof, pricer, _ = proven(two)
    weights = [0.0] * len(proof.columns)
    for number in (0, 1):
        of_course = [i for i, column in enumerate(proof.columns) if column.course == number]
        weights[of_course[number]] = 1.0
    chosen = [column for column, weight in zip(proof.columns, weights, strict=True) if weight]
    whole = replace(proof, weights=weights, times=[0.0] * len(proof.times))
    picked = pick(two, pricer, whole, seconds=5.0, seed=0)
    assert picked is not None
    assert picked[0] == chosen
    assert picked[1] == {key: [] for key in {(kind, option) for kind, option, _ in proof.patterns}}


def test_fractions_are_made_whole_at_the_least_cost(two: Problem) -> None:
    proof, pricer, inserter = proven(two)
    halves = replace(proof, weights=[0.5] * len(proof.weights), times=[0.5] * len(proof.times))
    picked = pick(two, pricer, halves, seconds=10.0, seed=0)
    assert picked is not None
    assert [column.course for column in picked[0]] == [0, 1]
    placements = realise(two, inserter, pricer, *picked)
    assert broken_in(two, placements) == []
    assert total_cost(two, placements) == (0, 0, 76)


def test_columns_that_cannot_stand_together_give_no_pick(two: Problem) -> None:
    proof, pricer, _ = proven(two)
    # Keep of each course only the column that fills on day 0: one suite cannot do both.
    kind = pricer.kinds[0]
    first_day = int(kind.visit_day[0])
    kept = [
        column
        for column in pricer.price({}).columns
        if column.options[0] is not None and int(kind.visit_day[column.options[0]]) == first_day
    ]
    assert [column.course for column in kept] == [0, 1]
    option = kept[0].options[0]
    assert option is not None
    pattern = (0, option, kind.pattern(option))
    stuck = replace(proof, columns=kept, weights=[0.5, 0.5], patterns=[pattern], times=[0.5])
    assert pick(two, pricer, stuck, seconds=10.0, seed=0) is None


def test_what_cannot_be_realised_on_its_days_is_placed_freely(two: Problem) -> None:
    _, pricer, inserter = proven(two)
    # Under no prices both want day 0; the suite takes one, and the other is placed where it is cheapest.
    both = pricer.price({}).columns
    placements = realise(two, inserter, pricer, both, {})
    assert broken_in(two, placements) == []
    assert total_cost(two, placements) == (0, 0, 76)


def never(_: Levels) -> bool:
    return False


def at_once(_: Levels) -> bool:
    return True


@pytest.mark.parametrize(("stop", "cost"), [(never, (0, 0, 76)), (at_once, (2000, 0, 0))])
def test_polishing_improves_until_it_is_told_to_stop(
    two: Problem, stop: Callable[[Levels], bool], cost: Levels
) -> None:
    inserter = Inserter(two)
    placements = {name: Placement(0, {}, frozenset()) for name in ("ANA", "BEN")}
    polish(two, inserter, placements, stop=stop)
    assert total_cost(two, placements) == cost


def test_first_come_is_first_served_in_the_order_of_registration(two: Problem) -> None:
    ana, ben = two.courses
    # BEN registered a day before ANA, so the early day is his.
    later = replace(two, courses=(replace(ana, waits_from_day=1), replace(ben, waits_from_day=0)))
    placements = first_come_first_served(later, Inserter(later), earliest=True)
    fills = {name: placement.slots[0] for name, placement in placements.items()}
    assert fills == {"BEN": 0, "ANA": 1}


def test_first_come_first_served_is_never_better_than_the_optimum() -> None:
    problem = problem_of(Tiny(ready=(0, 1, 0), doses=2, days=7))
    placements = first_come_first_served(problem, Inserter(problem), earliest=True)
    assert broken_in(problem, placements) == []
    levels = total_cost(problem, placements)
    assert scalar(levels) >= Oracle(problem).least(10_000_000, 1)
    assert scalar((2, 5, 7)) == 2 * 10_000_000 + 7


def test_the_proof_of_a_problem_is_between_no_cost_and_the_optimum(two: Problem) -> None:
    proof, _, _ = proven(two)
    assert proof.bound == pytest.approx(76)
    assert proof.relaxed == pytest.approx(76)
    assert all(price.min() >= 0 for price in proof.prices.values())
