"""Follow-up visits: placed after the doses, each as near its target as the site can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, follow_up_id
from scheduler.domain.hindrances import hindered
from scheduler.domain.intervals import Interval, subtract
from scheduler.domain.plan import Activity, PlannedCourse, Unplanned
from scheduler.domain.protocol import FollowUp
from scheduler.planning.timegrid import TICK

UnitKey = tuple[str, str, str]  # place, kind of resource, unit


def with_follow_ups(
    facts: Facts,
    courses: list[PlannedCourse],
    taken: Mapping[UnitKey, Sequence[Interval]] | None = None,
    earliest_at: datetime | None = None,
    told: Mapping[str, datetime] | None = None,
) -> tuple[tuple[PlannedCourse, ...], tuple[Unplanned, ...]]:
    """The courses with their follow-up visits, and those visits for which the window has no free clinic hour.

    A follow-up visit that a course has already stays; one that was `told` for a start, by its id, has that again where
    it can. `taken` has what others hold of units besides; no visit begins
    before `earliest_at`, on a unit that is out of service or in what hinders its patient.
    """
    diary = _Diary(facts, courses, taken or {}, earliest_at, told or {})
    done: list[PlannedCourse] = []
    missed: list[Unplanned] = []
    for course in courses:
        visits: list[Activity] = []
        there = {one.id for one in course.activities if one.kind == FOLLOW_UP}
        for follow_up in facts.protocol.follow_ups:
            anchor_on = _anchor_on(facts, course, follow_up)
            if anchor_on is None or follow_up_id(course.patient, follow_up.name) in there:
                continue
            visit = diary.book(course, follow_up, anchor_on, visits)
            if visit is None:
                missed.append(Unplanned(course.patient, None, (_reason(facts, course, follow_up, anchor_on),)))
            else:
                visits.append(visit)
        activities = sorted((*course.activities, *visits), key=lambda one: (one.start_at, one.end_at, one.id))
        done.append(replace(course, activities=tuple(activities)))
    return tuple(done), tuple(missed)


def _anchor_on(facts: Facts, course: PlannedCourse, follow_up: FollowUp) -> date | None:
    if follow_up.anchor is None:
        return course.registered_on
    given = course.find(facts.protocol.administration, follow_up.anchor)
    return None if given is None else local_date(given.start_at, facts.network.place(course.site).zone)


def _reason(facts: Facts, course: PlannedCourse, follow_up: FollowUp, anchor_on: date) -> str:
    target = follow_up.window.target_on(anchor_on)
    first = target + timedelta(days=follow_up.window.earliest_days)
    last = target + timedelta(days=follow_up.window.latest_days)
    return (
        f"{follow_up.name} must fall on {first:%a %d %b %Y} to {last:%a %d %b %Y}; "
        f"{course.site} has no free {' and '.join(follow_up.uses)} then"
    )


class _Diary:
    """Who is where at the sites: the units taken so far, by resource and by day."""

    def __init__(
        self,
        facts: Facts,
        courses: list[PlannedCourse],
        taken: Mapping[UnitKey, Sequence[Interval]],
        earliest_at: datetime | None,
        told: Mapping[str, datetime],
    ) -> None:
        self.facts, self.network = facts, facts.network
        self.earliest_at, self.told = earliest_at, told
        self.taken: dict[UnitKey, list[Interval]] = {unit: list(held) for unit, held in taken.items()}
        for key, stretches in self.network.out_of_service.items():
            self.taken.setdefault(key, []).extend(stretches)
        for activity in (one for course in courses for one in course.activities):
            for kind, unit in activity.units.items():
                self.taken.setdefault((activity.place, kind, unit), []).append(activity.during)
        self._open: dict[tuple[str, str, date], list[Interval]] = {}

    def book(
        self, course: PlannedCourse, follow_up: FollowUp, anchor_on: date, others: list[Activity]
    ) -> Activity | None:
        """The time it was told for, else the one nearest the target's day and earliest on it; None without any."""
        busy = [one.during for one in (*course.activities, *others) if one.place == course.site]
        busy += hindered(self.facts.hindrances_of(course.patient), FOLLOW_UP, None, attended=True)
        name = follow_up_id(course.patient, follow_up.name)
        for start_at in self._candidates(course.site, follow_up, anchor_on, self.told.get(name)):
            during = Interval(start_at, start_at + timedelta(minutes=follow_up.minutes))
            units = None if any(during.overlaps(one) for one in busy) else self._take(course.site, follow_up, during)
            if units is not None:
                return Activity(name, FOLLOW_UP, None, course.site, units, during.start_at, during.end_at)
        return None

    def _candidates(self, site: str, follow_up: FollowUp, anchor_on: date, told: datetime | None) -> Iterator[datetime]:
        window = follow_up.window
        target = window.target_on(anchor_on)
        on = None if told is None else local_date(told, self.network.place(site).zone)
        if on is not None and window.allows(anchor_on, on):
            yield from (start_at for start_at in self._starts(site, follow_up, on) if start_at == told)
        for off in sorted(range(window.earliest_days, window.latest_days + 1), key=lambda off: (abs(off), off)):
            yield from self._starts(site, follow_up, target + timedelta(days=off))

    def _starts(self, site: str, follow_up: FollowUp, day: date) -> Iterator[datetime]:
        length = timedelta(minutes=follow_up.minutes)
        kinds = follow_up.uses
        stretches = self._open_on(site, kinds[0], day) if kinds else []
        for kind in kinds[1:]:
            other = self._open_on(site, kind, day)
            stretches = [piece for one in stretches for piece in subtract([one], subtract([one], other))]
        for stretch in stretches:
            at = stretch.start_at
            while at + length <= stretch.end_at:
                if self.earliest_at is None or at >= self.earliest_at:
                    yield at
                at += TICK

    def _open_on(self, site: str, kind: str, day: date) -> list[Interval]:
        if (site, kind, day) not in self._open:
            self._open[site, kind, day] = self.network.calendar(site, kind).open_on(day)
        return self._open[site, kind, day]

    def _take(self, site: str, follow_up: FollowUp, during: Interval) -> dict[str, str] | None:
        found: dict[str, str] = {}
        for kind in follow_up.uses:
            units = self.network.place(site).resource(kind).units
            free = (
                unit
                for unit in units
                if not any(during.overlaps(one) for one in self.taken.get((site, kind, unit), ()))
            )
            unit = next(free, None)
            if unit is None:
                return None
            found[kind] = unit
        for kind, unit in found.items():
            self.taken.setdefault((site, kind, unit), []).append(during)
        return found
