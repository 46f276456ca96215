"""Windows counted from what was really given, not from what had been planned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence.tables import ActivityRow


def windows_missed(
    facts: Facts, before: PlannedCourse, after: PlannedCourse, rows: Mapping[str, ActivityRow]
) -> dict[str, str]:
    """The doses that a change puts outside their windows: activity id to the rule it breaks.

    A dose counts from the local date on which its anchor was given, where that is recorded. Doses that do not move
    are left out: what has become of them is no matter of this change. Source: docs/domain.md section 2.
    """
    protocol = facts.protocol
    zone = facts.network.place(after.site).zone
    given: dict[int, date] = {}
    for one in after.activities:
        if one.kind == protocol.administration and one.dose is not None:
            row = rows.get(one.id)
            actual = None if row is None else row.actual_start_at
            given[one.dose] = local_date(actual or one.start_at, zone)
    old = {one.id: one for one in before.activities}
    missed: dict[str, str] = {}
    for one in after.activities:
        if one.kind != protocol.administration or one.dose is None or old.get(one.id) == one:
            continue
        spec = protocol.dose(one.dose)
        if spec.window is None or spec.anchor not in given:
            continue
        if not spec.window.allows(given[spec.anchor], given[one.dose]):
            missed[one.id] = f"{spec.role}_window"
    return missed


def drift_days(facts: Facts, course: PlannedCourse, rows: Mapping[str, ActivityRow]) -> int:
    """By how many days at most a dose was given off its planned date: so much wider must a search look."""
    zone = facts.network.place(course.site).zone
    return max(
        (
            abs((local_date(row.actual_start_at, zone) - local_date(row.start_at, zone)).days)
            for row in rows.values()
            if row.kind == facts.protocol.administration and row.actual_start_at is not None
        ),
        default=0,
    )
