"""The only place where an instant becomes an integer: quarter-hour ticks and numbered days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.calendars import local_instant
from scheduler.domain.intervals import Interval
from solver.problem import IntArray

TICK_MINUTES = 15
TICK = timedelta(minutes=TICK_MINUTES)


def ticks_of(minutes: int) -> int:
    """Whole ticks that cover a number of minutes, rounded up."""
    return -(-minutes // TICK_MINUTES)


class TimeGrid:
    """Ticks since an origin on the UTC axis, and days numbered from a local date (day 0).

    Parameters
    ----------
    starts_on
        The local date called day 0, in every zone.
    days
        How many days the grid has; instants and dates beyond are outside the problem.
    """

    def __init__(self, starts_on: date, days: int) -> None:
        self.starts_on = starts_on
        self.days = days
        self.origin_at = datetime(starts_on.year, starts_on.month, starts_on.day, tzinfo=UTC) - timedelta(days=1)
        self.horizon = (days + 2) * 24 * 60 // TICK_MINUTES
        self._starts: dict[str, IntArray] = {}

    def tick(self, instant: datetime) -> int:
        """The tick of an instant, rounded down."""
        return (instant - self.origin_at) // TICK

    def tick_up(self, instant: datetime) -> int:
        """The tick of an instant, rounded up."""
        return -((self.origin_at - instant) // TICK)

    def instant(self, tick: int) -> datetime:
        """The UTC instant of a tick."""
        return self.origin_at + tick * TICK

    def day(self, on: date) -> int:
        """The number of a local date."""
        return (on - self.starts_on).days

    def on(self, day: int) -> date:
        """The local date of a day number."""
        return self.starts_on + timedelta(days=day)

    def day_starts(self, zone: str) -> IntArray:
        """The tick at which each day (and the one after the last) begins in a zone."""
        if zone not in self._starts:
            self._starts[zone] = np.array(
                [self.tick(local_instant(self.on(day), 0, zone)) for day in range(self.days + 1)], dtype=np.int64
            )
        return self._starts[zone]

    def days_of(self, ticks: IntArray, zone: str) -> IntArray:
        """The day number each tick has in a zone."""
        return np.searchsorted(self.day_starts(zone), ticks, side="right").astype(np.int64) - 1

    def mask(self, stretches: Iterable[Interval]) -> NDArray[np.bool_]:
        """For every tick, whether the whole tick lies in one of the (disjoint) stretches."""
        inside = np.zeros(self.horizon, dtype=bool)
        for stretch in stretches:
            first, last = self.tick_up(stretch.start_at), self.tick(stretch.end_at)
            inside[max(first, 0) : max(last, 0)] = True
        return inside


def starts_inside(open_ticks: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """For every tick, whether `length` ticks from it on are all open."""
    shut = np.concatenate([[0], np.cumsum(~open_ticks)])
    fits = np.zeros(len(open_ticks), dtype=bool)
    if length <= len(open_ticks):
        fits[: len(open_ticks) - length + 1] = shut[length:] == shut[: len(shut) - length]
    return fits
