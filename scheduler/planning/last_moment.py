"""Until when a dose without a place can still be given one: the last moment at which a decision helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from types import MappingProxyType

from scheduler.domain.course import Facts
from scheduler.domain.plan import PlannedCourse
from scheduler.planning.bench import Bench
from scheduler.planning.desk import Desk

AHEAD = timedelta(days=400)  # how far is looked: no course lasts longer
EXACT_TO = timedelta(hours=1)
SLACK_DAYS = 14  # so far outside its window may a deviation put a dose
NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class LastMoments:
    """The last instants at which making a dose again still gives it a day inside its window, or at most `SLACK_DAYS`
    outside of it; None where no decision helps any more. Both count with everything else staying where it is."""

    remake_until: datetime | None
    deviation_until: datetime | None


def last_moments(
    facts: Facts,
    courses: Sequence[PlannedCourse],
    wanted: Iterable[tuple[str, int]],
    now: datetime,
    without: Mapping[str, frozenset[int]] = MappingProxyType({}),
) -> dict[tuple[str, int], LastMoments]:
    """By patient and dose, until when the doses in `wanted` can be decided on; `courses` lack them.

    Parameters
    ----------
    facts
        The program as it is now; its patients are those of the courses.
    now
        An aware instant; what is decided then begins after the plant's fence, not before.
    without
        By patient, the doses that were given up for good.
    """
    doses = list(wanted)
    if not doses:
        return {}
    until = max([facts.starts_on, now.date(), *(one.registered_on for one in facts.patients)])
    bench = Bench(Desk(facts, until))
    by_patient = {one.patient: one for one in courses}
    for course in courses:
        bench.put(course)
    moments: dict[tuple[str, int], LastMoments] = {}
    for name in dict.fromkeys(patient for patient, _ in doses):
        given = [_given(facts, bench, by_patient[name], without.get(name, NONE), slack) for slack in (0, SLACK_DAYS)]
        for dose in (dose for patient, dose in doses if patient == name):
            inside, outside = (_last(partial(_helps, each, dose), now) for each in given)
            moments[name, dose] = LastMoments(inside, outside)
    return moments


def _given(
    facts: Facts, bench: Bench, course: PlannedCourse, without: frozenset[int], slack_days: int
) -> Callable[[datetime], frozenset[int]]:
    """By when it is decided, the doses that a course can be given then; each instant is only looked at once."""
    fence = timedelta(days=facts.policy.plant_fence_days)
    patient = facts.patient(course.patient)

    @cache
    def at(decided_at: datetime) -> frozenset[int]:
        begin_at = decided_at + fence
        ground = bench.desk.ground(patient, course, frozenset(), begin_at, slack_days=slack_days, without=without)
        found = bench.desk.keep(ground, list(bench.stays[course.patient]))
        steps = () if found is None else found.course.activities
        return frozenset(one.dose for one in steps if one.kind == facts.protocol.administration and one.dose)

    return at


def _helps(given: Callable[[datetime], frozenset[int]], dose: int, decided_at: datetime) -> bool:
    return dose in given(decided_at)


def _last(helps: Callable[[datetime], bool], now: datetime) -> datetime | None:
    """The last full hour at which it still helps, or now: what comes too late once does not help later."""
    if not helps(now):
        return None
    since, until = now, now + AHEAD
    while until - since > EXACT_TO:
        middle = since + (until - since) / 2
        since, until = (middle, until) if helps(middle) else (since, middle)
    return max(now, since.replace(minute=0, second=0, microsecond=0))
