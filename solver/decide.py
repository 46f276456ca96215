"""One course as a question: is there a place for it that keeps every rule, and if so, which one changes least?

The answer is exact. A course is put into the model of `exact`, so that a "no" is a proof and what was not found in the
time given is neither "yes" nor "no".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ortools.sat.python import cp_model

from solver.exact import ExactModel
from solver.layout import Layout
from solver.problem import Placement, Problem

Verdict = Literal["yes", "no", "undecided"]

MOVED, LEVEL_1, RETIMED = 10**10, 10**7, 10**5  # each outweighs all below it within one course


@dataclass(frozen=True, eq=False)
class OneCourse:
    """The question for a problem of one course.

    By template, `first_days` are the days dose 1 may fall on and `needed` the groups that must have a place. `before`
    has, by template, the start and the day of tasks as they were told: moving them is dear.
    """

    problem: Problem
    first_days: Mapping[int, list[int]]
    needed: Mapping[int, frozenset[int]]
    before: Mapping[int, Mapping[int, tuple[int, int]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What is known of a question; a placement goes with a "yes" and only with that."""

    verdict: Verdict
    placement: Placement | None = None


def decide(asked: OneCourse, *, seconds: float, best: bool = False) -> Decision:
    """Whether the course has a place.

    Parameters
    ----------
    seconds
        Time limit; with none left the answer is "undecided".
    best
        Look for the place that costs least, as far as the time allows, and not just for any.
    """
    if seconds <= 0:
        return Decision("undecided")
    layouts = [Layout(template, asked.problem.weights) for template in asked.problem.templates]
    model = _Model(asked, layouts)
    if best:
        model.change_least()
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    status = solver.solve(model.model)
    if status == cp_model.INFEASIBLE:
        return Decision("no")
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        (course,) = asked.problem.courses
        return Decision("yes", model.read(solver)[course.id])
    return Decision("undecided")


class _Model(ExactModel):
    """The exact model in which every dose that is needed has a place; whatever it costs, unless told otherwise."""

    def __init__(self, asked: OneCourse, layouts: list[Layout]) -> None:
        self.asked = asked
        super().__init__(asked.problem, layouts, [dict(asked.first_days)], None)
        (self.course,) = asked.problem.courses
        for number in self.course.templates:
            for group in range(layouts[number].template.groups):
                literal = self.present[self.course.id, number, group]
                if group in asked.needed[number]:
                    self.model.add_implication(self.use[self.course.id, number], literal)
                else:
                    self.model.add(literal == 0)
        self.model.minimize(0)

    def change_least(self) -> None:
        """Visits on other days, then level 1 (every dose is there), then other hours, then level 3."""
        moved, retimed = [], []
        for number, tasks in self.asked.before.items():
            for task, (start, day) in tasks.items():
                timed = self.timed.get((self.course.id, number, task))
                if timed is None:
                    continue
                same_day, same_hour = self.model.new_bool_var(""), self.model.new_bool_var("")
                self.model.add(timed.start_day == day).only_enforce_if(same_day)
                self.model.add(timed.start == start).only_enforce_if(same_hour)
                moved.append(1 - same_day)
                retimed.append(1 - same_hour)
        total = cp_model.LinearExpr.sum
        self.model.minimize(
            MOVED * total(moved) + LEVEL_1 * total(self.level_1) + RETIMED * total(retimed) + total(self.level_3)
        )
