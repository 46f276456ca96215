"""What can stand in the way of a date, one thing at a time, and a program without some of it.

An obstacle is a rule together with what of it: the window of dose 2, one closure, one holiday, the weekly hours of one
place, one limit, what others have taken of one resource. Facts without an obstacle are facts like any others, so that
whether it matters is found out by planning again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from scheduler.domain.calendars import Closure, OpenHours
from scheduler.domain.course import Facts
from scheduler.domain.logistics import CourierLane
from scheduler.domain.plant import Place, Resource
from scheduler.domain.protocol import Window
from scheduler.planning.build import routes_of

FENCE = "plant_fence"
CAPACITY, PLACES = "unit_capacity", "departure_places"
OF_THE_BUILDER = ("handover", "qualified_hours", "cold_custody")
PLENTY = 50  # units more than there are: as if nobody else had any
WIDE = 60  # days by which a window is wider that is not heeded

ALWAYS = (OpenHours(tuple(range(7)), 0, 24 * 60),)


@dataclass(frozen=True, order=True)
class Obstacle:
    """A rule by its name and what of it, such as ``pair_window`` of ``2`` or ``unit_capacity`` of ``HUB/suite``."""

    rule: str
    subject: str = ""


NOTHING: frozenset[Obstacle] = frozenset()


def obstacles_of(facts: Facts, site: str, doses: Sequence[int], since: date, until: date) -> tuple[Obstacle, ...]:
    """Everything that could be otherwise for a patient of a site, what is easiest to change first.

    Holidays are those from `since` to `until`, both local dates and inclusive.
    """
    places, lanes = reach_of(facts, site)
    found = [Obstacle("closure", str(n)) for n, one in enumerate(facts.network.closures) if _touches(facts, one, site)]
    found.append(Obstacle(FENCE))
    found += [Obstacle(PLACES, lane.code) for lane in lanes]
    found += [Obstacle(CAPACITY, f"{place.code}/{kind}") for place in places for kind in _kinds(facts, place)]
    found += [Obstacle(window_rule(facts, dose), str(dose)) for dose in doses if facts.protocol.dose(dose).window]
    found += [Obstacle("follow_up_window", one.name) for one in facts.protocol.follow_ups]
    found.append(Obstacle("registration"))
    holidays = {on for place in places for on in facts.network.holidays[place.holidays] if since <= on <= until}
    found += [Obstacle("holiday", on.isoformat()) for on in sorted(holidays)]
    found += [Obstacle("opening_hours", place.code) for place in places]
    found += [Obstacle("departure", lane.code) for lane in lanes]
    found += [Obstacle(limit.name) for limit in facts.protocol.limits]
    found += [Obstacle(rule) for rule in OF_THE_BUILDER]
    return tuple(found)


def reach_of(facts: Facts, site: str) -> tuple[tuple[Place, ...], tuple[CourierLane, ...]]:
    """The site, the plants that serve it, and the lanes between."""
    routes = routes_of(facts, site)
    plants = dict.fromkeys(one.plant for one in routes)
    lanes = dict.fromkeys(lane.code for one in routes for lane in (one.inbound, one.outbound))
    places = (facts.network.place(site), *(facts.network.place(code) for code in plants))
    return places, tuple(facts.network.lane(code) for code in lanes)


def window_rule(facts: Facts, dose: int) -> str:
    """The name of the rule for a dose's window."""
    return "pair_window" if facts.protocol.dose(dose).role == "pair" else "booster_window"


def without(facts: Facts, gone: Iterable[Obstacle]) -> Facts:
    """The same facts without some obstacles; those of `OF_THE_BUILDER` and the fence are not in the facts."""
    listed = sorted(gone)
    closures = {int(one.subject) for one in listed if one.rule == "closure"}
    kept = tuple(one for n, one in enumerate(facts.network.closures) if n not in closures)
    facts = replace(facts, network=replace(facts.network, closures=kept))
    for one in listed:
        if one.rule in _REMOVALS:
            facts = _REMOVALS[one.rule](facts, one.subject)
    limits = tuple(one for one in facts.protocol.limits if Obstacle(one.name) not in listed)
    return replace(facts, protocol=replace(facts.protocol, limits=limits))


# --- facts with one thing changed, also by how much ------------------------------------------------------------------


def with_units(facts: Facts, where: str, more: int) -> Facts:
    """The same facts with more units of a resource, named as ``HUB/suite``."""
    code, kind = where.split("/")

    def changed(one: Resource) -> Resource:
        extra = tuple(f"{kind}-more-{number}" for number in range(1, more + 1))
        return replace(one, units=one.units + extra) if one.kind == kind else one

    return _resources_changed(facts, code, changed)


def with_places(facts: Facts, lane: str, more: int) -> Facts:
    """The same facts with more shipments on every run of a lane."""
    return _lane_changed(facts, lane, lambda one: replace(one, places=one.places + more))


def with_wider_window(facts: Facts, dose: int, days: int) -> Facts:
    """The same facts with a dose's window wider by so many days on either side."""
    doses = tuple(
        replace(one, window=_wider(one.window, days)) if one.number == dose and one.window else one
        for one in facts.protocol.doses
    )
    return replace(facts, protocol=replace(facts.protocol, doses=doses))


def with_wider_visit(facts: Facts, name: str, days: int) -> Facts:
    """The same facts with the window of a visit without a dose wider by so many days on either side."""
    visits = tuple(
        replace(one, window=_wider(one.window, days)) if one.name == name else one for one in facts.protocol.follow_ups
    )
    return replace(facts, protocol=replace(facts.protocol, follow_ups=visits))


def with_looser_limit(facts: Facts, name: str, steps: int) -> Facts:
    """The same facts with one limit looser by so many days, or hours where it counts elapsed time, on either side."""

    def looser(bound: int | None, by: int) -> int | None:
        return None if bound is None else max(bound + by, 0)

    limits = tuple(
        replace(
            one,
            at_least_days=looser(one.at_least_days, -steps),
            at_most_days=looser(one.at_most_days, steps),
            at_least_minutes=looser(one.at_least_minutes, -60 * steps),
            at_most_minutes=looser(one.at_most_minutes, 60 * steps),
        )
        if one.name == name
        else one
        for one in facts.protocol.limits
    )
    return replace(facts, protocol=replace(facts.protocol, limits=limits))


def with_sooner_start(facts: Facts, days: int) -> Facts:
    """The same facts with a course that may begin so many days sooner after registration, at once at the soonest."""
    registration = facts.protocol.registration
    sooner = replace(registration, earliest_days=max(registration.earliest_days - days, 0))
    return replace(facts, protocol=replace(facts.protocol, registration=sooner))


def _wider(window: Window, days: int) -> Window:
    return replace(window, earliest_days=window.earliest_days - days, latest_days=window.latest_days + days)


def _without_holiday(facts: Facts, on: str) -> Facts:
    gone = date.fromisoformat(on)
    holidays = {
        name: {day: one for day, one in days.items() if day != gone} for name, days in facts.network.holidays.items()
    }
    return replace(facts, network=replace(facts.network, holidays=holidays))


def _always_open(facts: Facts, code: str) -> Facts:
    """A place that works day and night, holidays apart, and whose steps may start at any hour."""
    facts = _resources_changed(facts, code, lambda one: replace(one, hours=ALWAYS))
    side = facts.network.place(code).side
    steps = tuple(replace(one, starts=()) if one.side == side else one for one in facts.protocol.steps)
    return replace(facts, protocol=replace(facts.protocol, steps=steps))


def _running_always(facts: Facts, code: str) -> Facts:
    """A lane with a run every hour of every day, holidays apart, that no holiday slows down."""
    clocks = tuple(range(0, 24 * 60, 60))
    return _lane_changed(facts, code, lambda one: replace(one, weekdays=tuple(range(7)), departures=clocks, factors=()))


def _resources_changed(facts: Facts, code: str, change: Callable[[Resource], Resource]) -> Facts:
    places = tuple(
        replace(one, resources=tuple(map(change, one.resources))) if one.code == code else one
        for one in facts.network.places
    )
    return replace(facts, network=replace(facts.network, places=places))


def _lane_changed(facts: Facts, code: str, change: Callable[[CourierLane], CourierLane]) -> Facts:
    lanes = tuple(change(one) if one.code == code else one for one in facts.network.lanes)
    return replace(facts, network=replace(facts.network, lanes=lanes))


_REMOVALS: dict[str, Callable[[Facts, str], Facts]] = {
    CAPACITY: lambda facts, where: with_units(facts, where, PLENTY),
    PLACES: lambda facts, lane: with_places(facts, lane, PLENTY),
    "pair_window": lambda facts, dose: with_wider_window(facts, int(dose), WIDE),
    "booster_window": lambda facts, dose: with_wider_window(facts, int(dose), WIDE),
    "follow_up_window": lambda facts, name: with_wider_visit(facts, name, WIDE),
    "registration": lambda facts, _: with_sooner_start(facts, WIDE),
    "holiday": _without_holiday,
    "opening_hours": _always_open,
    "departure": _running_always,
}


def _kinds(facts: Facts, place: Place) -> list[str]:
    """The resources of a place that a course uses."""
    used = {use.resource for step in facts.protocol.steps if step.side == place.side for use in step.uses}
    if place.side == "site":
        used |= {kind for visit in facts.protocol.follow_ups for kind in visit.uses}
    return [one.kind for one in place.resources if one.kind in used]


def _touches(facts: Facts, closure: Closure, site: str) -> bool:
    places, lanes = reach_of(facts, site)
    return closure.where in {*(place.code for place in places), *(lane.code for lane in lanes)}
