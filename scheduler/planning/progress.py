"""How far a planning run has come."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.domain.plan import Levels


@dataclass(frozen=True)
class Progress:
    """One report of a running planner.

    Attributes
    ----------
    stage
        What it is doing, in words: ``first plan``, ``bound``, ``improving``.
    done
        The share of the time limit that is spent, from 0 to 1.
    cost
        Cost of the best plan so far (docs/domain.md section 5), None before the first.
    bound
        Proven lower bound so far, None before the first.
    """

    stage: str
    done: float
    cost: Levels | None = None
    bound: Levels | None = None
