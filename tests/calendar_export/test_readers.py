"""Readers that nobody here wrote see the same instants in a calendar, whatever clocks do in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents
from scheduler.calendar_export.ics import ics
from tests.calendar_export.readers import READERS, Read, read_by_all

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)

CLOCK_CHANGES = {
    "Asia/Seoul": [(3, 14), (3, 28), (10, 31), (11, 7)],  # clocks do not change there; they do elsewhere
    "America/New_York": [(3, 14), (11, 7)],
    "Europe/Berlin": [(3, 28), (10, 31)],
}
"""The days of 2027 on which clocks change."""


def around_clock_changes() -> list[CalendarEvent]:
    """Hour by hour from the evening before each change, the hour that comes twice in both its meanings."""
    made = []
    for zone, days in CLOCK_CHANGES.items():
        for month, day in days:
            begins = datetime(2027, month, day - 1, 22, 0, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            for hour in range(10):
                start_at = (begins + timedelta(hours=hour)).astimezone(ZoneInfo(zone))
                made.append(event(f"{zone}-{month}-{day}-{hour}", start_at))
    return made


def event(uid: str, start_at: datetime, sequence: int = 1, *, is_cancelled: bool = False) -> CalendarEvent:
    return CalendarEvent(
        uid=f"{uid}@marrowline",
        sequence=sequence,
        changed_at=NOW,
        start_at=start_at,
        end_at=start_at + timedelta(minutes=45),
        summary="HYU-012: injection, dose 1 / 주사, 1회차",
        description=f"{start_at:%a %H:%M} ({start_at.tzinfo}); give by, \\ and\n새 줄",
        location="Hanyang University Seoul Hospital",
        categories=("injection",),
        is_cancelled=is_cancelled,
    )


def meant(one: CalendarEvent) -> Read:
    """What every reader should see of an event."""
    status = "CANCELLED" if one.is_cancelled else "CONFIRMED"
    start_at, end_at = one.start_at.astimezone(UTC), one.end_at.astimezone(UTC)
    return Read(one.uid, one.sequence, start_at, end_at, status, one.summary, one.description)


def test_every_reader_sees_the_same_instants_across_clock_changes() -> None:
    events = around_clock_changes()
    expected = sorted(map(meant, events), key=lambda one: (one.start_at, one.uid))
    assert len({one.start_at for one in expected}) < len(expected) == 80
    read = read_by_all(ics(CalendarOfEvents("HYU site", "steelblue", tuple(events))))
    assert read == dict.fromkeys(READERS, expected)


def test_every_reader_sees_that_a_visit_was_moved_and_another_cancelled() -> None:
    moved = event("moved", NOW + timedelta(days=9), sequence=4)
    cancelled = event("cancelled", NOW + timedelta(days=8), sequence=2, is_cancelled=True)
    read = read_by_all(ics(CalendarOfEvents("HYU site", "steelblue", (moved, cancelled))))
    expected = [meant(cancelled), meant(moved)]
    assert read == dict.fromkeys(READERS, expected)
