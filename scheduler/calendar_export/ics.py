"""An iCalendar file (RFC 5545, RFC 7986), the same bytes for the same events.

The calendar itself has no UID: readers have been seen to merge all events under it. Instants are in UTC, because a
time zone id loses which of two equal wall-clock times is meant.
"""

from __future__ import annotations

from datetime import UTC, datetime

from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents

MEDIA_TYPE = "text/calendar; charset=utf-8"
REFRESH = "PT1H"
"""How often a calendar program is asked to look again; some look only once a day."""

_OCTETS = 75  # a line's length without its end (RFC 5545 section 3.1)


def ics(calendar: CalendarOfEvents) -> bytes:
    """The file of a calendar, its events by start and UID."""
    events = sorted(calendar.events, key=lambda one: (one.start_at, one.uid))
    lines = [*_head(calendar), *(line for one in events for line in _event(one)), "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


def _head(calendar: CalendarOfEvents) -> tuple[str, ...]:
    return (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Marrowline//Calendar feed//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        _told("NAME", calendar.name),
        _told("X-WR-CALNAME", calendar.name),
        f"COLOR:{calendar.color}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
    )


def _event(one: CalendarEvent) -> tuple[str, ...]:
    changed_at = _instant(one.changed_at)
    return (
        "BEGIN:VEVENT",
        _told("UID", one.uid),
        f"SEQUENCE:{one.sequence}",
        f"DTSTAMP:{changed_at}",
        f"LAST-MODIFIED:{changed_at}",
        f"DTSTART:{_instant(one.start_at)}",
        f"DTEND:{_instant(one.end_at)}",
        _told("SUMMARY", one.summary),
        _told("DESCRIPTION", one.description),
        _told("LOCATION", one.location),
        _told("CATEGORIES", *one.categories),
        "STATUS:CANCELLED" if one.is_cancelled else "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT" if one.is_cancelled or one.is_background else "TRANSP:OPAQUE",
        "END:VEVENT",
    )


def _instant(at: datetime) -> str:
    # Not strftime, which takes several times as long.
    return at.astimezone(UTC).isoformat()[:19].replace("-", "").replace(":", "") + "Z"


def _told(name: str, *values: str) -> str:
    """A property of text; the others need no escape and are never too long."""
    return _folded(f"{name}:{','.join(map(_escaped, values))}")


def _escaped(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> str:
    """A long line goes on after a space, and no character is torn apart."""
    octets = line.encode()
    if len(octets) <= _OCTETS:
        return line
    parts, begins, ends = [], 0, _OCTETS
    while ends < len(octets):
        while octets[ends] & 0xC0 == 0x80:  # inside a character
            ends -= 1
        parts.append(octets[begins:ends].decode())
        begins, ends = ends, ends + _OCTETS - 1
    return "\r\n ".join([*parts, octets[begins:].decode()])
