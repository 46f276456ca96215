"""What the rules look at: a plan indexed once against the facts, and the words of a violation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import WEEKDAYS, OpenHours, WorkingCalendar, local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, StepAt, doses_of, follow_up_id, steps_of
from scheduler.domain.intervals import Interval
from scheduler.domain.logistics import CourierLane, Departure
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.plant import Resource
from scheduler.domain.protocol import Edge, FollowUp, Step, StepRef, Use

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Violation:
    """One rule broken once: its name, the patient (empty for the plan as a whole), the activities, and why."""

    rule: str
    patient: str
    activities: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Occurrence:
    """One activity with the step it carries out; a follow-up visit carries out a step made from its protocol entry.

    `serves` is the dose its references resolve to, None for a follow-up visit.
    """

    activity: Activity
    step: Step
    serves: int | None
    patient: Patient
    plant: str | None

    @property
    def id(self) -> str:
        """The activity's id."""
        return self.activity.id

    @property
    def start_at(self) -> datetime:
        """When it starts."""
        return self.activity.start_at

    @property
    def end_at(self) -> datetime:
        """When it ends."""
        return self.activity.end_at

    @cached_property
    def during(self) -> Interval:
        """The half-open stretch it takes."""
        return self.activity.during

    def at(self, edge: Edge) -> datetime:
        """The instant of one of its edges."""
        return self.start_at if edge == "start" else self.end_at

    def place_of(self, edge: Edge) -> str:
        """Where an edge happens: a transit ends at the other side."""
        if edge == "end" and self.step.is_transit:
            return self.side(self.step.to_side)
        return self.activity.place

    def side(self, side: str) -> str:
        """The patient's site or the course's plant; empty when the course names no plant."""
        return self.patient.site if side == "site" else self.plant or ""


class Holding(NamedTuple):
    """A stretch in which one unit of a resource holds something of a patient."""

    place: str
    resource: str
    unit: str
    during: Interval
    occurrence: Occurrence
    own: bool

    @property
    def name(self) -> str:
        """The unit in words, such as ``suite-1 at YONGIN``."""
        return f"{self.unit} at {self.place}"


@dataclass(frozen=True)
class JudgedCourse:
    """One planned course of a known patient, its activities matched to the steps it should consist of.

    Activities whose instants cannot be compared (naive, or ending before they start) are left out of `occurrences`
    and `all_of`; the rules ``quarter_hour`` and ``duration`` name them.
    """

    patient: Patient
    course: PlannedCourse
    doses: tuple[int, ...]
    steps: dict[tuple[str, int | None], StepAt]
    occurrences: tuple[Occurrence, ...]
    broken: tuple[Occurrence, ...]

    @cached_property
    def all_of(self) -> dict[str, list[Occurrence]]:
        """The occurrences of each kind of step, follow-up visits left out."""
        found: dict[str, list[Occurrence]] = defaultdict(list)
        for one in self.occurrences:
            if one.serves is not None:
                found[one.activity.kind].append(one)
        return dict(found)

    @cached_property
    def doses_planned(self) -> frozenset[int]:
        """Dose numbers with at least one activity."""
        listed = (one.dose for one in self.course.activities if one.kind != FOLLOW_UP)
        return frozenset(dose for dose in listed if dose is not None)

    def find(self, kind: str, dose: int | None) -> Occurrence | None:
        """The occurrence of a kind for a dose, or else the one that serves the whole course, or None."""
        of_kind = self.all_of.get(kind, [])
        exact = next((one for one in of_kind if one.activity.dose == dose), None)
        return exact or next((one for one in of_kind if one.activity.dose is None), None)

    def resolve(self, ref: StepRef, serves: int | None) -> Occurrence | None:
        """The occurrence a reference means, seen from a step that serves a dose."""
        if ref.dose is None:
            return self.find(ref.kind, serves)
        return next((one for one in self.all_of.get(ref.kind, []) if one.serves == ref.dose), None)

    def follow_ups(self) -> Iterator[Occurrence]:
        """The follow-up visits."""
        return (one for one in self.occurrences if one.serves is None)


@dataclass(frozen=True)
class Judged:
    """A plan and the facts it is judged by, indexed once; calendars and departures are worked out once each."""

    plan: Plan
    facts: Facts
    courses: tuple[JudgedCourse, ...]
    _calendars: dict[tuple[str, str], WorkingCalendar | None] = field(default_factory=dict)
    _patterns: dict[tuple[str, str, date], list[Interval]] = field(default_factory=dict)
    _departures: dict[tuple[str, date], list[Departure]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, facts: Facts) -> Judged:
        """Index a plan; courses of unknown patients are left to the rule ``accounted_for``."""
        patients = {patient.id: patient for patient in facts.patients}
        known = (course for course in plan.courses if course.patient in patients)
        return cls(plan, facts, tuple(judged_course(course, patients[course.patient], facts) for course in known))

    @cached_property
    def occurrences(self) -> list[Occurrence]:
        """Every occurrence of every course."""
        return [one for course in self.courses for one in course.occurrences]

    @cached_property
    def holdings(self) -> list[Holding]:
        """Every stretch in which a unit holds something; a stretch without length holds nothing."""
        return [
            Holding(one.activity.place, use.resource, one.activity.units[use.resource], during, one, own)
            for course in self.courses
            for one in course.occurrences
            for use in one.step.uses
            if use.resource in one.activity.units and self.resource(one.activity.place, use.resource)
            for own, during in [(use.from_ref is None and use.until_ref is None, stretch_of(course, one, use))]
            if during is not None and during.start_at < during.end_at
        ]

    @cached_property
    def by_unit(self) -> dict[tuple[str, str, str], list[Holding]]:
        """The holdings of each unit (place, resource, unit), ascending."""
        units: dict[tuple[str, str, str], list[Holding]] = defaultdict(list)
        for one in self.holdings:
            units[one.place, one.resource, one.unit].append(one)
        for held in units.values():
            held.sort(key=lambda one: (one.during, one.occurrence.id))
        return dict(units)

    @cached_property
    def _resources(self) -> dict[tuple[str, str], Resource]:
        return {(place.code, one.kind): one for place in self.facts.network.places for one in place.resources}

    @cached_property
    def _zones(self) -> dict[str, str]:
        return {place.code: place.zone for place in self.facts.network.places}

    @cached_property
    def lanes(self) -> dict[str, CourierLane]:
        """Courier lanes by code."""
        return {lane.code: lane for lane in self.facts.network.lanes}

    def resource(self, place: str, kind: str) -> Resource | None:
        """The resource of a kind at a place, or None."""
        return self._resources.get((place, kind))

    def zone(self, place: str) -> str:
        """The time zone of a place; UTC for a place nobody knows."""
        return self._zones.get(place, "UTC")

    def on(self, one: Occurrence, edge: Edge = "start") -> date:
        """The local date of an edge, in the time zone of the place where it happens."""
        return local_date(one.at(edge), self.zone(one.place_of(edge)))

    def calendar(self, place: str, resource: str) -> WorkingCalendar | None:
        """The working calendar of a resource, or None where there is no such resource."""
        key = (place, resource)
        if key not in self._calendars:
            self._calendars[key] = (
                self.facts.network.calendar(place, resource) if self.resource(place, resource) else None
            )
        return self._calendars[key]

    def in_hours(self, place: str, resource: str, during: Interval) -> bool:
        """Whether a stretch lies wholly within opening hours minus holidays; closures are disregarded."""
        calendar = self.calendar(place, resource)
        if calendar is None or never_shuts(calendar):
            return True
        day = local_date(during.start_at, calendar.zone)
        key = (place, resource, day)
        if key not in self._patterns:
            self._patterns[key] = calendar.pattern_on(day)
        return any(stretch.contains(during) for stretch in self._patterns[key]) or calendar.fits_pattern(during)

    def departures(self, lane: CourierLane, on: date) -> list[Departure]:
        """The runs of a lane on a local day of its origin, closures of the lane left out."""
        key = (lane.code, on)
        if key not in self._departures:
            self._departures[key] = self.facts.network.departures_on(lane, on)
        return self._departures[key]

    def when(self, instant: datetime, place: str) -> str:
        """An instant in words: weekday, local date and time, place and time zone."""
        local = instant.astimezone(ZoneInfo(self.zone(place)))
        return f"{WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} at {place} ({self.zone(place)})"

    def starts(self, one: Occurrence) -> str:
        """A start in words."""
        return self.when(one.start_at, one.activity.place)

    def ends(self, one: Occurrence) -> str:
        """An end in words."""
        return self.when(one.end_at, one.place_of("end"))


def judged_course(course: PlannedCourse, patient: Patient, facts: Facts) -> JudgedCourse:
    """Match a course's activities to the steps and follow-up visits of the protocol."""
    arm = facts.arm_of(patient.id)
    steps = {(one.step.kind, one.dose): one for one in steps_of(facts.protocol, arm, course.restarted)}
    visits = {follow_up_id(patient.id, one.name): one for one in facts.protocol.follow_ups}
    sound: list[Occurrence] = []
    broken: list[Occurrence] = []
    for activity in course.activities:
        found = _step_of(activity, steps, visits)
        if found is not None:
            one = Occurrence(activity, found[0], found[1], patient, course.plant)
            (sound if comparable(activity) else broken).append(one)
    return JudgedCourse(patient, course, doses_of(facts.protocol, arm), steps, tuple(sound), tuple(broken))


def _step_of(
    activity: Activity, steps: dict[tuple[str, int | None], StepAt], visits: dict[str, FollowUp]
) -> tuple[Step, int | None] | None:
    if activity.kind == FOLLOW_UP:
        visit = visits.get(activity.id)
        return None if visit is None else (visit_step(visit), None)
    found = steps.get((activity.kind, activity.dose))
    return None if found is None else (found.step, found.serves)


def visit_step(visit: FollowUp) -> Step:
    """A follow-up visit as an attended step at the site."""
    uses = tuple(Use(resource) for resource in visit.uses)
    return Step(FOLLOW_UP, "dose", "site", "site", minutes=visit.minutes, uses=uses, attended=True)


def aware(activity: Activity) -> bool:
    """Whether both instants know their UTC offset."""
    return activity.start_at.utcoffset() is not None and activity.end_at.utcoffset() is not None


def comparable(activity: Activity) -> bool:
    """Whether the activity is a stretch of time: aware, and not ending before it starts."""
    return aware(activity) and activity.start_at <= activity.end_at


def stretch_of(course: JudgedCourse, one: Occurrence, use: Use) -> Interval | None:
    """The stretch in which a step holds a unit: its own, or from one edge to another; None when an edge is missing."""
    start_at, end_at = edges_of(course, one, use)
    if start_at is None or end_at is None or end_at < start_at:
        return None
    return Interval(start_at.astimezone(UTC), end_at.astimezone(UTC))


def edges_of(course: JudgedCourse, one: Occurrence, use: Use) -> tuple[datetime | None, datetime | None]:
    """When a step takes a unit and when it gives it back; None for an edge whose step is missing."""
    return _edge(course, one, use.from_ref, one.start_at), _edge(course, one, use.until_ref, one.end_at)


def _edge(course: JudgedCourse, one: Occurrence, ref: StepRef | None, own: datetime) -> datetime | None:
    if ref is None:
        return own
    found = course.resolve(ref, one.serves)
    return None if found is None else found.at(ref.edge)


def never_shuts(calendar: WorkingCalendar) -> bool:
    """Whether opening hours and holidays never close it."""
    return not calendar.holidays and OpenHours(tuple(range(7)), 0, 1440) in calendar.hours


def minutes(length: timedelta) -> str:
    """A length in words, such as ``24 h`` or ``1 h 30 min``; negative lengths carry a leading minus."""
    hours, rest = divmod(abs(round(length / MINUTE)), 60)
    words = " ".join([f"{hours} h"] * (hours != 0 or rest == 0) + [f"{rest} min"] * (rest != 0))
    return f"-{words}" if length < timedelta(0) else words


def days_of(count: int) -> str:
    """A number of days in words, such as ``1 day`` or ``-2 days``."""
    return f"{count} day" if abs(count) == 1 else f"{count} days"


def broken(rule: str, message: str, *occurrences: Occurrence) -> Violation:
    """The violation of a rule by some occurrences; the first one's patient is named."""
    return Violation(rule, occurrences[0].patient.id, tuple(one.id for one in occurrences), message)
