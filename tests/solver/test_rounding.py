"""From fractions to whole plans."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from solver.finder import LEVEL
from solver.generation import Generation
from solver.insertion import Inserter
from solver.problem import Levels, Placement, Problem, total_cost
from solver.rounding import first_come_first_served, polish, realise, scalar
from solver.search import LEVEL_WEIGHT
from tests.solver.oracle import Oracle, broken_in
from tests.solver.tiny import Tiny, problem_of


def generation_of(problem: Problem, inserter: Inserter) -> Generation:
    start = first_come_first_served(problem, inserter, earliest=False)
    return Generation(problem, inserter.layouts, start, level_weight=LEVEL_WEIGHT)


def settled(problem: Problem) -> tuple[Generation, Inserter]:
    inserter = Inserter(problem)
    generation = generation_of(problem, inserter)
    generation.run(until=math.inf, tolerance=0.0)
    return generation, inserter


@pytest.fixture
def two() -> Problem:
    """ANA and BEN, ready on the same day, one fill a day: 26 for one and 50 for the other."""
    return problem_of(Tiny(ready=(0, 0)))


def test_the_dive_ends_with_one_column_a_course_that_can_be_realised_at_the_optimum(two: Problem) -> None:
    generation, inserter = settled(two)
    pricer = generation.pricer
    columns, hours = generation.whole(math.inf)
    assert [column.course for column in columns] == [0, 1]
    # Each course takes its one dose once, and every dose has hours to be given at.
    assert all(
        hours[pricer.tables[one.template][0].kind, option] for one in columns for option in one.options if option
    )
    placements = realise(two, inserter, pricer, columns, hours)
    assert broken_in(two, placements) == []
    assert total_cost(two, placements) == (0, 0, 76)


def test_after_its_result_was_made_whole_the_program_is_as_free_as_before(two: Problem) -> None:
    generation, _ = settled(two)
    before = generation.proof.relaxed
    generation.whole(math.inf)
    assert generation.run(until=math.inf, tolerance=0.0).relaxed == pytest.approx(before)


@pytest.mark.parametrize("days", [4, 6, 8])
def test_a_dive_without_time_still_names_a_column_for_every_course(days: int) -> None:
    problem = problem_of(Tiny(ready=(0, 0, 1), doses=2, days=days))
    inserter = Inserter(problem)
    generation = generation_of(problem, inserter)
    # No seconds at all: one round of pricing, and the dive has to decide by the larger share.
    generation.run(until=time.monotonic(), tolerance=0.0)
    columns, hours = generation.whole(time.monotonic())
    assert [column.course for column in columns] == [0, 1, 2]
    assert broken_in(problem, realise(problem, inserter, generation.pricer, columns, hours)) == []


def test_what_cannot_be_realised_on_its_days_is_placed_freely(two: Problem) -> None:
    generation, inserter = settled(two)
    pricer = generation.pricer
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
    assert scalar(levels) >= Oracle(problem).least(LEVEL, 1)
    assert scalar((2, 5, 7)) == 2 * LEVEL + 7


def test_the_proof_of_a_problem_is_between_no_cost_and_the_optimum(two: Problem) -> None:
    proof = settled(two)[0].proof
    assert proof.bound == pytest.approx(76)
    assert proof.relaxed == pytest.approx(76)
    assert all(price.min() >= 0 for price in proof.prices.values())
