"""When a place, a resource or a courier works: opening pattern minus holidays and closures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduler.domain.intervals import Interval, merge, subtract

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_PER_DAY = 24 * 60


@lru_cache(maxsize=65536)
def local_instant(day: date, minute: int, zone: str) -> datetime:
    """The UTC instant of a wall-clock minute of a local day.

    `minute` counts from local midnight and may be 1440 (24:00). A wall-clock time skipped by a clock change means
    the instant after the jump; a repeated one means its first occurrence, so opening hours never shrink to nothing.
    """
    whole_days, rest = divmod(minute, MINUTES_PER_DAY)
    wall = datetime.combine(day + timedelta(days=whole_days), time(rest // 60, rest % 60), ZoneInfo(zone))
    return wall.astimezone(UTC)


def local_date(instant: datetime, zone: str) -> date:
    """The calendar date an instant has in a time zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True)
class OpenHours:
    """One line of an opening pattern: on these weekdays (0 = Monday), half-open minutes from local midnight."""

    weekdays: tuple[int, ...]
    from_minute: int
    to_minute: int


def clock(minute: int) -> str:
    """A minute of the day as a clock shows it."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def hours_text(hours: Iterable[OpenHours]) -> str:
    """Opening hours as fact files write them: ``Mon-Fri 08:00-17:00, Sat 09:00-12:00``."""
    return ", ".join(f"{_days(line.weekdays)} {clock(line.from_minute)}-{clock(line.to_minute)}" for line in hours)


def _days(weekdays: tuple[int, ...]) -> str:
    if len(weekdays) == len(WEEKDAYS):
        return "daily"
    first, last = WEEKDAYS[weekdays[0]], WEEKDAYS[weekdays[-1]]
    return first if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class Holiday:
    """A public holiday; `run` names the stretch it belongs to (``Seollal``), empty for a single day."""

    on: date
    name: str
    run: str = ""


@dataclass(frozen=True)
class Closure:
    """A stretch in which a place, one of its resources, one unit of it, or a courier lane does not work.

    `where` is a place code or a lane code; `resource` a resource kind there, or None for all of the place; `unit` the
    one unit of the resource that is out of service, or None for all of them.
    """

    where: str
    during: Interval
    reason: str
    resource: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class WorkingCalendar:
    """Opening pattern minus exceptions, in the place's own time zone.

    `holidays` holds only the days on which this calendar is shut; `closures` the stretches it loses besides.
    """

    zone: str
    hours: tuple[OpenHours, ...]
    holidays: Mapping[date, Holiday]
    closures: tuple[Closure, ...] = ()

    def pattern_on(self, day: date) -> list[Interval]:
        """What the weekly pattern and the holidays leave open of a local day, before closures."""
        if day in self.holidays:
            return []
        return merge(
            Interval(local_instant(day, line.from_minute, self.zone), local_instant(day, line.to_minute, self.zone))
            for line in self.hours
            if day.weekday() in line.weekdays
        )

    def open_on(self, day: date) -> list[Interval]:
        """The half-open stretches in which work is possible on a local day, ascending."""
        return subtract(self.pattern_on(day), (closure.during for closure in self.closures))

    def is_open(self, during: Interval) -> bool:
        """Whether the whole of `during` lies in one open stretch (stretches that touch at midnight count as one)."""
        return any(stretch.contains(during) for stretch in self._around(during, self.open_on))

    def fits_pattern(self, during: Interval) -> bool:
        """Like `is_open`, but closures are disregarded: only hours and holidays."""
        return any(stretch.contains(during) for stretch in self._around(during, self.pattern_on))

    def closures_hit(self, during: Interval) -> list[Closure]:
        """The closures that overlap a stretch."""
        return [closure for closure in self.closures if closure.during.overlaps(during)]

    def _around(self, during: Interval, stretches_on: Callable[[date], list[Interval]]) -> list[Interval]:
        day = local_date(during.start_at, self.zone) - timedelta(days=1)
        last = local_date(during.end_at, self.zone)
        stretches: list[Interval] = []
        while day <= last:
            stretches.extend(stretches_on(day))
            day += timedelta(days=1)
        return merge(stretches)
