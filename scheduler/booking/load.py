"""Load: how much of a resource is taken, hour by hour or day by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.record import SEE_PLANT
from scheduler.domain.calendars import local_date, local_instant
from scheduler.persistence import occupancy
from scheduler.persistence.tables import StayRow
from scheduler.persistence.unit_of_work import UnitOfWork

MOST_STRETCHES = 24 * 62
Grain = Literal["hour", "day"]


@dataclass(frozen=True)
class Stretch:
    """A half-open hour or local day: how many units are taken at its busiest moment, and unit-minutes in all."""

    start_at: datetime
    end_at: datetime
    most_taken: int
    taken_minutes: int


@dataclass(frozen=True)
class Load:
    """What is taken of the units of one kind at one place; line clearance and turnaround count as taken."""

    place: str
    kind: str
    units: tuple[str, ...]
    stretches: tuple[Stretch, ...]


def load(
    work: UnitOfWork, board: Board, place: str, kind: str, from_at: datetime, to_at: datetime, *, by: Grain = "day"
) -> Load:
    """The load of a resource, or of a courier lane (kind ``lane``), in ``[from_at, to_at)``.

    Holds that still stand count as taken. The first and last stretch are cut to what was asked for.

    Raises
    ------
    Refused
        404 for a place or resource unknown or not the actor's to see, 422 for no stretch or one too long.
    """
    facts = board.facts(work)
    numbers = {number: unit[2] for number, unit in board.units.items() if unit[:2] == (place, kind)}
    audience = work.principal.audience
    if not numbers or not (audience in SEE_PLANT or (work.principal.site is not None and work.principal.site == place)):
        raise not_found("resource")
    if not from_at < to_at:
        raise Refused("ends-before-start", 422, "The end must lie after the start.")
    if (to_at - from_at) / timedelta(hours=1 if by == "hour" else 24) > MOST_STRETCHES:
        raise Refused("too-long", 422, f"Ask for at most {MOST_STRETCHES} {by}s at a time.")
    origin = place if kind != "lane" else facts.network.lane(place).from_place
    since, until = int(from_at.timestamp()), int(to_at.timestamp())
    now = int(work.now.timestamp())
    stays = [
        one
        for one in occupancy.taken_between(work.session, list(numbers), since, until)
        if one.expires is None or one.expires > now
    ]
    zone = facts.network.place(origin).zone
    stretches = (_stretch(start, end, stays) for start, end in _parts(from_at, to_at, by, zone))
    return Load(place, kind, tuple(numbers[number] for number in sorted(numbers)), tuple(stretches))


def _parts(from_at: datetime, to_at: datetime, by: Grain, zone: str) -> Iterator[tuple[datetime, datetime]]:
    """The hours, or the local days, that a stretch is cut into."""
    start = from_at
    while start < to_at:
        if by == "hour":
            end = start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        else:
            end = local_instant(local_date(start, zone) + timedelta(days=1), 0, zone)
        end = min(end, to_at)
        yield start, end
        start = end


def _stretch(start_at: datetime, end_at: datetime, stays: list[StayRow]) -> Stretch:
    begin, end = int(start_at.timestamp()), int(end_at.timestamp())
    inside = [(max(one.begins, begin), min(one.ends, end)) for one in stays if one.begins < end and one.ends > begin]
    # Ends before begins at the same second: half-open stays that touch do not overlap.
    edges = sorted([(at, 1) for at, _ in inside] + [(at, -1) for _, at in inside])
    taken = most = 0
    for _, change in edges:
        taken += change
        most = max(most, taken)
    return Stretch(start_at, end_at, most, sum(last - first for first, last in inside) // 60)
