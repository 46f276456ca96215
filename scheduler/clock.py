"""What time it is: the real clock, or a program clock for demonstrations and simulations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from scheduler.domain.errors import BadInput

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    """The present instant, aware and UTC."""
    return datetime.now(UTC)


def program_clock(starts_at: datetime, real: Clock, since: datetime | None = None) -> Clock:
    """A clock that shows another year and runs at the real pace.

    Parameters
    ----------
    starts_at
        What the clock showed at `since`; aware.
    real
        The clock it runs with.
    since
        The real instant at which it showed `starts_at`; by default the moment it is made. Several workers that are
        given the same `since` show the same time, and so does one that is started again.

    Raises
    ------
    BadInput
        When an instant is naive.
    """
    for name, instant in (("starts_at", starts_at), ("since", since)):
        if instant is not None and instant.utcoffset() is None:
            raise BadInput("program clock", name, "has no UTC offset", "Write one, such as 2027-01-04T09:00:00+09:00")
    ahead = starts_at.astimezone(UTC) - (since or real()).astimezone(UTC)
    return lambda: real().astimezone(UTC) + ahead
