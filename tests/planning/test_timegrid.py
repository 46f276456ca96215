"""Quarter hours on the UTC axis and numbered local days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.calendars import local_date
from scheduler.domain.intervals import Interval
from scheduler.planning.timegrid import TICK, TimeGrid, starts_inside, ticks_of

GRID = TimeGrid(date(2027, 1, 4), 400)
ZONES = st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "UTC"])
TICKS = st.integers(0, 400 * 96)


@given(TICKS)
def test_a_tick_survives_the_way_to_an_instant_and_back(tick: int) -> None:
    instant = GRID.instant(tick)
    assert GRID.tick(instant) == GRID.tick_up(instant) == tick
    assert instant.utcoffset() == timedelta(0)


@given(TICKS, st.integers(1, 14))
def test_an_instant_between_two_ticks_lies_between_them(tick: int, minutes: int) -> None:
    instant = GRID.instant(tick) + timedelta(minutes=minutes)
    assert (GRID.tick(instant), GRID.tick_up(instant)) == (tick, tick + 1)


@given(st.integers(-30, 500))
def test_a_day_survives_the_way_to_a_date_and_back(day: int) -> None:
    assert GRID.day(GRID.on(day)) == day


@given(TICKS.filter(lambda tick: tick >= 200), ZONES)
def test_the_day_of_a_tick_is_the_local_date_of_its_instant(tick: int, zone: str) -> None:
    day = int(GRID.days_of(np.array([tick], dtype=np.int64), zone)[0])
    assert GRID.on(day) == local_date(GRID.instant(tick), zone)


@pytest.mark.parametrize(
    ("on", "zone", "hours"),
    [
        # Clocks go forward on the last Sunday of March and back on the last of October in Berlin; in New York on the
        # second Sunday of March and the first of November. Seoul has no summer time.
        (date(2027, 3, 28), "Europe/Berlin", 23),
        (date(2027, 10, 31), "Europe/Berlin", 25),
        (date(2027, 3, 14), "America/New_York", 23),
        (date(2027, 11, 7), "America/New_York", 25),
        (date(2027, 3, 28), "Asia/Seoul", 24),
        (date(2027, 3, 27), "Europe/Berlin", 24),
    ],
)
def test_a_day_of_a_clock_change_has_23_or_25_hours(on: date, zone: str, hours: int) -> None:
    starts, day = GRID.day_starts(zone), GRID.day(on)
    assert starts[day + 1] - starts[day] == hours * 4


def test_day_0_begins_at_local_midnight() -> None:
    # Midnight of 4 Jan in Seoul is 15:00 UTC of 3 Jan.
    assert GRID.instant(int(GRID.day_starts("Asia/Seoul")[0])) == datetime(2027, 1, 3, 15, tzinfo=UTC)


@given(st.integers(0, 10_000))
def test_minutes_take_the_fewest_ticks_that_cover_them(minutes: int) -> None:
    ticks = ticks_of(minutes)
    assert (ticks - 1) * 15 < minutes <= ticks * 15


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 12))
def test_work_starts_only_where_all_of_it_is_open(opened: list[bool], length: int) -> None:
    fits = starts_inside(np.array(opened, dtype=bool), length)
    for at, fit in enumerate(fits):
        inside = opened[at : at + length]
        assert bool(fit) == (len(inside) == length and all(inside))


@given(st.integers(0, 300), st.integers(0, 29), st.integers(0, 100), st.integers(0, 29))
def test_a_mask_holds_the_ticks_that_lie_wholly_in_a_stretch(first: int, late: int, count: int, more: int) -> None:
    since = GRID.instant(first) + timedelta(minutes=late)
    until = since + count * TICK + timedelta(minutes=more)
    marked = set(np.flatnonzero(GRID.mask([Interval(since, until)])).tolist())
    assert marked == {
        tick for tick in range(first + count + 8) if since <= GRID.instant(tick) and GRID.instant(tick + 1) <= until
    }
