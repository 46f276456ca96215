"""Tiny programs for the planner: the small world of tests/domain with one dose, and ways to change one fact of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import WEEKDAYS, OpenHours
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import Activity, Levels, Plan
from scheduler.domain.protocol import DoseSpec, Limit, StartHours, Step
from scheduler.domain.rules import violations
from scheduler.planning.planner import make_plan
from tests.domain.world import ALWAYS, ANA, BEN, FACTS, NORTH, SEOUL, units

BEN_NORTH = replace(BEN, site=NORTH, registered_on=ANA.registered_on)
TWO = (ANA, BEN_NORTH)
MON, TUE, WED, THU, FRI = range(5)

Check = Callable[[], None]
SHOWN: dict[str, list[str]] = {}


def shows(rule: str) -> Callable[[Check], Check]:
    """Mark a test as the one that shows what a rule is worth."""

    def marked(test: Check) -> Check:
        SHOWN.setdefault(rule, []).append(test.__name__)
        return test

    return marked


class Worth(NamedTuple):
    """The cost with a rule and without it, and the rules the plan without it breaks."""

    ruled: Levels
    free: Levels
    broken: set[str]


def worth(facts: Facts, rule: str) -> Worth:
    """Plan a program with and without a rule; the first plan breaks nothing, and both are proven to be the best."""
    ruled, free = planned(facts), planned(facts, rule)
    assert violations(ruled, facts) == []
    assert (ruled.status, free.status) == ("optimal", "optimal")
    return Worth(ruled.cost, free.cost, {one.rule for one in violations(free, facts)})


def planned(facts: Facts, *without: str) -> Plan:
    """The plan of a tiny program; the search ends by itself long before its limit."""
    return make_plan(facts, time_limit=60.0, without=frozenset(without))


def one_dose(*patients: Patient) -> Facts:
    """The small world with the first dose only, no holidays, no masked interval, no follow-up visits.

    Alone in it, ANA (registered Mon 4 Jan 2027) costs 877: harvest 7 days later, Mon 11 Jan; 26 days of culture end
    on Sat 6 Feb, so that the first possible fill is Mon 8 Feb and the injection Tue 9 Feb, 36 days after registration
    (36 x 24 = 864). That day the 06:00 run arrives at 07:30, receipt ends at 08:00 when the room opens. The fill ends
    at 18:30 the evening before, as release (5 h) and pack (30 min) end when the benches close at 24:00: 13.5 h in the
    cold count 13.
    """
    return of_doses(patients or (ANA,), FACTS.protocol.doses[0])


def of_doses(patients: tuple[Patient, ...], *doses: DoseSpec) -> Facts:
    """The small world with some doses, no holidays, no masked interval, no follow-up visits.

    Dose 1 comes within 70 days, so that little is left to prove.
    """
    limits = tuple(one for one in FACTS.protocol.limits if one.name != "masked_interval")
    protocol = replace(FACTS.protocol, doses=doses, limits=limits, follow_ups=())
    network = replace(FACTS.network, holidays={"kr": {}})
    policy = replace(FACTS.policy, max_wait_days=70)
    return replace(FACTS, protocol=protocol, network=network, policy=policy, patients=patients)


def limited(facts: Facts, name: str, **bounds: int) -> Facts:
    """The same facts with other bounds in one limit."""
    return with_limits(
        facts,
        *(replace(one, **bounds) if one.name == name else one for one in facts.protocol.limits),  # type: ignore[arg-type]
    )


def unlimited(facts: Facts, *names: str) -> Facts:
    """The same facts with some limits struck from the protocol."""
    return with_limits(facts, *(one for one in facts.protocol.limits if one.name not in names))


def with_limits(facts: Facts, *limits: Limit) -> Facts:
    """The same facts with these limits."""
    return replace(facts, protocol=replace(facts.protocol, limits=limits))


def with_steps(facts: Facts, *steps: Step) -> Facts:
    """The same facts with these steps."""
    return replace(facts, protocol=replace(facts.protocol, steps=steps))


def stepped(facts: Facts, kind: str, **changes: object) -> Facts:
    """The same facts with one step changed."""
    return with_steps(
        facts,
        *(replace(one, **changes) if one.kind == kind else one for one in facts.protocol.steps),  # type: ignore[arg-type]
    )


def starting(facts: Facts, kind: str, *weekdays: int) -> Facts:
    """The same facts with a step that may start on some weekdays only."""
    return stepped(facts, kind, starts=(StartHours(weekdays, 0, 24 * 60),))


def resourced(facts: Facts, place: str, kind: str, **changes: object) -> Facts:
    """The same facts with one resource changed; `units` is their number."""
    if "units" in changes:
        changes["units"] = units(kind, int(str(changes["units"])))
    network = facts.network
    places = tuple(
        replace(
            one,
            resources=tuple(
                replace(each, **changes) if each.kind == kind else each  # type: ignore[arg-type]
                for each in one.resources
            ),
        )
        if one.code == place
        else one
        for one in network.places
    )
    return replace(facts, network=replace(network, places=places))


def open_always(facts: Facts) -> Facts:
    """The same facts with every resource open day and night, and no start hours."""
    for place in facts.network.places:
        for one in place.resources:
            facts = resourced(facts, place.code, one.kind, hours=ALWAYS)
    return with_steps(facts, *(replace(one, starts=()) for one in facts.protocol.steps))


def laned(facts: Facts, code: str, **changes: object) -> Facts:
    """The same facts with one courier lane changed."""
    lanes = tuple(
        replace(one, **changes) if one.code == code else one  # type: ignore[arg-type]
        for one in facts.network.lanes
    )
    return replace(facts, network=replace(facts.network, lanes=lanes))


def priced(facts: Facts, **weights: int) -> Facts:
    """The same facts with other weights in the policy."""
    return replace(facts, policy=replace(facts.policy, **weights))  # type: ignore[arg-type]


def roomy(facts: Facts) -> Facts:
    """The same facts with two procedure rooms at North and three shipments on every run."""
    facts = resourced(facts, NORTH, "procedure_room", units=2)
    return laned(laned(facts, "north-in", places=3), "north-out", places=3)


def without_tap(facts: Facts) -> Facts:
    """The same facts for a formulation that needs no spinal fluid."""
    kept = (one for one in facts.protocol.steps if not one.kind.startswith("csf"))
    steps = (replace(one, after=tuple(each for each in one.after if each != "csf_transit")) for one in kept)
    return unlimited(with_steps(facts, *steps), "tap_day_before", "csf_hold")


def weekly(weekdays: tuple[int, ...], from_clock: str, to_clock: str) -> tuple[OpenHours, ...]:
    """One line of opening hours between two wall-clock times."""
    return (OpenHours(weekdays, minute(from_clock), minute(to_clock)),)


def minute(clock: str) -> int:
    """Minutes from midnight of a wall-clock time."""
    hour, rest = clock.split(":")
    return int(hour) * 60 + int(rest)


def found(plan: Plan, name: str) -> Activity:
    """The activity with an id."""
    return next(one for course in plan.courses for one in course.activities if one.id == name)


def local(instant: datetime, zone: str = SEOUL) -> str:
    """An instant in words, such as ``Tue 02-09 08:00``."""
    there = instant.astimezone(ZoneInfo(zone))
    return f"{WEEKDAYS[there.weekday()]} {there:%m-%d %H:%M}"


def days(first: date, count: int) -> list[date]:
    """So many days from a first one on."""
    return [first + timedelta(days=number) for number in range(count)]
