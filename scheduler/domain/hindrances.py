"""What keeps the steps of one patient from a stretch of time, known only while the program runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scheduler.domain.audience import NeutralReason
from scheduler.domain.intervals import Interval


@dataclass(frozen=True)
class Hindrance:
    """A stretch in which steps of one patient cannot be done: unwell, away, cells ready later or sooner than planned.

    Attributes
    ----------
    kinds
        The kinds of step that are kept from `during`; None for every attended step and every follow-up visit.
    dose
        The dose whose steps are meant; None for all, those that belong to no dose included.
    during
        Half-open; "not before" and "not after" are stretches with a far end.
    reason, neutral
        Why, in words for the plant's side, and all that a blinded reader may learn of it.
    """

    patient: str
    kinds: tuple[str, ...] | None
    dose: int | None
    during: Interval
    reason: str
    neutral: NeutralReason

    def concerns(self, kind: str, dose: int | None, attended: bool) -> bool:
        """Whether a step of a kind and dose, as the plan shows them, is kept away."""
        meant = attended if self.kinds is None else kind in self.kinds
        return meant and self.dose in (None, dose)


def hindered(hindrances: Iterable[Hindrance], kind: str, dose: int | None, attended: bool) -> list[Interval]:
    """The stretches from which some hindrances of one patient keep a step."""
    return [one.during for one in hindrances if one.concerns(kind, dose, attended)]
