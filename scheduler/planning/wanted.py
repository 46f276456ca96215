"""What an offer should be like, and the days that those before it leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Wanted:
    """What an offer should be like.

    `not_before` and `not_after` bound the local date of the first dose that may move (both inclusive); `avoid` are
    dates it should keep `apart_days` away from, such as those refused already; `earliest_at` is the first instant at
    which anything new may begin. With `slack_days` the windows of doses that move are wider by so many days on either
    side.
    """

    earliest_at: datetime
    count: int = 3
    apart_days: int = 5
    not_before: date | None = None
    not_after: date | None = None
    avoid: tuple[date, ...] = ()
    slack_days: int = 0


class Days:
    """The days a visit should not fall on."""

    def __init__(self, days: int, day_of: Callable[[date], int], wanted: Wanted) -> None:
        self._low = 0 if wanted.not_before is None else day_of(wanted.not_before)
        self._high = days if wanted.not_after is None else day_of(wanted.not_after)
        self._unwanted: set[int] = set()
        for on in wanted.avoid:
            self.also(day_of(on), wanted.apart_days)

    def also(self, day: int, apart: int) -> None:
        """Keep at least `apart` days away from a day."""
        self._unwanted.update(range(day - apart + 1, day + apart))

    def __contains__(self, day: object) -> bool:
        return day in self._unwanted or not (isinstance(day, int) and self._low <= day <= self._high)
