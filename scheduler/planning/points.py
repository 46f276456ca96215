"""From what a protocol calls ``fill.end`` to the task and edge it means in one template."""

from __future__ import annotations

from scheduler.domain.course import NONE_RESTARTED, StepAt
from scheduler.domain.protocol import Limit, StepRef, Use
from solver.problem import DayLag, Lag, Point


class Points:
    """Resolves step references to points of one template."""

    def __init__(
        self, steps: tuple[StepAt, ...], doses: tuple[int, ...], restarted: frozenset[int] = NONE_RESTARTED
    ) -> None:
        self.steps = steps
        self.doses = doses
        self._restarted = restarted
        self._at: dict[tuple[str, int | None], int] = {(at.step.kind, at.dose): i for i, at in enumerate(steps)}

    def find(self, kind: str, dose: int) -> int | None:
        """The task of a kind that serves a dose: its own, or the one shared by the whole course."""
        return self._at.get((kind, dose), self._at.get((kind, None)))

    def point(self, ref: StepRef, dose: int) -> Point:
        """The point a reference means for a dose; KeyError when the course has no such step."""
        task = self.find(ref.kind, ref.dose if ref.dose is not None else dose)
        if task is None:
            raise KeyError(str(ref))
        return Point(task, ref.edge == "end")

    def pair(self, a: StepRef, b: StepRef, at: StepAt) -> tuple[Point, Point]:
        """Both points of a hold."""
        return self.point(a, at.serves), self.point(b, at.serves)

    def holds(self) -> list[Lag]:
        """No hold ends before it starts."""
        pairs = (self.pair(*at.step.hold, at) for at in self.steps if at.step.hold)
        return [Lag("duration", a, b, 0, None) for a, b in pairs]

    def hold_days(self) -> list[DayLag]:
        """The same in days of the plant, by which a harvest is looked for."""
        return [DayLag(lag.name, lag.a, lag.b, 0, None) for lag in self.holds()]

    def edges(self, task: int, use: Use) -> tuple[Point, Point] | None:
        """From where to where a use holds its unit; None when a step it refers to is absent."""
        if use.from_ref is None or use.until_ref is None:
            return Point(task, False), Point(task, True)
        serves = self.steps[task].serves
        if self.find(use.from_ref.kind, serves) is None or self.find(use.until_ref.kind, serves) is None:
            return None
        return self.point(use.from_ref, serves), self.point(use.until_ref, serves)

    def pairs(self, limit: Limit) -> list[tuple[Point, Point]]:
        """Every pair of points a limit binds; a shared step is bound to later doses only by a lower bound.

        So it is to a first dose that was restarted from the bank.
        """
        bounded_above = limit.at_most_minutes is not None or limit.at_most_days is not None
        found: list[tuple[Point, Point]] = []
        for dose in self.doses:
            a = self.find(limit.from_ref.kind, limit.from_ref.dose or dose)
            b = self.find(limit.to_ref.kind, limit.to_ref.dose or dose)
            if a is None or b is None:
                continue
            shared = self.steps[a].dose is None or self.steps[b].dose is None
            both = self.steps[a].dose is None and self.steps[b].dose is None
            if shared and bounded_above and (dose != self.doses[0] or (dose in self._restarted and not both)):
                continue
            if a == b:
                continue
            pair = (Point(a, limit.from_ref.edge == "end"), Point(b, limit.to_ref.edge == "end"))
            if pair not in found:
                found.append(pair)
        return found
