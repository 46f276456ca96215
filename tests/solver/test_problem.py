"""The vocabulary of the solver: points, days and costs of a placement."""

from __future__ import annotations

import pytest

from solver.insertion import Inserter
from solver.problem import Placement, Point, Slots, cost_of, point_day, point_tick, total_cost
from tests.solver.tiny import DAY, Tiny, daily, end, problem_of, slots, start


@pytest.fixture
def mixed() -> Slots:
    """Starts at 4, 5 and 10 of lengths 1, 4 and 2: [4, 5), [5, 9) and [10, 12) in days of six ticks."""
    return slots([4, 5, 10], [1, 4, 2])


def test_slots_know_their_edges_and_the_days_of_both(mixed: Slots) -> None:
    assert len(mixed) == 3
    assert (mixed.starts, mixed.ends) == ([4, 5, 10], [5, 9, 12])
    # Ticks 4 and 5 are day 0, 6-11 day 1, 12 day 2.
    assert (mixed.start_days, mixed.end_days) == ([0, 0, 1], [0, 1, 2])
    assert mixed.edge(False).tolist() == [4, 5, 10]
    assert mixed.edge(True).tolist() == [5, 9, 12]
    assert mixed.edge_day(True).tolist() == [0, 1, 2]
    assert mixed.edge_day(False).tolist() == [0, 0, 1]


def test_slots_know_their_shortest_and_longest(mixed: Slots) -> None:
    assert (mixed.shortest, mixed.longest) == (1, 4)
    assert (slots([], []).shortest, slots([], []).longest) == (0, 0)


def test_daily_slots_stand_in_the_order_of_time() -> None:
    assert daily((3, 1), (1, 0), 2).starts == [1, 3, DAY + 1, DAY + 3]


def test_the_edges_of_a_hold_are_the_points_it_reaches_between() -> None:
    problem = problem_of(Tiny(ready=(0,), cultured=True))
    template = problem.templates[0]
    _, placement = Inserter(problem).best(problem.courses[0])
    names = [task.name for task in template.tasks]
    culture, isolation, fill = (names.index(name) for name in ("culture", "isolation", "fill"))
    assert point_tick(template, placement.slots, start(culture)) == point_tick(
        template, placement.slots, end(isolation)
    )
    assert point_tick(template, placement.slots, end(culture)) == point_tick(template, placement.slots, start(fill))
    assert point_day(template, placement.slots, end(culture)) == point_day(template, placement.slots, start(fill))
    assert point_day(template, placement.slots, Point(culture, False)) == 0


def test_an_empty_placement_costs_its_doses_and_nothing_else() -> None:
    problem = problem_of(Tiny(ready=(0,), doses=2))
    nothing = Placement(0, {}, frozenset())
    assert cost_of(problem, problem.courses[0], nothing) == (2000, 0, 0)


def test_a_placement_costs_waiting_cold_hours_and_days_off_target() -> None:
    problem = problem_of(Tiny(ready=(0,), doses=2, booster=True, gap=2, late=1, hour_ticks=3))
    template = problem.templates[0]
    fill, ride, give = 0, 1, 2
    # Dose 1: fill on day 0 ends at 3, given on day 2 at tick 13: 24 x 2, and (13 - 3) // 3 = 3 whole hours.
    # Dose 2 is due on day 4 and given on day 5 at 31, one day off: 4; its fill on day 4 ends at 27: (31 - 27) // 3 = 1.
    wanted = {fill: 2, ride: 4, give: 13, fill + 3: 26, ride + 3: 28, give + 3: 31}
    chosen: dict[int, int] = {}
    for task, tick in wanted.items():
        allowed = template.tasks[task].slots
        assert allowed is not None
        chosen[task] = allowed.starts.index(tick)
    placement = Placement(0, chosen, frozenset({0, 1}))
    assert cost_of(problem, problem.courses[0], placement) == (0, 0, 48 + 3 + 4 + 1)
    assert total_cost(problem, {"ANA": placement}) == (0, 0, 56)


def test_a_pair_off_target_costs_on_level_1() -> None:
    problem = problem_of(Tiny(ready=(0,), doses=2, gap=2, late=1, give_days=(1, 2, 4), fill_days=(0, 3), shelf_life=6))
    # Given on days 1 and 4 instead of 3: one day off target, level 1; 24 + 2 + 2 on level 3.
    _, placement = Inserter(problem).best(problem.courses[0])
    assert cost_of(problem, problem.courses[0], placement) == (1, 0, 28)
