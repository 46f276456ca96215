"""Working calendars: weekly hours minus holidays and closures, also across clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from scheduler.domain.calendars import Closure, Holiday, OpenHours, WorkingCalendar, local_date, local_instant
from scheduler.domain.intervals import Interval
from tests.domain.world import DAILY, SEOUL, WORKDAYS, at, hours

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"
OFFICE = WorkingCalendar(SEOUL, hours(WORKDAYS, 8, 17), {})
THURSDAY = date(2027, 2, 18)


def during(day: date, since: str, until: str) -> Interval:
    return Interval(at(day, since), at(day, until))


def test_minute_1440_is_midnight_of_the_next_day() -> None:
    assert local_instant(THURSDAY, 1440, SEOUL) == at(date(2027, 2, 19), "00:00")


def test_a_wall_clock_time_skipped_in_new_york_means_the_instant_after_the_jump() -> None:
    # Clocks go from 02:00 EST to 03:00 EDT on 14 March 2027, which is 07:00 UTC; 02:30 then is 07:30 UTC = 03:30 EDT.
    assert local_instant(date(2027, 3, 14), 150, NEW_YORK) == datetime(2027, 3, 14, 7, 30, tzinfo=UTC)


def test_a_wall_clock_time_repeated_in_berlin_means_its_first_occurrence() -> None:
    # Clocks go from 03:00 CEST back to 02:00 CET on 31 October 2027; the first 02:30 is 00:30 UTC.
    assert local_instant(date(2027, 10, 31), 150, BERLIN) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_a_working_day_keeps_its_wall_clock_across_the_change_in_new_york() -> None:
    office = WorkingCalendar(NEW_YORK, hours(WORKDAYS, 8, 17), {})
    # Friday 12 March is at UTC-5, Monday 15 March at UTC-4.
    [friday], [monday] = office.open_on(date(2027, 3, 12)), office.open_on(date(2027, 3, 15))
    assert friday.start_at == datetime(2027, 3, 12, 13, tzinfo=UTC)
    assert monday.start_at == datetime(2027, 3, 15, 12, tzinfo=UTC)
    assert friday.length == monday.length == timedelta(hours=9)


def test_a_day_round_the_clock_has_23_or_25_hours_when_berlin_changes() -> None:
    always = WorkingCalendar(BERLIN, hours(DAILY, 0, 24), {})
    assert always.open_on(date(2027, 3, 28))[0].length == timedelta(hours=23)
    assert always.open_on(date(2027, 10, 31))[0].length == timedelta(hours=25)
    assert always.is_open(Interval(datetime(2027, 10, 29, tzinfo=UTC), datetime(2027, 11, 2, tzinfo=UTC)))


def test_local_date_is_that_of_the_zone() -> None:
    late = datetime(2027, 2, 17, 23, 30, tzinfo=UTC)
    assert local_date(late, SEOUL) == THURSDAY
    assert local_date(late, NEW_YORK) == date(2027, 2, 17)


def test_hours_are_half_open() -> None:
    assert OFFICE.is_open(during(THURSDAY, "08:00", "17:00"))
    assert not OFFICE.is_open(during(THURSDAY, "07:45", "09:00"))
    assert not OFFICE.is_open(during(THURSDAY, "16:00", "17:15"))


def test_two_lines_of_a_day_with_a_break_hold_nothing_across_the_break() -> None:
    lunch = WorkingCalendar(SEOUL, (*hours(WORKDAYS, 8, 12), *hours(WORKDAYS, 13, 17)), {})
    assert lunch.is_open(during(THURSDAY, "11:00", "12:00"))
    assert not lunch.is_open(during(THURSDAY, "11:30", "13:30"))


def test_stretches_that_touch_at_midnight_count_as_one() -> None:
    shifts = WorkingCalendar(SEOUL, (OpenHours(DAILY, 0, 1440),), {})
    assert shifts.is_open(Interval(at(THURSDAY, "22:00"), at(date(2027, 2, 19), "02:00")))


def test_a_holiday_shuts_the_whole_day() -> None:
    shut = WorkingCalendar(SEOUL, hours(WORKDAYS, 8, 17), {THURSDAY: Holiday(THURSDAY, "Day off")})
    assert shut.open_on(THURSDAY) == []
    assert not shut.fits_pattern(during(THURSDAY, "09:00", "10:00"))


def test_a_closure_cuts_a_hole_that_only_is_open_sees() -> None:
    closure = Closure("NORTH", during(THURSDAY, "10:00", "11:00"), "fire drill")
    calendar = WorkingCalendar(SEOUL, hours(WORKDAYS, 8, 17), {}, (closure,))
    assert calendar.open_on(THURSDAY) == [during(THURSDAY, "08:00", "10:00"), during(THURSDAY, "11:00", "17:00")]
    across = during(THURSDAY, "09:30", "10:15")
    assert not calendar.is_open(across)
    assert calendar.fits_pattern(across)
    assert calendar.closures_hit(across) == [closure]
    assert calendar.closures_hit(during(THURSDAY, "11:00", "12:00")) == []
