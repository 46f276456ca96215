"""A plan: who does what where and when, what could not be planned, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Literal

from scheduler.domain.intervals import Interval

Levels = tuple[int, int, int]


@dataclass(frozen=True)
class Activity:
    """One planned step.

    `place` is where it happens, a transit's the place it leaves; `units` names the concrete unit of each resource;
    `start_at` and `end_at` are aware and half-open. `lane`, `volume_ml` and `syringes` are set where they matter.
    """

    id: str
    kind: str
    dose: int | None
    place: str
    units: Mapping[str, str]
    start_at: datetime
    end_at: datetime
    lane: str | None = None
    volume_ml: float | None = None
    syringes: int | None = None

    @property
    def during(self) -> Interval:
        """The half-open stretch the activity takes."""
        return Interval(self.start_at, self.end_at)


@dataclass(frozen=True)
class PlannedCourse:
    """One patient's planned activities, ascending by start, at one plant (None when nothing is planned).

    `restarted` are the doses that are made from the patient bank after the culture they were to come from was lost.
    """

    patient: str
    site: str
    plant: str | None
    registered_on: date
    weight_kg: float
    activities: tuple[Activity, ...]
    restarted: frozenset[int] = frozenset()

    def find(self, kind: str, dose: int | None) -> Activity | None:
        """The activity of a kind and dose, or None."""
        return self._by_key.get((kind, dose))

    @cached_property
    def _by_key(self) -> dict[tuple[str, int | None], Activity]:
        return {(one.kind, one.dose): one for one in self.activities if one.kind != "follow_up"}


@dataclass(frozen=True)
class Unplanned:
    """A dose (or, with `dose` None, a follow-up visit) without a place in the plan, and why in domain words."""

    patient: str
    dose: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A versioned set of activities with its cost and the proven bound of each level (docs/domain.md section 5)."""

    program: str
    status: Literal["optimal", "feasible"]
    seed: int
    cost: Levels
    bound: Levels
    wall_seconds: float
    courses: tuple[PlannedCourse, ...]
    unplanned: tuple[Unplanned, ...] = ()
    audience: str = field(default="plant")
