"""How busy each resource is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from scheduler.domain.calendars import WorkingCalendar, local_date
from scheduler.domain.intervals import Interval
from scheduler.domain.plant import Resource
from scheduler.domain.rules_context import Judged

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Utilisation:
    """One resource of one place over its used span.

    Attributes
    ----------
    units
        How many identical units there are.
    first_on, last_on
        The used span: local days of the first and the last use, both inclusive; None when nothing uses it.
    busy_minutes
        Minutes in which a unit holds a patient's material or a visit, summed over units; line clearance and
        turnaround are not counted.
    open_minutes
        Minutes the working calendar leaves open in the used span, times units.
    most_busy
        How many units are busy at the busiest moment.
    """

    place: str
    resource: str
    units: int
    first_on: date | None
    last_on: date | None
    busy_minutes: int
    open_minutes: int
    most_busy: int

    @property
    def percent(self) -> float:
        """100 x busy / open, to one decimal; 0 when nothing uses it."""
        return round(100 * self.busy_minutes / self.open_minutes, 1) if self.open_minutes else 0.0


def utilisation(judged: Judged) -> list[Utilisation]:
    """Every resource of every place, in the order of the network."""
    held: dict[tuple[str, str], list[Interval]] = defaultdict(list)
    for one in judged.holdings:
        held[one.place, one.resource].append(one.during)
    return [
        _of(place.code, kind, judged.facts.network.calendar(place.code, kind.kind), held[place.code, kind.kind])
        for place in judged.facts.network.places
        for kind in place.resources
    ]


def _of(place: str, kind: Resource, calendar: WorkingCalendar, held: list[Interval]) -> Utilisation:
    resource, units = kind.kind, len(kind.units)
    if not held:
        return Utilisation(place, resource, units, None, None, 0, 0, 0)
    first_on = local_date(min(one.start_at for one in held), calendar.zone)
    last_on = local_date(max(one.end_at for one in held) - MINUTE, calendar.zone)
    return Utilisation(
        place=place,
        resource=resource,
        units=units,
        first_on=first_on,
        last_on=last_on,
        busy_minutes=_minutes(held),
        open_minutes=units * _minutes(_open(calendar, first_on, last_on)),
        most_busy=_most_at_once(held),
    )


def _most_at_once(held: list[Interval]) -> int:
    # Ends before begins at the same instant: half-open stretches that touch do not overlap.
    edges = sorted([(one.start_at, 1) for one in held] + [(one.end_at, -1) for one in held])
    return max(accumulate(change for _, change in edges))


def _open(calendar: WorkingCalendar, first_on: date, last_on: date) -> list[Interval]:
    days = (first_on + timedelta(days=number) for number in range((last_on - first_on).days + 1))
    return [stretch for day in days for stretch in calendar.open_on(day)]


def _minutes(stretches: Iterable[Interval]) -> int:
    return sum((one.length for one in stretches), timedelta()) // MINUTE
