"""Which dose on which day, so that the fewest doses are lost and the fewest visits move: all courses in one model.

The model knows days, windows and how many stays a pool takes at most on a day. Hours it does not know, so what it finds
may have none; but no repair of any kind is cheaper than its bound, as long as the choices leave nothing out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ortools.sat.python import cp_model

from solver.choices import Choice, Choices, Stays, Stretch
from solver.crowds import most_stays
from solver.problem import IntArray, Target

MOST_KINDS = 5  # of ways to lie on a day, for which every set of them gets a row of its own

Fallen = Mapping[str, Mapping[int, Choice]]  # by course and group, what was chosen; groups not given are missing


class Gave(NamedTuple):
    """A choice of a group of a course, or that it is not given (None)."""

    course: str
    group: int
    choice: Choice | None


@dataclass(frozen=True)
class DayPlan:
    """What was chosen, what it costs in lost doses and pair days and in moves, and what no other costs less than."""

    chosen: Fallen
    cost: tuple[int, int]
    bound: tuple[int, int]


class DayModel:
    """The model; `forbid` adds what has turned out to have no hours, `solve` may be asked again and again.

    Parameters
    ----------
    everybody
        The choices of every course with something that can move.
    free
        By pool, the units left at every tick when nothing that can move is there.
    absent
        What a dose costs that is not given.
    """

    def __init__(self, everybody: Sequence[Choices], free: Mapping[int, IntArray], absent: int) -> None:
        self.everybody = everybody
        self.free = free
        self.absent = absent
        self.model = cp_model.CpModel()
        self.gives: dict[Gave, cp_model.IntVar] = {}
        self.level_1: list[cp_model.LinearExprT] = []
        self.moved: list[cp_model.LinearExprT] = []
        self.shifted: list[cp_model.LinearExprT] = []
        self.heaviest = 1  # more than all moves together can cost
        for one in everybody:
            for group in one.layout.group_order:
                self._dose(one, group)
            for group, target in one.targets.items():
                self._window(one, group, target)
        self._crowds()
        self.least = len(self.shifted) + 1  # more than all that is shifted
        cost = self.heaviest * cp_model.LinearExpr.sum(self.level_1) + cp_model.LinearExpr.sum(self.moved)
        self.model.minimize(self.least * cost + cp_model.LinearExpr.sum(self.shifted))

    # --- the rules ------------------------------------------------------------------------------------------------

    def _dose(self, one: Choices, group: int) -> None:
        """A dose is given on one day or not at all, and not without the dose it is counted from."""
        literals = []
        for choice in (*one.given[group], None):
            gave = Gave(one.course.id, group, choice)
            self.gives[gave] = self.model.new_bool_var("")
            literals.append(self.gives[gave])
            price = one.lost[group] if choice is None else choice.price
            if price:
                self.moved.append(price * self.gives[gave])
        self.model.add_exactly_one(literals)
        self.level_1.append(self.absent * literals[-1])
        self.heaviest += max((one.lost[group], *(choice.price for choice in one.given[group])))
        parent = one.layout.template.parents[group]
        if parent is not None:
            self.model.add_implication(self.gives[Gave(one.course.id, parent, None)], literals[-1])
            if choice is not None and one.is_shifted(group, choice):
                self.shifted.append(self.gives[gave])
        if group in one.must:
            self.model.add(literals[-1] == 0)
        for choice, literal in zip((*one.given[group], None), literals, strict=True):
            self.model.add_hint(literal, (None if choice is None else choice.day) == one.told.get(group))

    def _window(self, one: Choices, group: int, target: Target) -> None:
        """A dose comes inside its window, and days off target cost what they cost."""
        parent = one.layout.template.parents[group]
        assert parent is not None
        anchors = self._by_day(one, parent)
        days = self._by_day(one, group)
        for day, literals in days.items():
            near = [
                each
                for on, listed in anchors.items()
                if target.earliest <= day - int(target.table[on]) <= target.latest
                for each in listed
            ]
            self.model.add(sum(literals) <= sum(near))
        if target.level == 0 and target.weight and days:
            self._off_target(one, group, target, anchors, days)

    def _off_target(
        self,
        one: Choices,
        group: int,
        target: Target,
        anchors: Mapping[int, list[cp_model.IntVar]],
        days: Mapping[int, list[cp_model.IntVar]],
    ) -> None:
        least = one.least_off.get(group, 0)
        far = max(abs(target.earliest), abs(target.latest), least)
        off = self.model.new_int_var(0, far, "")
        given = 1 - self.gives[Gave(one.course.id, group, None)]
        due = sum(int(target.table[on]) * each for on, listed in anchors.items() for each in listed)
        on_day = sum(day * each for day, listed in days.items() for each in listed)
        for sign in (1, -1):
            self.model.add(off >= sign * (on_day - due)).only_enforce_if(
                self.gives[Gave(one.course.id, group, None)].negated()
            )
        if least:
            self.model.add(off >= least * given)
        self.level_1.append(target.weight * off)

    def _by_day(self, one: Choices, group: int) -> dict[int, list[cp_model.IntVar]]:
        found: dict[int, list[cp_model.IntVar]] = {}
        for choice in one.given[group]:
            found.setdefault(choice.day, []).append(self.gives[Gave(one.course.id, group, choice)])
        return found

    def _crowds(self) -> None:
        """No pool takes more stays on a day than fit, of one kind or of several together."""
        alike: dict[Stays, list[Gave]] = {}
        for gave in self.gives:
            for stays in () if gave.choice is None else gave.choice.stays:
                alike.setdefault(stays, []).append(gave)
        for pool, crowd in _by_overlap(alike):
            alone = {kind: most_stays(kind, self.free[pool]) for kind in crowd}
            for kinds in _sets(crowd):
                crowded = [one for kind in kinds for one in alike[pool, kind]]
                doses = {(one.course, one.group) for one in crowded}
                if len(doses) > max(alone[kind] for kind in kinds):
                    most = most_stays(set().union(*kinds), self.free[pool])
                    if most < len(doses):
                        self.model.add(sum(self.gives[one] for one in crowded) <= most)

    def forbid(self, together: Iterable[Gave]) -> None:
        """Not all of these at once."""
        self.model.add_bool_or([self.gives[one].negated() for one in together])

    # --- solving --------------------------------------------------------------------------------------------------

    def solve(self, seconds: float, *, workers: int = 1) -> DayPlan | None:
        """The cheapest days, with the bound that was proven in the time given; None when nothing was found."""
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.num_workers = workers
        solver.parameters.cp_model_probing_level = 0  # takes as long as all the rest; the relaxation is tight anyway
        status = solver.solve(self.model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        chosen: dict[str, dict[int, Choice]] = {one.course.id: {} for one in self.everybody}
        for gave, literal in self.gives.items():
            if gave.choice is not None and solver.boolean_value(literal):
                chosen[gave.course][gave.group] = gave.choice
        # What is shifted adds less than `least` to either, so that whole parts are the cost and a bound of it.
        bound = max(math.ceil(solver.best_objective_bound - 1e-6), 0) // self.least
        value = round(solver.objective_value) // self.least
        return DayPlan(chosen, divmod(value, self.heaviest), divmod(bound, self.heaviest))


def _by_overlap(alike: Mapping[Stays, object]) -> list[tuple[int, list[frozenset[Stretch]]]]:
    """The kinds of every pool, those together that can be in each other's way."""
    by_pool: dict[int, list[frozenset[Stretch]]] = {}
    for pool, ways in alike:
        by_pool.setdefault(pool, []).append(ways)
    found: list[tuple[int, list[frozenset[Stretch]]]] = []
    for pool, kinds in by_pool.items():
        end = -1
        for ways in sorted(kinds, key=lambda one: (min(one), max(one))):
            if min(first for first, _ in ways) >= end:
                found.append((pool, []))
            found[-1][1].append(ways)
            end = max(end, max(last for _, last in ways))
    return found


def _sets(kinds: Sequence[frozenset[Stretch]]) -> list[tuple[frozenset[Stretch], ...]]:
    """Every set of a few kinds; of many, each alone, each with all that lie within its span, and all together."""
    if len(kinds) <= MOST_KINDS:
        return [some for size in range(1, len(kinds) + 1) for some in itertools.combinations(kinds, size)]
    found = {(one,) for one in kinds} | {tuple(kinds)}
    for one in kinds:
        low, high = min(first for first, _ in one), max(last for _, last in one)
        found.add(tuple(each for each in kinds if all(low <= first and last <= high for first, last in each)))
    return sorted(found, key=lambda some: (len(some), [sorted(each) for each in some]))
