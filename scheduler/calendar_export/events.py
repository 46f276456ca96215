"""What a calendar program is told: events, and the calendar they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CalendarEvent:
    """One event of a calendar.

    Attributes
    ----------
    uid
        The same for as long as the event exists, wherever it is moved.
    sequence
        Counts changes: of two versions the one with the higher number holds.
    changed_at
        When it last changed.
    start_at, end_at
        Half-open; aware.
    description
        Text in lines.
    is_background
        It lasts long and keeps nobody busy, such as a culture.
    """

    uid: str
    sequence: int
    changed_at: datetime
    start_at: datetime
    end_at: datetime
    summary: str
    description: str
    location: str
    categories: tuple[str, ...]
    is_cancelled: bool = False
    is_background: bool = False


@dataclass(frozen=True)
class CalendarOfEvents:
    """A named calendar; `color` is a CSS colour name (RFC 7986)."""

    name: str
    color: str
    events: tuple[CalendarEvent, ...]
