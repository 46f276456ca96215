"""An iCalendar file (RFC 5545, RFC 7986), the same bytes for the same events.

The calendar itself has no UID: readers have been seen to merge all events under it. Instants are in UTC, because a
time zone id loses which of two equal wall-clock times is meant.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents

MEDIA_TYPE = "text/calendar; charset=utf-8"
REFRESH = "PT1H"
"""How often a calendar program is asked to look again; some look only once a day."""

_OCTETS = 75  # a line's length without its end (RFC 5545 section 3.1)


def ics(calendar: CalendarOfEvents) -> bytes:
    """The file of a calendar, its events by start and UID."""
    events = sorted(calendar.events, key=lambda one: (one.start_at, one.uid))
    return b"\r\n".join([_head(calendar), *map(_event, events), b"END:VCALENDAR", b""])


def _head(calendar: CalendarOfEvents) -> bytes:
    return b"\r\n".join(
        (
            b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Marrowline//Calendar feed//EN",
            b"CALSCALE:GREGORIAN\r\nMETHOD:PUBLISH",
            _told("NAME", calendar.name),
            _told("X-WR-CALNAME", calendar.name),
            f"COLOR:{calendar.color}".encode(),
            f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}\r\nX-PUBLISHED-TTL:{REFRESH}".encode(),
        )
    )


def _event(one: CalendarEvent) -> bytes:
    changed_at = _instant(one.changed_at)
    times = (
        f"SEQUENCE:{one.sequence}\r\nDTSTAMP:{changed_at}\r\nLAST-MODIFIED:{changed_at}\r\n"
        f"DTSTART:{_instant(one.start_at)}\r\nDTEND:{_instant(one.end_at)}"
    )
    status = "CANCELLED" if one.is_cancelled else "CONFIRMED"
    busy = "TRANSPARENT" if one.is_cancelled or one.is_background else "OPAQUE"
    return b"\r\n".join(
        (
            b"BEGIN:VEVENT",
            _told("UID", one.uid),
            times.encode(),
            _told("SUMMARY", one.summary),
            _told("DESCRIPTION", one.description),
            _told_often("LOCATION", one.location),
            _told_often("CATEGORIES", *one.categories),
            f"STATUS:{status}\r\nTRANSP:{busy}\r\nEND:VEVENT".encode(),
        )
    )


def _instant(at: datetime) -> str:
    # Not strftime, which takes several times as long.
    return at.astimezone(UTC).isoformat()[:19].replace("-", "").replace(":", "") + "Z"


def _told(name: str, *values: str) -> bytes:
    """A property of text; the others need no escape and are never too long."""
    return _folded(f"{name}:{','.join(map(_escaped, values))}".encode())


_told_often = lru_cache(maxsize=256)(_told)
"""The same for what a file repeats again and again."""


def _escaped(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r", "").replace("\n", "\\n")


def _folded(line: bytes) -> bytes:
    """A long line goes on after a space, and no character is torn apart."""
    if len(line) <= _OCTETS:
        return line
    parts, begins, ends = [], 0, _OCTETS
    while ends < len(line):
        while line[ends] & 0xC0 == 0x80:  # inside a character
            ends -= 1
        parts.append(line[begins:ends])
        begins, ends = ends, ends + _OCTETS - 1
    return b"\r\n ".join([*parts, line[begins:]])
