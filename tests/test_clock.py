"""Real time, and a program clock that shows another year."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from scheduler.clock import program_clock, real_clock
from scheduler.domain.errors import BadInput

SEOUL = timezone(timedelta(hours=9))
START = datetime(2027, 1, 4, 9, 0, tzinfo=SEOUL)  # 00:00 UTC
REAL = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


def test_real_time_is_aware_and_utc() -> None:
    assert real_clock().tzinfo is UTC


def test_a_program_clock_stands_at_its_start_when_made_and_runs_at_the_real_pace() -> None:
    real = [REAL]
    clock = program_clock(START, lambda: real[0])
    assert clock() == START
    assert clock().tzinfo is UTC
    real[0] += timedelta(hours=5)
    assert clock() == datetime(2027, 1, 4, 5, 0, tzinfo=UTC)


def test_workers_that_are_told_since_when_show_the_same_time() -> None:
    # It showed its start 2 hours before the real clock's REAL.
    clocks = [program_clock(START, lambda: REAL, since=REAL - timedelta(hours=2)) for _ in range(2)]
    assert [clock() for clock in clocks] == [datetime(2027, 1, 4, 2, 0, tzinfo=UTC)] * 2


@pytest.mark.parametrize(("starts_at", "since"), [(datetime(2027, 1, 4), None), (START, datetime(2031, 5, 6))])
def test_a_naive_instant_is_refused(starts_at: datetime, since: datetime | None) -> None:
    with pytest.raises(BadInput, match="has no UTC offset"):
        program_clock(starts_at, lambda: REAL, since)
