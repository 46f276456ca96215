"""Local times of activities: a transit starts in its origin's time zone and ends in its destination's."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from scheduler.domain.errors import BadInput
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity


def local_start(activity: Activity, network: Network) -> datetime:
    """The start on the clock of the place where the activity happens."""
    return activity.start_at.astimezone(_zone(activity, activity.place, network))


def local_end(activity: Activity, network: Network) -> datetime:
    """The end on the clock of the place where it happens, for a transit the place it reaches."""
    return activity.end_at.astimezone(_zone(activity, end_place(activity, network), network))


def end_place(activity: Activity, network: Network) -> str:
    """The code of the place where an activity ends."""
    if activity.lane is None:
        return activity.place
    try:
        return network.lane(activity.lane).to_place
    except KeyError:
        raise _unknown(activity, "lane", activity.lane, network) from None


def _zone(activity: Activity, place: str, network: Network) -> ZoneInfo:
    try:
        return ZoneInfo(network.place(place).zone)
    except KeyError:
        raise _unknown(activity, "place", place, network) from None


def _unknown(activity: Activity, key: str, value: str, network: Network) -> BadInput:
    problem = f"network {network.name} has no {key} {value!r}"
    return BadInput(activity.id, key, problem, "Name the program the plan was made for, and check the plan")
