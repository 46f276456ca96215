"""The whole search: plans that break nothing, and bounds that no plan goes below."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from solver.problem import Levels, Problem, Solution, total_cost
from solver.search import Clock, better, solve
from tests.solver.oracle import Oracle, broken_in, levels_of
from tests.solver.tiny import LANE, SUITE, Tiny, problem_of, tinies

TRIED = settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def silent(stage: str, cost: Levels | None, bound: Levels | None) -> None:
    """Nobody listens."""


def solved(problem: Problem) -> Solution:
    return solve(problem, seed=0, time_limit=5.0, report=silent)


def check_against_oracle(problem: Problem) -> None:
    solution = solved(problem)
    cost = total_cost(problem, solution.placements)
    oracle = Oracle(problem)
    assert broken_in(problem, solution.placements) == []
    assert cost == summed(problem, solution)
    # Level 1 of any plan; level 3 of any plan that does as well on level 1.
    assert solution.bound[0] <= oracle.least(1, 0) <= cost[0]
    assert solution.bound[2] <= oracle.least(0, 1, first_at_most=cost[0]) <= cost[2]


def summed(problem: Problem, solution: Solution) -> Levels:
    levels = [levels_of(problem, course, solution.placements[course.id]) for course in problem.courses]
    return sum(one[0] for one in levels), sum(one[1] for one in levels), sum(one[2] for one in levels)


@TRIED
@given(tinies(courses=2))
def test_no_bound_is_above_the_optimum_of_two_courses(tiny: Tiny) -> None:
    check_against_oracle(problem_of(tiny))


@TRIED
@given(tinies(courses=3, cultured=False))
def test_no_bound_is_above_the_optimum_of_three_courses(tiny: Tiny) -> None:
    check_against_oracle(problem_of(tiny))


def test_two_patients_who_want_one_suite_are_given_on_two_days_and_that_is_proven_best() -> None:
    # Given on day 1: 24 + 2 = 26. One fill a day, so the other is given on day 2: 48 + 2 = 50. Together 76.
    problem = problem_of(Tiny(ready=(0, 0)))
    solution = solved(problem)
    assert total_cost(problem, solution.placements) == (0, 0, 76)
    assert solution.bound == (0, 0, 76)


def test_three_patients_for_two_days_leave_one_out_and_that_is_proven_too() -> None:
    # Fills on days 0 and 1 only, one suite: two of three are given, for 26 + 50; the third costs 1000 on level 1.
    problem = problem_of(Tiny(ready=(0, 0, 0), fill_days=(0, 1)))
    solution = solved(problem)
    assert total_cost(problem, solution.placements) == (1000, 0, 76)
    assert solution.bound == (1000, 0, 76)
    assert sum(not placement.present for placement in solution.placements.values()) == 1


def test_a_departure_with_one_place_parts_two_patients_whom_two_suites_do_not() -> None:
    # Two suites, but one place on the lane at tick 4 of each day: 26 + 50 as with one suite.
    problem = problem_of(Tiny(ready=(0, 0), suites=2, rooms=2))
    assert problem.capacity[LANE] == 1
    assert total_cost(problem, solved(problem).placements) == (0, 0, 76)


def test_a_pair_is_moved_off_target_only_when_that_saves_the_dose() -> None:
    # Dose 1 on day 1, dose 2 due on day 3 (window +0 to +1); its fill on day 2 is taken, so it is given on day 4.
    # Any later dose 1 keeps the pair on target: dose 1 on day 2 is 48 + 2, dose 2 on day 4 adds 2; level 1 stays 0.
    problem = problem_of(Tiny(ready=(0,), doses=2, shelf_life=6, taken=((SUITE, 14, 15),)))
    solution = solved(problem)
    assert total_cost(problem, solution.placements) == (0, 0, 52)
    assert solution.bound == (0, 0, 52)


def test_no_courses_are_planned_at_no_cost() -> None:
    assert solved(problem_of(Tiny(ready=()))) == Solution({})


def test_a_search_without_time_still_gives_a_whole_plan_and_a_true_bound() -> None:
    problem = problem_of(Tiny(ready=(0, 0, 0), cultured=True))
    solution = solve(problem, seed=0, time_limit=1e-9, report=silent)
    oracle = Oracle(problem)
    assert broken_in(problem, solution.placements) == []
    assert set(solution.placements) == {"ANA", "BEN", "CHARLIE"}
    assert solution.bound[0] <= oracle.least(1, 0)


def test_the_same_seed_gives_the_same_placements() -> None:
    problem = problem_of(Tiny(ready=(0, 0, 1), doses=2, days=7))
    first, second = solved(problem), solved(problem)
    assert (first.placements, first.bound) == (second.placements, second.bound)


def test_every_stage_is_reported_and_the_last_report_is_the_result() -> None:
    problem = problem_of(Tiny(ready=(0, 0)))
    heard: list[tuple[str, Levels | None, Levels | None]] = []
    solution = solve(problem, seed=0, time_limit=5.0, report=lambda *told: heard.append(told))
    assert heard[0][:2] == ("first plan", (0, 0, 76))
    assert heard[-1] == ("done", total_cost(problem, solution.placements), solution.bound)
    assert {stage for stage, _, _ in heard} == {"first plan", "bound", "improving", "done"}


def test_the_cheaper_of_two_plans_is_kept_and_the_first_on_a_tie() -> None:
    problem = problem_of(Tiny(ready=(0,)))
    good = solved(problem).placements
    worse = solved(problem_of(Tiny(ready=(0,), taken=((SUITE, 2, 3),)))).placements
    assert better(problem, good, worse) is good
    assert better(problem, worse, good) is good
    assert better(problem, good, dict(good)) is good


def test_a_clock_never_has_less_than_no_time_left() -> None:
    assert Clock(0.0).left(1.0) == 0.0
    assert 0.0 < Clock(1e6).left(0.5) <= 5e5
