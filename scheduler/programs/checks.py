"""What must hold between the parts of a program: protocol, network, policy and horizon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from graphlib import TopologicalSorter
from typing import NamedTuple

from scheduler.domain.course import Facts
from scheduler.domain.logistics import TRANSIT_ROUNDING_MINUTES, CourierLane, Network
from scheduler.domain.plant import Place
from scheduler.domain.protocol import Limit, Protocol, Step
from scheduler.programs.table import Table


def check_facts(program: Table, protocol: Table, network: Table, facts: Facts) -> None:
    """Refuse facts that no plan could use; the tables give errors the file they belong to."""
    _check_capacity(program, facts)
    for place in facts.network.places:
        _check_resources(network, facts, place)
    for site in facts.network.sites:
        _check_reach(network, facts, site)
    days = _horizon(facts)
    for place in facts.network.places:
        _check_opening(network, facts.network, place, days)
    for lane in facts.network.lanes:
        _check_departures(network, facts.network, lane, days)
        _check_elapsed(protocol, facts, lane)


def _check_capacity(program: Table, facts: Facts) -> None:
    protocol, capacity = facts.protocol, facts.policy.capacity
    if protocol.blinded and capacity == "open":
        problem = f"capacity is 'open', but protocol {protocol.name} is blinded"
        raise program.error("policy", problem, "Name a policy with capacity 'shadow' or 'lean'")
    _check_mask(program, protocol, capacity)
    every = tuple(dose.number for dose in protocol.doses)
    for arm in protocol.arms:
        if capacity == "shadow" and arm.doses != every:
            problem = f"capacity is 'shadow', but arm {arm.name} has other doses than the protocol"
            raise program.error("policy", problem, "Name a policy with capacity 'lean' or 'open'")


def _check_mask(program: Table, protocol: Protocol, capacity: str) -> None:
    """Under ``lean`` something every arm has must keep a comparator dose from coming sooner than cells can."""
    if not protocol.blinded or capacity != "lean" or not any(step.cells for step in protocol.steps):
        return
    steps = {step.kind: step for step in protocol.steps}
    masks = (
        limit
        for limit in protocol.limits
        if not steps[limit.from_ref.kind].cells
        and not steps[limit.to_ref.kind].cells
        and (steps[limit.from_ref.kind].per, steps[limit.to_ref.kind].per) == ("harvest", "dose")
        and (limit.at_least_days or limit.at_least_minutes)
    )
    if next(masks, None) is None:
        problem = f"capacity is 'lean', but in protocol {protocol.name} a comparator dose may come sooner than cells"
        remedy = "Give it a limit with at_least_days from the harvest to the dose, see docs/programs.md section 6"
        raise program.error("policy", problem, remedy)


def _needed(protocol: Protocol, side: str) -> Iterator[tuple[str, str]]:
    """Each resource some step needs on a side, with the key that asks for it."""
    for step in protocol.steps:
        if step.side == side:
            yield from ((use.resource, f"steps[{step.kind}].uses") for use in step.uses)
        if step.arrives_in is not None and step.to_side == side:
            yield step.arrives_in, f"steps[{step.kind}].arrives_in"
    if side == "site":
        yield from ((resource, f"follow_ups[{one.name}].uses") for one in protocol.follow_ups for resource in one.uses)


def _check_resources(network: Table, facts: Facts, place: Place) -> None:
    kinds = [resource.kind for resource in place.resources]
    for resource, key in _needed(facts.protocol, place.side):
        if resource not in kinds:
            problem = f"{place.code} has no {resource!r}, which {key} of protocol {facts.protocol.name} needs"
            raise network.error(
                f"places[{place.code}].resources.{resource}", problem, "Add it with its number of units"
            )


def _check_reach(network: Table, facts: Facts, site: Place) -> None:
    sides = {(step.side, step.to_side) for step in facts.protocol.steps if step.is_transit}
    for plant in facts.network.plants:
        ends = {"site": site.code, "plant": plant.code}
        if all(facts.network.lanes_between(ends[start], ends[end]) for start, end in sides):
            break
    else:
        wanted = " and ".join(sorted(f"{start} -> {end}" for start, end in sides)) or "any"
        problem = f"no plant has lanes {wanted} for site {site.code}"
        raise network.error("lanes", problem, f"Add lanes between {site.code} and one plant")


def _horizon(facts: Facts) -> tuple[date, date]:
    """The first day of the program, and a day after everything of its last patient."""
    registered = (patient.registered_on for patient in facts.patients)
    last = max(registered, default=facts.starts_on) + timedelta(days=facts.policy.max_wait_days)
    latest: dict[int | None, date] = {None: last}
    for dose in facts.protocol.doses:
        anchor = latest.get(dose.anchor, last)
        window = dose.window
        latest[dose.number] = anchor if window is None else window.target_on(anchor) + timedelta(window.latest_days)
    ends = [*latest.values()]
    for one in facts.protocol.follow_ups:
        ends.append(one.window.target_on(latest[one.anchor]) + timedelta(days=one.window.latest_days))
    return facts.starts_on, max(ends) + timedelta(days=1)


def _days(first: date, after: date) -> Iterator[date]:
    return (first + timedelta(days=count) for count in range((after - first).days))


def _check_opening(table: Table, network: Network, place: Place, days: tuple[date, date]) -> None:
    for resource in place.resources:
        calendar = network.calendar(place.code, resource.kind)
        if not any(calendar.open_on(day) for day in _days(*days)):
            problem = f"never open between {days[0]} and {days[1]}"
            remedy = "Its hours, holidays and closures leave nothing; correct one of them"
            raise table.error(f"places[{place.code}].resources.{resource.kind}.hours", problem, remedy)


def _check_departures(table: Table, network: Network, lane: CourierLane, days: tuple[date, date]) -> None:
    if not any(network.departures_on(lane, day) for day in _days(*days)):
        problem = f"lane {lane.code} has no departures between {days[0]} and {days[1]}"
        remedy = "Its weekdays, holidays and closures leave none; correct one of them"
        raise table.error(f"lanes[{lane.code}].departures", problem, remedy)


def _check_elapsed(protocol: Table, facts: Facts, lane: CourierLane) -> None:
    for limit in facts.protocol.limits:
        if limit.at_most_minutes is None or limit.from_ref.dose != limit.to_ref.dose:
            continue
        least = _least_minutes(facts, lane, limit)
        if least is not None and least > limit.at_most_minutes:
            allowed, needed = limit.at_most_minutes / 60, least / 60
            problem = (
                f"{allowed:g} h from {limit.from_ref} to {limit.to_ref} can never be met on lane {lane.code}: "
                f"steps, hand-over and transit take at least {needed:g} h"
            )
            remedy = "Allow more hours, or remove or shorten the lane"
            raise protocol.error(f"limits[{limit.name}].at_most_hours", problem, remedy)


class _Reached(NamedTuple):
    """Least minutes from a limit's first edge to a step's start and end, and whether the lane was taken on the way."""

    start: int
    end: int
    took_lane: bool


def _least_minutes(facts: Facts, lane: CourierLane, limit: Limit) -> int | None:
    """The least minutes between a limit's edges when material travels on a lane; None where it does not pass it."""
    after = {step.kind: step.after for step in facts.protocol.steps}
    reached: dict[str, _Reached] = {}
    for kind in TopologicalSorter(after).static_order():
        step = facts.protocol.step(kind)
        travels = _lane_of(facts.network, step, lane)
        lasts = (step.minutes or 0) if travels is None else _transit_minutes(travels)
        if kind == limit.from_ref.kind:
            edge = limit.from_ref.edge
            reached[kind] = _Reached(0 if edge == "start" else -lasts, lasts if edge == "start" else 0, False)
            continue
        before = [reached[one] for one in step.after if one in reached]
        if before:
            start = max(one.end for one in before) + (0 if travels is None else travels.handover_minutes)
            took_lane = travels is lane or any(one.took_lane for one in before)
            reached[kind] = _Reached(start, start + lasts, took_lane)
    last = reached.get(limit.to_ref.kind)
    if last is None or not last.took_lane:
        return None
    return last.start if limit.to_ref.edge == "start" else last.end


def _transit_minutes(lane: CourierLane) -> int:
    return -(-lane.p99_minutes // TRANSIT_ROUNDING_MINUTES) * TRANSIT_ROUNDING_MINUTES


def _lane_of(network: Network, step: Step, lane: CourierLane) -> CourierLane | None:
    """The lane itself for transits its way, the quickest one back for others; None for a step that stays."""
    if not step.is_transit:
        return None
    if network.place(lane.from_place).side == step.side:
        return lane
    back = network.lanes_between(lane.to_place, lane.from_place)
    return min(back, key=_transit_minutes, default=None)
