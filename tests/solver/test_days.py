"""The model of days never claims more than is true, and the hours of chosen days are found wherever there are some."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.choices import Choices, Told, choices_of
from solver.crowds import free_of, most_stays
from solver.days import DayModel, Gave
from solver.layout import layouts_of
from solver.on_days import slots_on
from solver.packing import Packed, PackingModel
from solver.problem import Course, Placement, Point, Problem
from tests.solver.oracle import Option, Oracle, day_of, fits, levels_of, placements_of, stretches_of
from tests.solver.tiny import DAY, Tiny, problem_of, tinies

TRIED = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEAVY = 1000  # more than all moves of a tiny problem cost

ToldVisits = Mapping[str, Mapping[int, Told]]  # by course and task


class MovesOracle(Oracle):
    """The least of level 1 and the price of moves, by trying every placement of every course."""

    def __init__(self, problem: Problem, told: ToldVisits) -> None:
        self.problem = problem
        self.options = [options_of(problem, course, told[course.id]) for course in problem.courses]


def options_of(problem: Problem, course: Course, told: Mapping[int, Told]) -> list[Option]:
    return [
        Option(
            levels_of(problem, course, one)[0],
            moves_of(problem, one, told),
            tuple(stretches_of(problem.templates[one.template], one)),
        )
        for one in placements_of(problem, course)
    ]


def moves_of(problem: Problem, placement: Placement, told: Mapping[int, Told]) -> int:
    """A told visit costs its price when it is on another day or not at all."""
    tasks = problem.templates[placement.template].tasks
    total = 0
    for task, one in told.items():
        slots = tasks[task].slots
        assert slots is not None
        on = int(slots.start_day[placement.slots[task]]) if task in placement.slots else None
        total += 0 if on == one.day else one.price
    return total


def all_choices(problem: Problem, told: ToldVisits) -> list[Choices]:
    (layout,) = layouts_of(problem)
    return [
        choices_of(layout, course, told[course.id], lambda group, day: 0, is_content=False)
        for course in problem.courses
    ]


def day_model(problem: Problem, told: ToldVisits) -> DayModel:
    free = {pool: free_of(limit, problem.load[pool]) for pool, limit in enumerate(problem.capacity)}
    return DayModel(all_choices(problem, told), free, problem.weights.absent)


@st.composite
def told_visits(draw: st.DrawFn, problem: Problem) -> ToldVisits:
    """Any attended task may have been told for any day, whether or not that was possible, at a price of 1 to 12."""
    attended = [number for number, task in enumerate(problem.templates[0].tasks) if task.attended]
    return {
        course.id: {
            task: Told(day := draw(st.integers(0, problem.days - 1)), day * DAY, draw(st.sampled_from((1, 3, 12))))
            for task in attended
        }
        for course in problem.courses
    }


@TRIED
@given(st.data(), tinies())
def test_no_plan_costs_less_than_the_bound_of_the_days(data: st.DataObject, tiny: Tiny) -> None:
    problem = problem_of(tiny)
    told = data.draw(told_visits(problem))
    found = day_model(problem, told).solve(20.0)
    assert found is not None
    least = divmod(MovesOracle(problem, told).least(HEAVY, 1), HEAVY)
    assert found.bound <= least


@TRIED
@given(tinies())
def test_chosen_days_lose_no_dose_that_could_have_hours_on_them(tiny: Tiny) -> None:
    problem = problem_of(tiny)
    told: ToldVisits = {course.id: {} for course in problem.courses}
    days = day_model(problem, told).solve(20.0)
    assert days is not None
    (layout,) = layouts_of(problem)
    doses = [
        Packed(
            course.id,
            layout.template,
            group,
            slots_on(layout, course, group, choice, {}),
            {},
            {},
            1,
        )
        for course in problem.courses
        for group, choice in days.chosen[course.id].items()
    ]
    hours = PackingModel(problem, problem.load, doses, 1).solve(20.0)
    assert hours is not None

    def agrees(course: Course, placement: Placement) -> bool:
        """Whether a placement has its doses on the chosen days."""
        for group in placement.present:
            choice = days.chosen[course.id].get(group)
            head = layout.by_group[group][0]
            visit, pivot = (
                day_of(layout.template, placement.slots, Point(task, False)) for task in (head.visit, head.pivot)
            )
            if choice is None or (visit, pivot) != (choice.day, choice.pivot_day):
                return False
        return True

    options = [
        {
            (len(one.present), tuple(stretches_of(layout.template, one)))
            for one in placements_of(problem, course)
            if agrees(course, one)
        }
        for course in problem.courses
    ]
    most = 0
    partial: list[tuple[int, tuple[tuple[int, int, int], ...]]] = [(0, ())]
    for listed in options:
        partial = [
            (count + more, held + stretches)
            for count, held in partial
            for more, stretches in listed
            if fits(problem, held + stretches)
        ]
        most = max(count for count, _ in partial)
    assert len(hours.slots) == most
    held = [
        stretch
        for course in problem.courses
        for stretch in stretches_of(layout.template, placed_of(course.id, hours.slots))
    ]
    assert fits(problem, held)


def placed_of(course: str, slots: Mapping[tuple[str, int], Mapping[int, int]]) -> Placement:
    groups = [group for who, group in slots if who == course]
    return Placement(0, {k: v for group in groups for k, v in slots[course, group].items()}, frozenset(groups))


# --- one example each -------------------------------------------------------------------------------------------------

# One suite and one fill an hour long at hour 2, a ride at hour 4 for 2 ticks: given on the day after.
ONE = Tiny(days=5, give_hours=(1, 2), fill_days=(0, 1, 2), ready=(0, 0))
GIVE = 2  # fill, ride, give


def told_for(day: int, price: int = 1) -> dict[int, Told]:
    return {GIVE: Told(day, day * DAY + 1, price)}


def test_two_who_were_told_for_one_fill_keep_the_one_who_is_dearer_to_move() -> None:
    problem = problem_of(ONE)
    found = day_model(problem, {"ANA": told_for(1, 12), "BEN": told_for(1, 1)}).solve(20.0)
    assert found is not None
    # One fill a day for one suite: somebody moves, and Ben moves for 1.
    assert (found.cost, found.bound) == ((0, 1), (0, 1))
    assert found.chosen["ANA"][0].day == 1 != found.chosen["BEN"][0].day


def test_what_has_no_hours_is_not_chosen_again() -> None:
    problem = problem_of(ONE)
    model = day_model(problem, {"ANA": told_for(1), "BEN": told_for(2)})
    first = model.solve(20.0)
    assert first is not None and first.cost == (0, 0)
    model.forbid([Gave(name, 0, first.chosen[name][0]) for name in ("ANA", "BEN")])
    second = model.solve(20.0)
    assert second is not None and second.cost == (0, 1)


def test_of_a_crowd_no_more_stays_fit_than_units_are_free() -> None:
    free = np.array([2, 2, 2, 1, 1, 1, 2, 2], dtype=np.int64)
    # Ticks 0-3 twice; then one unit for 3-6; nothing else fits a stay of three before 8.
    assert most_stays({(0, 3), (1, 4), (3, 6)}, free) == 3
    assert most_stays({(1, 4), (2, 5)}, free) == 1
    assert most_stays({(0, 3), (3, 6)}, np.full(8, 2, dtype=np.int64)) == 4
    assert most_stays((), free) == 0
