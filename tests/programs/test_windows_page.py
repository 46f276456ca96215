"""What docs/windows.md shows is what a window does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from scheduler.domain.calendars import WEEKDAYS
from scheduler.domain.protocol import Window
from scheduler.programs import load_program


def pair_window() -> Window:
    window = load_program("alsummit").protocol.dose(2).window
    assert window is not None
    return window


def test_the_pair_of_the_page_may_fall_from_28_march_to_4_april() -> None:
    anchor_on = date(2027, 3, 4)
    allowed = [
        day
        for day in (anchor_on + timedelta(days=count) for count in range(60))
        if pair_window().allows(anchor_on, day)
    ]
    # Target 4 March + 26 days = 30 March; two days before is the 28th, five days after is 4 April.
    assert (anchor_on.weekday(), pair_window().target_on(anchor_on)) == (WEEKDAYS.index("Thu"), date(2027, 3, 30))
    assert (allowed[0], allowed[-1], len(allowed)) == (date(2027, 3, 28), date(2027, 4, 4), 8)


@pytest.mark.parametrize(
    ("first", "second", "tap"),
    [("Mon", "Sat", "Fri"), ("Tue", "Sun", "Sat"), ("Wed", "Mon", "Sun"), ("Thu", "Tue", "Mon"), ("Fri", "Wed", "Tue")],
)
def test_the_weekdays_of_a_pair_are_those_of_the_page(first: str, second: str, tap: str) -> None:
    # 1 March 2027 is a Monday.
    first_on = date(2027, 3, 1) + timedelta(days=WEEKDAYS.index(first))
    second_on = pair_window().target_on(first_on)
    assert WEEKDAYS[second_on.weekday()] == second
    assert WEEKDAYS[(second_on - timedelta(days=1)).weekday()] == tap
