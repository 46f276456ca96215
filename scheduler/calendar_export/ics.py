"""An iCalendar file (RFC 5545, RFC 7986), the same bytes for the same events.

The calendar itself has no UID: readers have been seen to merge all events under it. Instants are in UTC, because a
time zone id loses which of two equal wall-clock times is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents

MEDIA_TYPE = "text/calendar; charset=utf-8"
REFRESH = "PT1H"
"""How often a calendar program is asked to look again; some look only once a day."""

_OCTETS = 75  # a line's length without its end (RFC 5545 section 3.1)


def ics(calendar: CalendarOfEvents) -> bytes:
    """The file of a calendar, its events by start and UID."""
    events = sorted(calendar.events, key=lambda one: (one.start_at, one.uid))
    lines = [*_head(calendar), *(line for one in events for line in _event(one)), "END:VCALENDAR"]
    return "".join(map(_folded, lines)).encode()


def _head(calendar: CalendarOfEvents) -> Iterator[str]:
    name = _text(calendar.name)
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    yield "PRODID:-//Marrowline//Calendar feed//EN"
    yield "CALSCALE:GREGORIAN"
    yield "METHOD:PUBLISH"
    yield f"NAME:{name}"
    yield f"X-WR-CALNAME:{name}"
    yield f"COLOR:{calendar.color}"
    yield f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}"
    yield f"X-PUBLISHED-TTL:{REFRESH}"


def _event(one: CalendarEvent) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(one.uid)}"
    yield f"SEQUENCE:{one.sequence}"
    changed_at = _instant(one.changed_at)
    yield f"DTSTAMP:{changed_at}"
    yield f"LAST-MODIFIED:{changed_at}"
    yield f"DTSTART:{_instant(one.start_at)}"
    yield f"DTEND:{_instant(one.end_at)}"
    yield f"SUMMARY:{_text(one.summary)}"
    yield f"DESCRIPTION:{_text(one.description)}"
    yield f"LOCATION:{_text(one.location)}"
    yield f"CATEGORIES:{','.join(map(_text, one.categories))}"
    yield f"STATUS:{'CANCELLED' if one.is_cancelled else 'CONFIRMED'}"
    yield f"TRANSP:{'TRANSPARENT' if one.is_cancelled or one.is_background else 'OPAQUE'}"
    yield "END:VEVENT"


def _instant(at: datetime) -> str:
    # Not strftime, which takes several times as long.
    return at.astimezone(UTC).isoformat()[:19].replace("-", "").replace(":", "") + "Z"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> str:
    """A line with its end; a long one goes on after a space, and no character is torn apart."""
    octets = line.encode()
    if len(octets) <= _OCTETS:
        return f"{line}\r\n"
    parts, begins, ends = [], 0, _OCTETS
    while ends < len(octets):
        while octets[ends] & 0xC0 == 0x80:  # inside a character
            ends -= 1
        parts.append(octets[begins:ends].decode())
        begins, ends = ends, ends + _OCTETS - 1
    return "\r\n ".join([*parts, octets[begins:].decode()]) + "\r\n"
