"""Reasons in domain words, and the single changes that take one out of the way, each tried out before it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from scheduler.domain.calendars import WEEKDAYS, Closure, local_date
from scheduler.domain.course import Facts
from scheduler.domain.protocol import FollowUp, Limit, Window
from scheduler.planning import obstacles
from scheduler.planning.obstacles import CAPACITY, FENCE, PLACES, Obstacle
from scheduler.planning.situation import Question, Situation
from scheduler.planning.smallest import least, singly

MOST_STEPS = 64  # days or hours by which a window or a limit is tried to be wider
MOST_UNITS = 3  # units more that are tried
MOST_NAMED = 5  # patients named who could make room

KINDS = ("move", "closure", FENCE, "window", "limit", "registration", "hours", "unit")
"""Changes from the cheapest to the dearest: somebody else moves; a closure is called off; a planner and a doctor sign
for the fence; a deviation is signed; a protocol or hours change; something is bought."""


@dataclass(frozen=True)
class Reason:
    """What stands in the way: the name of the rule, what of it, and a sentence."""

    rule: str
    subject: str
    sentence: str


@dataclass(frozen=True)
class Change:
    """One change with which there is a place. `size` counts days, hours, units or stays moved, by its kind."""

    kind: str
    rule: str
    subject: str
    size: int
    sentence: str

    @property
    def rank(self) -> tuple[int, int, str]:
        """What it costs beside others: first by who has to agree, then by how much it is."""
        return KINDS.index(self.kind), self.size, self.sentence


# --- changes --------------------------------------------------------------------------------------------------------


def changes_for(situation: Situation, one: Obstacle, possible: Callable[..., bool]) -> Iterator[Change]:
    """The smallest changes that take an obstacle out of the way; without all of it there is a place already.

    `possible` says whether there is a place in a situation, perhaps without some obstacles.
    """
    if one.rule in (CAPACITY, PLACES):
        yield from _room_made(situation, one, possible)
        return
    growing = _growing(one)
    if growing is None:
        yield Change(_kind(one.rule), one.rule, one.subject, _size(situation.facts, one), _called_off(situation, one))
        return
    steps = least(lambda size: possible(replace(situation, facts=growing(situation.facts, size))), MOST_STEPS)
    if steps is not None:
        yield Change(_kind(one.rule), one.rule, one.subject, steps, _by_steps(situation.facts, one, steps))


def _growing(one: Obstacle) -> Callable[[Facts, int], Facts] | None:
    """How an obstacle is made smaller step by step; None for one that is there or not."""
    if one.rule in ("pair_window", "booster_window"):
        return lambda facts, size: obstacles.with_wider_window(facts, int(one.subject), size)
    if one.rule == "follow_up_window":
        return lambda facts, size: obstacles.with_wider_visit(facts, one.subject, size)
    if one.rule == "registration":
        return obstacles.with_sooner_start
    if _kind(one.rule) == "limit" and one.rule not in obstacles.OF_THE_BUILDER:
        return lambda facts, size: obstacles.with_looser_limit(facts, one.rule, size)
    return None


def _room_made(situation: Situation, one: Obstacle, possible: Callable[..., bool]) -> Iterator[Change]:
    """Who could move, and how many units more would do."""
    where, _, kind = one.subject.partition("/")
    movable = _movable(situation, where, kind or "lane")
    for patient in singly(sorted(movable), lambda some: possible(moved_away(situation, some)))[:MOST_NAMED]:
        words = f"if {patient}'s planned visits moved out of the way"
        yield Change("move", one.rule, patient, movable[patient], words)
    add = obstacles.with_units if kind else obstacles.with_places
    for more in range(1, MOST_UNITS + 1):
        if possible(replace(situation, facts=add(situation.facts, one.subject, more))):
            what = f"{kind} at {where}" if kind else f"place on every run of the lane {where}"
            yield Change("unit", one.rule, one.subject, more, f"with {_counted(more)} more {_plural(what, more)}")
            return


def _movable(situation: Situation, where: str, kind: str) -> dict[str, int]:
    """Patients who have something of a resource that could still move, and how much of it."""
    held = [one.patient for one in situation.taken if one.movable and one.unit[:2] == (where, kind)]
    return dict(Counter(held))


def moved_away(situation: Situation, patients: Container[str]) -> Situation:
    """The same without what of some patients' could still move."""
    kept = tuple(one for one in situation.taken if not (one.movable and one.patient in patients))
    return replace(situation, taken=kept)


def _kind(rule: str) -> str:
    if rule in ("closure", FENCE, "registration"):
        return rule
    if rule in ("pair_window", "booster_window", "follow_up_window"):
        return "window"
    return "hours" if rule in ("holiday", "opening_hours", "departure") else "limit"


def _size(facts: Facts, one: Obstacle) -> int:
    """Hours of a closure; for hours of work, a single day before a whole place."""
    if one.rule == "closure":
        during = facts.network.closures[int(one.subject)].during
        return int((during.end_at - during.start_at) / timedelta(hours=1))
    return 24 if one.rule == "holiday" else 24 * 7


def _called_off(situation: Situation, one: Obstacle) -> str:
    facts = situation.facts
    if one.rule == "closure":
        return f"without the closure of {closure_words(facts, facts.network.closures[int(one.subject)])}"
    if one.rule == "holiday":
        return f"if {_holiday(facts, situation.patient.site, one.subject)} were a working day"
    texts = {
        FENCE: "if the fence of the plant were signed away",
        "opening_hours": f"if {one.subject} worked outside its weekly hours",
        "departure": f"with another timetable of the lane {one.subject}",
    }
    return texts.get(one.rule, f"without the rule {one.rule}")


def _by_steps(facts: Facts, one: Obstacle, steps: int) -> str:
    days = f"{steps} {_plural('day', steps)}"
    if one.rule == "registration":
        return f"if the course could begin {days} sooner after registration"
    if one.rule == "follow_up_window":
        return f"if the window of {one.subject} were {days} wider"
    if _kind(one.rule) == "window":
        return f"if the window of dose {one.subject} were {days} wider"
    limit = next(each for each in facts.protocol.limits if each.name == one.rule)
    elapsed = limit.at_least_days is None and limit.at_most_days is None
    return f"if {one.rule} were {steps} {_plural('hour' if elapsed else 'day', steps)} wider"


# --- reasons --------------------------------------------------------------------------------------------------------


def reason_of(situation: Situation, question: Question | None, one: Obstacle) -> Reason:
    """An obstacle in words."""
    return Reason(one.rule, _subject(situation.facts, one), _sentence(situation, question, one))


def _subject(facts: Facts, one: Obstacle) -> str:
    if one.rule != "closure":
        return one.subject
    shut = facts.network.closures[int(one.subject)]
    return shut.where if shut.resource is None else f"{shut.where}/{shut.resource}"


def _sentence(situation: Situation, question: Question | None, one: Obstacle) -> str:
    facts = situation.facts
    if one.rule == "closure":
        shut = facts.network.closures[int(one.subject)]
        return f"{closure_words(facts, shut)} is closed ({shut.reason})"
    if one.rule == CAPACITY:
        where, kind = one.subject.split("/")
        return f"every {kind} at {where} is taken by others whenever it is needed"
    if _kind(one.rule) == "window":
        return _window_sentence(situation, one)
    if one.rule == "holiday":
        return f"{_holiday(facts, situation.patient.site, one.subject)} is a public holiday"
    limit = next((each for each in facts.protocol.limits if each.name == one.rule), None)
    if limit is not None:
        return f"{limit_words(limit)} ({one.rule})"
    texts = {
        PLACES: f"every place on the courier lane {one.subject} is taken by others whenever it is needed",
        FENCE: f"nothing begins or moves within {facts.policy.plant_fence_days} days from now",
        "registration": f"a course begins {facts.protocol.registration.earliest_days} days after registration at the "
        "soonest",
        "opening_hours": f"the weekly hours of {one.subject} leave no time for every step",
        "departure": f"no run of the courier lane {one.subject} leaves and arrives in time",
        "handover": "no step ends in time to hand over to a courier",
        "qualified_hours": "the transit outlasts what its shipper is qualified for",
        "cold_custody": "the unit would be out of the cold for too long",
    }
    return texts[one.rule]


def _window_sentence(situation: Situation, one: Obstacle) -> str:
    facts = situation.facts
    spec: FollowUp | None = None
    if one.rule == "follow_up_window":
        spec = next(each for each in facts.protocol.follow_ups if each.name == one.subject)
        window, anchor, what = spec.window, spec.anchor, one.subject
    else:
        dose = facts.protocol.dose(int(one.subject))
        assert dose.window is not None
        window, anchor, what = dose.window, dose.anchor, f"dose {one.subject}"
    on = situation.patient.registered_on if anchor is None else _anchored(situation, anchor)
    if on is None:
        return f"{what} may fall {-window.earliest_days} days before its target to {window.latest_days} days after it"
    first, last = edges(window, on)
    since = "registration" if anchor is None else f"dose {anchor}"
    return f"{what} must fall on {day(first)} to {day(last)}, counted from {since} on {day(on)}"


def _anchored(situation: Situation, dose: int) -> date | None:
    """The date a window counts from, where that can no longer move."""
    if dose in situation.given_on:
        return situation.given_on[dose]
    if situation.course is None:
        return None
    given = situation.course.find(situation.facts.protocol.administration, dose)
    if given is None or (given.id not in situation.done and given.start_at >= situation.fence_at):
        return None
    return local_date(given.start_at, situation.facts.network.place(situation.patient.site).zone)


def edges(window: Window, anchor_on: date) -> tuple[date, date]:
    """The first and the last day a window allows."""
    target = window.target_on(anchor_on)
    return target + timedelta(days=window.earliest_days), target + timedelta(days=window.latest_days)


def closure_words(facts: Facts, closure: Closure) -> str:
    """What is closed and when, in the days of the place."""
    lanes = {lane.code: lane.from_place for lane in facts.network.lanes}
    zone = facts.network.place(lanes.get(closure.where, closure.where)).zone
    first = local_date(closure.during.start_at, zone)
    last = local_date(closure.during.end_at - timedelta(seconds=1), zone)
    what = f"{closure.where}'s {closure.resource}" if closure.resource else closure.where
    return f"{what} on {day(first)}" if first == last else f"{what} from {day(first)} to {day(last)}"


def limit_words(limit: Limit) -> str:
    """A limit of the protocol as it is written."""
    bounds = (
        ("at least", limit.at_least_minutes, 60, "h"),
        ("at most", limit.at_most_minutes, 60, "h"),
        ("at least", limit.at_least_days, 1, "days"),
        ("at most", limit.at_most_days, 1, "days"),
    )
    said = " and ".join(f"{words} {value / per:g} {unit}" for words, value, per, unit in bounds if value is not None)
    return f"{said} from {limit.from_ref} to {limit.to_ref}"


def _holiday(facts: Facts, site: str, written: str) -> str:
    on = date.fromisoformat(written)
    places, _ = obstacles.reach_of(facts, site)
    lists = (facts.network.holidays[place.holidays] for place in places)
    name = next((one[on].name for one in lists if on in one), "")
    return f"{day(on)} ({name})" if name else day(on)


def day(on: date) -> str:
    """A date as it is told, such as ``Wed 3 Mar 2027``."""
    return f"{WEEKDAYS[on.weekday()]} {on.day} {on:%b %Y}"


def _counted(number: int) -> str:
    return {1: "one", 2: "two", 3: "three"}[number]


def _plural(what: str, number: int) -> str:
    head, _, rest = what.partition(" ")
    return what if number == 1 else f"{head}s {rest}".rstrip()
