"""Half-open stretches of elapsed time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Interval:
    """The half-open stretch ``[start_at, end_at)`` between two aware instants.

    Raises
    ------
    ValueError
        If an instant is naive or the interval ends before it starts.
    """

    start_at: datetime
    end_at: datetime

    def __post_init__(self) -> None:
        if self.start_at.tzinfo is None or self.end_at.tzinfo is None:
            raise ValueError("an interval needs aware instants; add the UTC offset")
        if self.end_at < self.start_at:
            raise ValueError(f"an interval cannot end ({self.end_at}) before it starts ({self.start_at})")

    @property
    def length(self) -> timedelta:
        """Elapsed time, the same across a clock change."""
        return self.end_at - self.start_at

    def overlaps(self, other: Interval) -> bool:
        """Whether both hold some instant in common; touching ends do not overlap."""
        return self.start_at < other.end_at and other.start_at < self.end_at

    def contains(self, other: Interval) -> bool:
        """Whether `other` lies wholly inside."""
        return self.start_at <= other.start_at and other.end_at <= self.end_at


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The union as disjoint, ascending intervals; touching ones become one."""
    merged: list[Interval] = []
    for one in sorted(intervals):
        if merged and one.start_at <= merged[-1].end_at:
            merged[-1] = Interval(merged[-1].start_at, max(merged[-1].end_at, one.end_at))
        else:
            merged.append(one)
    return merged


def common(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What lies both in `intervals` (disjoint) and in `others`, ascending."""
    listed = list(intervals)
    return subtract(listed, subtract(listed, others))


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    """What is left of `intervals` (disjoint) when every hole is cut out; empty pieces vanish."""
    left = sorted(intervals)
    for hole in holes:
        pieces: list[Interval] = []
        for one in left:
            if not one.overlaps(hole):
                pieces.append(one)
                continue
            if one.start_at < hole.start_at:
                pieces.append(Interval(one.start_at, hole.start_at))
            if hole.end_at < one.end_at:
                pieces.append(Interval(hole.end_at, one.end_at))
        left = pieces
    return left
