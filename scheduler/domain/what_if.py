"""What if: changes of a program's facts as data, each applied purely and refused by name when it makes no sense.

A change is written in one line, as `str` shows it: ``units YONGIN suite +1``. docs/what-if.md lists all of them;
`scheduler.programs.changes` reads the lines and their JSON form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import ClassVar, Literal, get_args

from scheduler.domain.calendars import Closure, Holiday, OpenHours, clock, hours_text, local_date, local_instant
from scheduler.domain.course import Capacity, Facts, Patient, Policy
from scheduler.domain.errors import BadInput
from scheduler.domain.intervals import Interval
from scheduler.domain.logistics import CourierLane, Network
from scheduler.domain.plant import Place, Resource
from scheduler.domain.protocol import Limit

WHERE = "what-if"
CAPACITIES: tuple[Capacity, ...] = get_args(Capacity)
HIGHEST_WEIGHT = 10_000
MOST_UNITS = 10_000
MOST_PATIENTS = 1_000
BoundName = Literal["at_least_hours", "at_most_hours", "at_least_days", "at_most_days"]
BOUNDS: dict[BoundName, tuple[str, int]] = {
    "at_least_hours": ("at_least_minutes", 60),
    "at_most_hours": ("at_most_minutes", 60),
    "at_least_days": ("at_least_days", 1),
    "at_most_days": ("at_most_days", 1),
}
"""By the name of a bound, the field of `Limit` that holds it and how many of its units one of the bound's is."""


@dataclass(frozen=True)
class UnitsChange:
    """So many units of a resource more, or fewer where `by` is negative: the last ones go."""

    word: ClassVar[str] = "units"
    place: str
    resource: str
    by: int

    def __str__(self) -> str:
        return f"units {self.place} {self.resource} {self.by:+d}"

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with other units; BadInput when none would be left."""
        old = _resource_of(facts, self.place, self.resource)
        number = len(old.units) + self.by
        if self.by == 0:
            raise _bad("by", "changes nothing", "Write such as +1 or -2")
        if number < 1:
            problem = f"{self.place} has {len(old.units)} {self.resource}, and {self.by:+d} would leave none"
            raise _bad("by", problem, f"Take at most {len(old.units) - 1} away, or declare a closure")
        if number > MOST_UNITS:
            raise _bad("by", f"{number} units are too many", f"Keep at most {MOST_UNITS}")
        name = old.units[-1].rpartition("-")[0]
        more = tuple(f"{name}-{one}" for one in range(len(old.units) + 1, number + 1))
        return _with_resource(facts, self.place, replace(old, units=(old.units + more)[:number]))


@dataclass(frozen=True)
class HoursChange:
    """More opening hours of a resource; a fill crew on Saturdays, say."""

    word: ClassVar[str] = "hours"
    place: str
    resource: str
    hours: tuple[OpenHours, ...]

    def __str__(self) -> str:
        return f"hours {self.place} {self.resource} {hours_text(self.hours)}"

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with longer hours."""
        old = _resource_of(facts, self.place, self.resource)
        return _with_resource(facts, self.place, replace(old, hours=old.hours + self.hours))


@dataclass(frozen=True)
class HolidayChange:
    """A public holiday on a local day, at some places or, without any, at all of them."""

    word: ClassVar[str] = "holiday"
    on: date
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(["holiday", self.on.isoformat(), *self.places])

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with one day more in the holiday lists; places named here get lists of their own."""
        if self.on < today:
            raise _bad("on", f"{self.on} is past", f"Name a day from {today} on")
        for code in self.places:
            _place_of(facts, code)
        places = tuple(self._moved(one) for one in facts.network.places)
        lists = {
            new.holidays: facts.network.holidays[old.holidays]
            for old, new in zip(facts.network.places, places, strict=True)
        }
        wanted = {one.holidays for one in places if not self.places or one.code in self.places}
        if all(self.on in lists[name] for name in wanted):
            raise _bad("on", f"{self.on} is a holiday there already", "Name another day")
        holiday = Holiday(self.on, "Temporary holiday")
        added = {name: {self.on: holiday, **lists[name]} for name in wanted}
        network = replace(facts.network, places=places, holidays={**facts.network.holidays, **added})
        return replace(facts, network=network)

    def _moved(self, place: Place) -> Place:
        return replace(place, holidays=f"{place.holidays}@{place.code}") if place.code in self.places else place


@dataclass(frozen=True)
class ClosureChange:
    """A place, one of its resources or a courier lane that does not work in ``[since, until)``.

    A date means local midnight at the place, or at the lane's origin.
    """

    word: ClassVar[str] = "closure"
    where: str
    resource: str | None
    since: date | datetime
    until: date | datetime

    def __str__(self) -> str:
        words = ["closure", self.where, *([self.resource] if self.resource else [])]
        return " ".join([*words, self.since.isoformat(), self.until.isoformat()])

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with one closure more."""
        lane = next((one for one in facts.network.lanes if one.code == self.where), None)
        if lane is not None and self.resource is not None:
            raise _bad("resource", f"{self.where} is a courier lane", "Leave the resource out")
        place = _place_of(facts, self.where if lane is None else lane.from_place, "where", lanes=True)
        if self.resource is not None:
            _resource_of(facts, self.where, self.resource)
        start_at, end_at = _instant(self.since, place.zone), _instant(self.until, place.zone)
        if end_at <= start_at:
            raise _bad("until", f"{self.until} is not after {self.since}", "Name the first moment after the closure")
        if local_date(end_at, place.zone) < today or self.until == today:
            raise _bad("until", f"{self.until} is past", f"Name a time after {today}")
        closure = Closure(self.where, Interval(start_at, end_at), "what if", self.resource)
        return replace(facts, network=facts.network.with_closures(closure))


@dataclass(frozen=True)
class WindowChange:
    """The allowed days of a dose around its target: ``-1/+1`` is one day earlier to one day later, both allowed."""

    word: ClassVar[str] = "window"
    dose: int
    earliest_days: int
    latest_days: int

    def __str__(self) -> str:
        return f"window {self.dose} {self.earliest_days:+d}/{self.latest_days:+d}"

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with another window of the dose."""
        dose = next((one for one in facts.protocol.doses if one.number == self.dose), None)
        anchored = [str(one.number) for one in facts.protocol.doses if one.window is not None]
        if dose is None or dose.window is None:
            raise _bad("dose", f"there is no dose {self.dose} with a window", _name_one_of(anchored))
        if self.earliest_days > self.latest_days:
            raise _bad("earliest_days", "the first allowed day lies after the last", "Write such as -1/+1")
        window = replace(dose.window, earliest_days=self.earliest_days, latest_days=self.latest_days)
        doses = tuple(replace(one, window=window) if one.number == self.dose else one for one in facts.protocol.doses)
        return replace(facts, protocol=replace(facts.protocol, doses=doses))


@dataclass(frozen=True)
class LimitChange:
    """Another bound of a limit of the protocol: a longer shelf life, say."""

    word: ClassVar[str] = "limit"
    name: str
    bound: BoundName
    value: int

    def __str__(self) -> str:
        return f"limit {self.name} {self.bound}={self.value}"

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with the bound at its new value; the limit must have had such a bound."""
        limits = {one.name: one for one in facts.protocol.limits}
        if self.name not in limits:
            raise _bad("name", f"there is no limit {self.name!r}", _name_one_of(limits))
        limit = limits[self.name]
        field, units = BOUNDS[self.bound]
        if getattr(limit, field) is None:
            known = [name for name, (held_in, _) in BOUNDS.items() if getattr(limit, held_in) is not None]
            raise _bad("bound", f"{self.name} has no {self.bound}", _name_one_of(known))
        limits[self.name] = _bounded(limit, field, self.value * units)
        return replace(facts, protocol=replace(facts.protocol, limits=tuple(limits.values())))


@dataclass(frozen=True)
class DepartureChange:
    """One courier run more on each weekday of a lane, at a local minute of its origin's day."""

    word: ClassVar[str] = "departure"
    lane: str
    minute: int

    def __str__(self) -> str:
        return f"departure {self.lane} {clock(self.minute)}"

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with one departure more."""
        codes = [one.code for one in facts.network.lanes]
        if self.lane not in codes:
            raise _bad("lane", f"there is no lane {self.lane!r}", _name_one_of(codes))
        lane = facts.network.lane(self.lane)
        if self.minute in lane.departures:
            raise _bad("at", f"{self.lane} leaves at {clock(self.minute)} already", "Name another time")
        later = replace(lane, departures=tuple(sorted((*lane.departures, self.minute))))
        lanes = tuple(later if one.code == self.lane else one for one in facts.network.lanes)
        return replace(facts, network=replace(facts.network, lanes=lanes))


@dataclass(frozen=True)
class SiteChange:
    """One more site, the same as another, its courier lanes included, with so many patients of its own.

    They are registered on days of the other site's patients, spread as those are, and weigh as much; where the plan
    knows arms, each has the arm of the patient it is like.
    """

    word: ClassVar[str] = "site"
    code: str
    like: str
    patients: int = 0

    def __str__(self) -> str:
        return f"site {self.code} like {self.like}" + (f" patients={self.patients}" if self.patients else "")

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with the new site, its lanes and its patients."""
        network = facts.network
        model = next((one for one in network.sites if one.code == self.like), None)
        if model is None:
            raise _bad("like", f"there is no site {self.like!r}", _name_one_of(one.code for one in network.sites))
        lanes = tuple(self._lane(one) for one in network.lanes if self.like in (one.from_place, one.to_place))
        self._must_be_new(network, lanes)
        place = replace(model, code=self.code, name=f"{self.code}, like {model.name}")
        network = replace(network, places=(*network.places, place), lanes=network.lanes + lanes)
        models = self._models(facts)
        people = tuple(
            replace(one, id=f"{self.code}-{number:03d}", site=self.code) for number, one in enumerate(models, start=1)
        )
        arms = facts.arms
        if arms is not None:
            arms = {**arms, **{one.id: arms[like.id] for one, like in zip(people, models, strict=True)}}
        return replace(facts, network=network, patients=facts.patients + people, arms=arms)

    def _lane(self, lane: CourierLane) -> CourierLane:
        parts = [self.code if part == self.like else part for part in lane.code.split("-")]
        code = "-".join(parts) if self.code in parts else f"{self.code}-{lane.code}"
        ends = {one: self.code if one == self.like else one for one in (lane.from_place, lane.to_place)}
        return replace(lane, code=code, from_place=ends[lane.from_place], to_place=ends[lane.to_place])

    def _must_be_new(self, network: Network, lanes: Sequence[CourierLane]) -> None:
        taken = {one.code for one in network.places} | {one.code for one in network.lanes}
        for code in (self.code, *(one.code for one in lanes)):
            if code in taken:
                raise _bad("code", f"{code!r} is a place or a lane already", "Choose another code")

    def _models(self, facts: Facts) -> list[Patient]:
        listed = sorted(
            (one for one in facts.patients if one.site == self.like), key=lambda one: (one.registered_on, one.id)
        )
        if not 0 <= self.patients <= MOST_PATIENTS or (self.patients and not listed):
            problem = f"{self.patients} patients cannot be registered like the {len(listed)} of {self.like}"
            raise _bad("patients", problem, f"Name a site with patients, and a number from 0 to {MOST_PATIENTS}")
        return [listed[number * len(listed) // self.patients] for number in range(self.patients)]


@dataclass(frozen=True)
class PolicyChange:
    """Another value of one key of the policy (docs/programs.md)."""

    word: ClassVar[str] = "policy"
    key: str
    value: int | str

    def __str__(self) -> str:
        return f"policy {self.key} {self.value}"

    def applied(self, facts: Facts, today: date) -> Facts:
        """The facts with the new policy; a plan that shall know the arms needs facts that hold them."""
        if self.key == "capacity":
            return self._with_capacity(facts)
        keys = [one.name for one in fields(Policy) if one.name not in ("name", "capacity")]
        if self.key not in keys:
            raise _bad("key", f"the policy has no key {self.key!r}", _name_one_of(["capacity", *keys]))
        if not isinstance(self.value, int) or not 0 <= self.value <= HIGHEST_WEIGHT:
            problem = f"{self.value!r} is not usable for {self.key}"
            raise _bad("value", problem, f"Write a whole number from 0 to {HIGHEST_WEIGHT}")
        return replace(facts, policy=replace(facts.policy, **{self.key: self.value}))  # type: ignore[arg-type]

    def _with_capacity(self, facts: Facts) -> Facts:
        capacity = next((one for one in CAPACITIES if one == self.value), None)
        if capacity is None:
            raise _bad("value", f"{self.value!r} is no capacity", _name_one_of(CAPACITIES))
        policy = replace(facts.policy, capacity=capacity)
        if capacity == "shadow":
            return replace(facts, policy=policy, arms=None)
        if facts.protocol.arms and facts.arms is None:
            problem = f"capacity {capacity} plans with the arm, and these facts do not tell it"
            raise _bad("value", problem, "Compare two programs instead")
        return replace(facts, policy=policy)


Change = (
    UnitsChange
    | HoursChange
    | HolidayChange
    | ClosureChange
    | WindowChange
    | LimitChange
    | DepartureChange
    | SiteChange
    | PolicyChange
)


def changed(facts: Facts, changes: Iterable[Change], *, today: date | None = None) -> Facts:
    """The facts after some changes, one after the other; the given facts stay as they are.

    Parameters
    ----------
    today
        Local days before it are past; by default the program's first day.

    Raises
    ------
    BadInput
        At the first change that makes no sense, with its number from 0 and its field as the key.
    """
    for number, change in enumerate(changes):
        try:
            facts = change.applied(facts, today or facts.starts_on)
        except BadInput as problem:
            key = f"changes[{number}].{problem.key}"
            raise BadInput(problem.where, key, problem.problem, problem.remedy) from problem
    return facts


def _bad(key: str, problem: str, remedy: str) -> BadInput:
    return BadInput(WHERE, key, problem, remedy)


def _name_one_of(names: Iterable[str]) -> str:
    return f"Name one of: {', '.join(names) or '(none given)'}"


def _place_of(facts: Facts, code: str, key: str = "place", *, lanes: bool = False) -> Place:
    places = {one.code: one for one in facts.network.places}
    if code not in places:
        known = [*places, *(one.code for one in facts.network.lanes if lanes)]
        raise _bad(key, f"there is no {'place or lane' if lanes else 'place'} {code!r}", _name_one_of(known))
    return places[code]


def _resource_of(facts: Facts, place: str, kind: str) -> Resource:
    resources = {one.kind: one for one in _place_of(facts, place).resources}
    if kind not in resources:
        raise _bad("resource", f"{place} has no resource {kind!r}", _name_one_of(resources))
    return resources[kind]


def _with_resource(facts: Facts, place: str, resource: Resource) -> Facts:
    home = facts.network.place(place)
    listed = tuple(resource if one.kind == resource.kind else one for one in home.resources)
    places = tuple(replace(one, resources=listed) if one.code == place else one for one in facts.network.places)
    return replace(facts, network=replace(facts.network, places=places))


def _bounded(limit: Limit, field: str, value: int) -> Limit:
    new: Limit = replace(limit, **{field: value})  # type: ignore[arg-type]
    pairs = (new.at_least_minutes, new.at_most_minutes), (new.at_least_days, new.at_most_days)
    for least, most in pairs:
        if least is not None and most is not None and least > most:
            raise _bad("value", f"{limit.name} could never hold: its least is more than its most", "Correct the value")
    return new


def _instant(edge: date | datetime, zone: str) -> datetime:
    return edge.astimezone(UTC) if isinstance(edge, datetime) else local_instant(edge, 0, zone)
