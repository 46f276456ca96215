"""Treatment as data: steps, limits, doses, windows, arms and the product (docs/programs.md shows every key)."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

import pendulum

Edge = Literal["start", "end"]
Side = Literal["site", "plant"]
Role = Literal["first", "pair", "booster"]


class StepRef(NamedTuple):
    """The start or the end of a step, such as ``fill.end``; ``harvest@2.start`` names one occurrence.

    `dose` is None when the reference means the occurrence that serves the same dose as the one looking.
    """

    kind: str
    edge: Edge
    dose: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}{'' if self.dose is None else f'@{self.dose}'}.{self.edge}"


@lru_cache(maxsize=65536)
def _later(on: date, months: int, days: int) -> date:
    found = pendulum.date(on.year, on.month, on.day).add(months=months).add(days=days)
    return date(found.year, found.month, found.day)


@dataclass(frozen=True)
class Window:
    """Allowed local calendar days of a visit relative to its anchor's day (docs/windows.md).

    The target is the anchor's day plus `target_months` calendar months (clamped to the month's end) plus
    `target_days`. Allowed are the days from target + `earliest_days` to target + `latest_days`, both inclusive.
    """

    target_days: int
    target_months: int
    earliest_days: int
    latest_days: int

    def target_on(self, anchor_on: date) -> date:
        """The target day for an anchor day; 31 October plus four months is the last day of February."""
        return _later(anchor_on, self.target_months, self.target_days)

    def days_off(self, anchor_on: date, visit_on: date) -> int:
        """Signed days between a visit and its target; negative is early."""
        return (visit_on - self.target_on(anchor_on)).days

    def allows(self, anchor_on: date, visit_on: date) -> bool:
        """Whether the visit's day lies in the window."""
        return self.earliest_days <= self.days_off(anchor_on, visit_on) <= self.latest_days


@dataclass(frozen=True)
class Arm:
    """One randomised arm: its share of patients, and which doses hold cells and which the comparator."""

    name: str
    share: int
    active: tuple[int, ...]
    comparator: tuple[int, ...]

    @property
    def doses(self) -> tuple[int, ...]:
        """All dose numbers a patient of this arm receives, ascending."""
        return tuple(sorted(self.active + self.comparator))


@dataclass(frozen=True)
class DoseSpec:
    """A numbered administration.

    The ``first`` dose has no anchor. A ``pair`` dose's days off target cost at level 1, a ``booster``'s at level 3.
    """

    number: int
    role: Role
    anchor: int | None = None
    window: Window | None = None


@dataclass(frozen=True)
class Use:
    """One unit of a resource, held while the step lasts, or from one edge to another of the same course."""

    resource: str
    from_ref: StepRef | None = None
    until_ref: StepRef | None = None


@dataclass(frozen=True)
class StartHours:
    """Local wall-clock minutes in which a step may start, on these weekdays; the last start is inclusive."""

    weekdays: tuple[int, ...]
    from_minute: int
    to_minute: int


@dataclass(frozen=True)
class Temperatures:
    """What a logger may show on the way, in degrees Celsius; every bound is still allowed.

    Beyond `at_least` and `at_most`, but not beyond the bounds of review, `review_minutes` in total can be decided on;
    all else cannot be used. Two readings further apart than `longest_gap_minutes` say nothing of what is between.
    """

    at_least: float
    at_most: float
    review_at_least: float
    review_at_most: float
    review_minutes: int
    longest_gap_minutes: int


@dataclass(frozen=True)
class Step:
    """One planned step of a course.

    A step lasts `minutes`, or it is a hold that reaches from one reference to another (`hold`), or it is a transit
    (`to_side` differs from `side`) and lasts what its courier lane takes.

    Attributes
    ----------
    per
        ``harvest`` steps happen once a course under ``supply = "bank"`` and then serve dose 1 first, or once a dose
        under ``"harvest-per-dose"``; ``dose`` steps once for each dose.
    doses
        Dose numbers the step belongs to; None for all.
    after
        Kinds of the same course that must have ended before this one starts.
    starts
        Extra limits on the start besides the opening hours of the resources.
    arrives_in
        Resource kind that must be open at a transit's planned arrival.
    attended
        The patient is there: the step is part of a visit.
    cells
        Only doses that hold cells need the step; a comparator dose goes without where the plan may know the arm.
    restarts
        Dose numbers beside `doses` that have the step once they are restarted from the patient bank.
    temperatures
        What a logger may show on a transit to the plant; on the way to a site those of the cold chain hold.
    """

    kind: str
    per: Literal["harvest", "dose"]
    side: Side
    to_side: Side
    minutes: int | None = None
    hold: tuple[StepRef, StepRef] | None = None
    uses: tuple[Use, ...] = ()
    after: tuple[str, ...] = ()
    starts: tuple[StartHours, ...] = ()
    doses: tuple[int, ...] | None = None
    arrives_in: str | None = None
    attended: bool = False
    cells: bool = False
    restarts: tuple[int, ...] = ()
    temperatures: Temperatures | None = None

    def belongs_to(self, dose: int, restarted: Container[int]) -> bool:
        """Whether a dose has the step, given the doses that were restarted from the bank."""
        return self.doses is None or dose in self.doses or (dose in restarted and dose in self.restarts)

    @property
    def is_transit(self) -> bool:
        """Whether the step moves material from one side to the other."""
        return self.side != self.to_side


@dataclass(frozen=True)
class Limit:
    """A named bound on the time between two edges of one course; its name is the name of the rule.

    Elapsed time (``at_least_minutes``, ``at_most_minutes``) counts on the UTC axis. Days count calendar dates, each
    edge's date taken in the time zone of the place where that edge happens. Unset bounds are None.
    """

    name: str
    from_ref: StepRef
    to_ref: StepRef
    at_least_minutes: int | None = None
    at_most_minutes: int | None = None
    at_least_days: int | None = None
    at_most_days: int | None = None


@dataclass(frozen=True)
class FollowUp:
    """A visit without a dose; `anchor` is a dose number, or None for the registration."""

    name: str
    anchor: int | None
    window: Window
    minutes: int
    uses: tuple[str, ...]


@dataclass(frozen=True)
class ColdChain:
    """The stretch of a dose in which the unit must be in a cold resource; it may be out for the last `out_minutes`."""

    from_ref: StepRef
    until_ref: StepRef
    out_minutes: int
    temperatures: Temperatures


@dataclass(frozen=True)
class Product:
    """Dose volume by weight band, and how it is split into syringes.

    Bands are half-open and `band_kg` wide, from `lightest_kg` up to `heaviest_kg`; the volume is that of the band's
    mid-weight.
    """

    name: str
    ml_per_kg: float
    ml_per_syringe: float
    lightest_kg: float
    heaviest_kg: float
    band_kg: float

    def accepts(self, weight_kg: float) -> bool:
        """Whether a weight band exists for this weight."""
        return self.lightest_kg <= weight_kg < self.heaviest_kg

    def volume_ml(self, weight_kg: float) -> float:
        """Volume of one dose in mL, rounded to hundredths; 59 <= kg < 61 gives 6.0 at 0.1 mL/kg."""
        if not self.accepts(weight_kg):
            raise ValueError(f"no weight band for {weight_kg} kg")
        band = math.floor((weight_kg - self.lightest_kg) / self.band_kg)
        return round((self.lightest_kg + (band + 0.5) * self.band_kg) * self.ml_per_kg, 2)

    def syringes(self, weight_kg: float) -> int:
        """Number of syringes that hold one dose."""
        return math.ceil(round(self.volume_ml(weight_kg) / self.ml_per_syringe, 6))


@dataclass(frozen=True)
class Registration:
    """How soon after registration a course may begin: `step` not before, and hopefully not after, so many days."""

    step: str
    earliest_days: int
    target_days: int


@dataclass(frozen=True)
class Protocol:
    """A whole treatment as data.

    `administration` is the step whose local date is the day of a dose. Steps stand in the order of the course.
    """

    name: str
    title: str
    blinded: bool
    supply: Literal["bank", "harvest-per-dose"]
    administration: str
    product: Product
    registration: Registration
    doses: tuple[DoseSpec, ...]
    steps: tuple[Step, ...]
    limits: tuple[Limit, ...]
    cold_chain: ColdChain | None = None
    arms: tuple[Arm, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()

    def step(self, kind: str) -> Step:
        """The step of a kind; KeyError when the protocol has none."""
        for step in self.steps:
            if step.kind == kind:
                return step
        raise KeyError(kind)

    def dose(self, number: int) -> DoseSpec:
        """The dose with a number; KeyError when the protocol has none."""
        for dose in self.doses:
            if dose.number == number:
                return dose
        raise KeyError(number)

    def arm(self, name: str) -> Arm:
        """The arm with a name; KeyError when the protocol has none."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise KeyError(name)

    @property
    def restartable(self) -> frozenset[int]:
        """The doses that can be restarted from the patient bank."""
        return frozenset(dose for step in self.steps for dose in step.restarts)

    def feeds_a_dose(self, step: Step) -> bool:
        """Whether a step holds what was harvested until a dose is made of it, as a culture does."""
        return step.per == "harvest" and step.hold is not None and self.step(step.hold[1].kind).per == "dose"

    def temperatures_on(self, transit: Step) -> Temperatures | None:
        """What a logger may show on a transit: to a site what the cold chain allows; None where nothing is said."""
        if transit.to_side == "site" and self.cold_chain is not None:
            return self.cold_chain.temperatures
        return transit.temperatures

    @property
    def shelf_life(self) -> Limit | None:
        """The limit named ``shelf_life``, from the moment the clock starts to the last moment of use."""
        return next((limit for limit in self.limits if limit.name == "shelf_life"), None)

    @property
    def filled_in(self) -> str | None:
        """The kind of step that fills a dose: where the shelf life begins, or else the cold chain."""
        begins = self.shelf_life or self.cold_chain
        return None if begins is None else begins.from_ref.kind
