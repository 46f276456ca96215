"""The small languages inside fact files: opening hours, weekdays, times of day, references, places, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import MINUTES_PER_DAY, WEEKDAYS, OpenHours, clock, local_instant
from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Side, StartHours, StepRef
from scheduler.programs.table import Table

QUARTER = 15
ALL_WEEK = tuple(range(7))
_TIME = re.compile(r"(\d{2}):(\d{2})")
_REFERENCE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)(?:@(\d{1,4}))?\.(start|end)")
HOURS_REMEDY = "Write such as 'Mon-Fri 08:00-17:00, Sat 09:00-12:00', 'daily 07:00-24:00' or 'always'"
DAYS_REMEDY = "Write such as 'Mon-Sat', 'Mon, Wed, Fri' or 'daily'"


def parse_hours(table: Table, key: str) -> tuple[OpenHours, ...]:
    """Opening hours in a place's own time; 24:00 is the end of the day."""
    text = table.text(key)
    if text == "always":
        return (OpenHours(ALL_WEEK, 0, MINUTES_PER_DAY),)
    return tuple(OpenHours(*line) for line in _lines(table, key, text))


def parse_starts(table: Table, key: str) -> tuple[StartHours, ...]:
    """Hours in which a step may start, both ends inclusive; none where the key is absent."""
    return tuple(StartHours(*line) for line in _lines(table, key, table.text(key))) if table.has(key) else ()


def parse_weekdays(table: Table, key: str) -> tuple[int, ...]:
    """Weekdays, 0 = Monday, ascending."""
    found = {day for part in table.text(key).split(",") for day in _weekdays(table, key, part.strip(), DAYS_REMEDY)}
    return tuple(sorted(found))


def parse_times(table: Table, key: str) -> tuple[int, ...]:
    """Local times of day on quarters of an hour, as minutes from midnight, ascending."""
    minutes = [_minute(table, key, text, 'Write such as ["06:00", "13:15"]') for text in table.texts(key)]
    for minute in minutes:
        if minute % QUARTER or minute == MINUTES_PER_DAY:
            raise table.error(key, f"{clock(minute)} is not a quarter of an hour of a day", "Use :00, :15, :30 or :45")
    if len(set(minutes)) != len(minutes):
        raise table.error(key, "names one time twice", "Keep each time once")
    return tuple(sorted(minutes))


def parse_reference(table: Table, key: str) -> StepRef:
    """The start or end of a step: ``fill.end``, or ``harvest@2.start`` for one dose's."""
    text = table.text(key)
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise table.error(key, f"{text!r} is not a reference", "Write such as 'fill.end' or 'harvest@2.start'")
    return StepRef(match[1], "start" if match[3] == "start" else "end", int(match[2]) if match[2] else None)


def parse_sides(table: Table, key: str) -> tuple[Side, Side]:
    """Where a step happens, and where it ends: ``site``, ``plant``, ``site -> plant`` or ``plant -> site``."""
    known: dict[str, tuple[Side, Side]] = {
        "site": ("site", "site"),
        "plant": ("plant", "plant"),
        "site -> plant": ("site", "plant"),
        "plant -> site": ("plant", "site"),
    }
    return known[table.one_of(key, tuple(known))]


def parse_anchor(table: Table, key: str) -> int | None:
    """What a window counts from: a dose number, or None for the registration."""
    text = table.text(key)
    match = re.fullmatch(r"dose (\d{1,4})", text)
    if match is not None:
        return int(match[1])
    if text == "registration":
        return None
    raise table.error(key, f"{text!r} is not an anchor", "Write 'registration' or such as 'dose 1'")


def parse_zone(table: Table, key: str) -> str:
    """The name of a time zone that exists."""
    name = table.text(key)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as problem:
        remedy = "Write an IANA name such as 'Asia/Seoul' or 'Europe/Berlin'"
        raise table.error(key, f"{name!r} is not a time zone", remedy) from problem
    return name


def parse_stretch(table: Table, zone: str) -> Interval:
    """The half-open stretch from ``from`` until ``until``: local midnights of dates, or instants with an offset."""
    start_at, end_at = _edge(table, "from", zone), _edge(table, "until", zone)
    if end_at <= start_at:
        problem = f"{table.raw('until')} is not after 'from' ({table.raw('from')})"
        raise table.error("until", problem, "'until' is the first moment after the stretch")
    return Interval(start_at, end_at)


def _edge(table: Table, key: str, zone: str) -> datetime:
    value = table.raw(key)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            remedy = "Add the UTC offset, such as 2027-10-03T08:00:00+09:00, or write a whole date"
            raise table.error(key, f"{value} is a naive time", remedy)
        table.usable_day(key, value.date())
        return value.astimezone(UTC)
    if isinstance(value, date):
        return local_instant(table.usable_day(key, value), 0, zone)
    remedy = "Write 2027-10-03 or 2027-10-03T08:00:00+09:00 without quotes"
    raise table.error(key, f"{value!r} is neither a date nor an instant", remedy)


def _lines(table: Table, key: str, text: str) -> Iterator[tuple[tuple[int, ...], int, int]]:
    for part in text.split(","):
        words = part.split()
        times = words[1].split("-") if len(words) == 2 else []
        if len(times) != 2:
            raise table.error(key, f"{part.strip()!r} is not a line of opening hours", HOURS_REMEDY)
        from_minute, to_minute = (_minute(table, key, one, HOURS_REMEDY) for one in times)
        if to_minute <= from_minute:
            raise table.error(key, f"{part.strip()!r} ends before it begins", "Split hours that pass midnight in two")
        yield _weekdays(table, key, words[0], HOURS_REMEDY), from_minute, to_minute


def _weekdays(table: Table, key: str, text: str, remedy: str) -> tuple[int, ...]:
    if text == "daily":
        return ALL_WEEK
    names = text.split("-")
    if len(names) > 2 or any(name not in WEEKDAYS for name in names):
        raise table.error(key, f"{text!r} is not a weekday or a range of weekdays", remedy)
    first, last = WEEKDAYS.index(names[0]), WEEKDAYS.index(names[-1])
    if last < first:
        raise table.error(key, f"{text!r} runs backwards", "Begin the week on Mon and split ranges at Sun")
    return tuple(range(first, last + 1))


def _minute(table: Table, key: str, text: str, remedy: str) -> int:
    match = _TIME.fullmatch(text.strip())
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if match is None or int(match[2]) > 59 or minute > MINUTES_PER_DAY:
        raise table.error(key, f"{text.strip()!r} is not a time of day", remedy)
    return minute
