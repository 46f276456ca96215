"""Places and what they hold: sites, plants and their resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scheduler.domain.calendars import OpenHours


@dataclass(frozen=True)
class Resource:
    """Identical units of one kind at one place.

    Attributes
    ----------
    units
        Names of the units, such as ``suite-1``.
    closes_on_holidays
        Whether public holidays of the place shut it.
    line_clearance_minutes
        How long a unit stays blocked after one patient's work before another patient's may begin.
    turnaround_minutes
        How long a unit stays away after use, whoever comes next.
    max_hold_minutes
        The longest a unit may hold one patient's material (a shipper's qualified hours); None for no limit.
    cold
        Material in it is at 2-8 degrees C.
    """

    kind: str
    units: tuple[str, ...]
    hours: tuple[OpenHours, ...]
    closes_on_holidays: bool
    line_clearance_minutes: int = 0
    turnaround_minutes: int = 0
    max_hold_minutes: int | None = None
    cold: bool = False

    @property
    def blocked_minutes(self) -> int:
        """How long a unit stays blocked after use before another patient's work may begin."""
        return max(self.line_clearance_minutes, self.turnaround_minutes)


@dataclass(frozen=True)
class Place:
    """A site or a plant, with its time zone, the name of its holiday list and its resources."""

    code: str
    name: str
    city: str
    side: Literal["site", "plant"]
    zone: str
    holidays: str
    resources: tuple[Resource, ...]

    def resource(self, kind: str) -> Resource:
        """The resource of a kind; KeyError when the place has none."""
        for resource in self.resources:
            if resource.kind == kind:
                return resource
        raise KeyError(kind)
