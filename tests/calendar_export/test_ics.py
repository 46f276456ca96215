"""A calendar is written as RFC 5545 wants it, the same bytes for the same events; a reader made by others agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents
from scheduler.calendar_export.ics import ics

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=300)


def event(**changed: object) -> CalendarEvent:
    """Ana's graft."""
    given: dict[str, object] = {
        "uid": "V-1@marrowline",
        "sequence": 3,
        "changed_at": NOW,
        "start_at": datetime(2027, 3, 22, 13, 45, tzinfo=ZoneInfo("Europe/Berlin")),
        "end_at": datetime(2027, 3, 22, 14, 45, tzinfo=ZoneInfo("Europe/Berlin")),
        "summary": "ANA: graft, dose 1 / 이식, 1회차",
        "description": "Mon 22 Mar; dose 1.\n월요일",
        "location": "North hospital",
        "categories": ("graft", "to tell"),
    }
    return CalendarEvent(**{**given, **changed})  # type: ignore[arg-type]


def written(*events: CalendarEvent) -> bytes:
    return ics(CalendarOfEvents("NORTH site", "steelblue", events))


def test_an_event_is_written_with_instants_in_utc_and_text_escaped() -> None:
    """13:45 in Berlin is 12:45 UTC in winter."""
    lines = written(event()).decode().split("\r\n")
    assert lines[10:-2] == [
        "BEGIN:VEVENT",
        "UID:V-1@marrowline",
        "SEQUENCE:3",
        "DTSTAMP:20270301T080000Z",
        "LAST-MODIFIED:20270301T080000Z",
        "DTSTART:20270322T124500Z",
        "DTEND:20270322T134500Z",
        "SUMMARY:ANA: graft\\, dose 1 / 이식\\, 1회차",
        "DESCRIPTION:Mon 22 Mar\\; dose 1.\\n월요일",
        "LOCATION:North hospital",
        "CATEGORIES:graft,to tell",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "END:VEVENT",
    ]


def test_the_calendar_says_its_name_its_colour_and_how_often_to_look_but_has_no_uid() -> None:
    lines = written().decode().split("\r\n")
    assert lines == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Marrowline//Calendar feed//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:NORTH site",
        "X-WR-CALNAME:NORTH site",
        "COLOR:steelblue",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "END:VCALENDAR",
        "",
    ]


def test_what_is_cancelled_says_so_and_keeps_nobody_busy() -> None:
    text = written(event(is_cancelled=True)).decode()
    assert "STATUS:CANCELLED\r\nTRANSP:TRANSPARENT" in text


def test_the_order_in_which_events_come_makes_no_difference() -> None:
    later = event(uid="V-0@marrowline", start_at=NOW + timedelta(days=90), end_at=NOW + timedelta(days=91))
    assert written(event(), later) == written(later, event())


@given(summary=TEXTS, description=TEXTS)
def test_every_text_is_read_back_as_it_was_by_a_reader_made_by_others(summary: str, description: str) -> None:
    read = icalendar.Calendar.from_ical(written(event(summary=summary, description=description)))
    (found,) = read.walk("VEVENT")
    assert (str(found["SUMMARY"]), str(found["DESCRIPTION"])) == (summary, description)
    assert found["DTSTART"].dt == datetime(2027, 3, 22, 12, 45, tzinfo=UTC)


@given(text=TEXTS)
def test_no_line_is_longer_than_75_octets_and_none_ends_within_a_character(text: str) -> None:
    for line in written(event(description=text)).split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
