"""Rules on when a step may happen: its length, opening hours, closures, its order and the protocol's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import Closure
from scheduler.domain.hindrances import Hindrance
from scheduler.domain.protocol import Limit, StartHours, StepRef
from scheduler.domain.rules_context import (
    Holding,
    Judged,
    JudgedCourse,
    Occurrence,
    Violation,
    aware,
    broken,
    days_of,
    minutes,
)

Pair = tuple[Occurrence, Occurrence]


def duration(judged: Judged) -> Iterator[Violation]:
    """A step with stated minutes lasts exactly as long, and no step ends before it starts.

    Holds and transits have rules of their own. Source: docs/domain.md section 2 (the length of each step).
    """
    for course in judged.courses:
        for one in course.broken:
            if aware(one.activity):
                yield broken("duration", f"{one.id} ends before it starts ({judged.starts(one)})", one)
        for one in course.occurrences:
            wanted = one.step.minutes
            if wanted is not None and one.end_at - one.start_at != timedelta(minutes=wanted):
                lasts = minutes(one.end_at - one.start_at)
                message = (
                    f"{one.id} on {judged.starts(one)} lasts {lasts} instead of {minutes(timedelta(minutes=wanted))}"
                )
                yield broken("duration", message, one)


def registration(judged: Judged) -> Iterator[Violation]:
    """The first step of a course is not before so many site-local calendar days after registration.

    Source: docs/domain.md section 2 (registration to harvest: earliest 7 d).
    """
    entry = judged.facts.protocol.registration
    for course in judged.courses:
        for one in course.all_of.get(entry.step, []):
            days = (judged.on(one) - course.patient.registered_on).days
            if days < entry.earliest_days:
                message = (
                    f"{one.id} on {judged.starts(one)} is {days_of(days)} after registration "
                    f"({course.patient.registered_on}); at least {entry.earliest_days} are due"
                )
                yield broken("registration", message, one)


def opening_hours(judged: Judged) -> Iterator[Violation]:
    """A step fits wholly in the hours, without holidays, of every resource it uses, and starts when it may.

    A unit held from one edge to another (a shipper, a refrigerator) only stores, so its hours do not count. The last
    start of a `starts` line is inclusive. Source: docs/domain.md sections 2 and 3.
    """
    for one in judged.occurrences:
        place = one.activity.place
        for use in one.step.uses:
            own = use.from_ref is None and use.until_ref is None
            if own and not judged.in_hours(place, use.resource, one.during):
                message = (
                    f"{one.id} from {judged.starts(one)} to {judged.ends(one)} is outside the hours of {use.resource}"
                )
                yield broken("opening_hours", message, one)
        if one.step.starts and not _may_start(one.start_at, judged.zone(place), one.step.starts):
            yield broken("opening_hours", f"{one.id} may not start on {judged.starts(one)}", one)


def _may_start(at: datetime, zone: str, lines: tuple[StartHours, ...]) -> bool:
    local = at.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    return any(local.weekday() in line.weekdays and line.from_minute <= minute <= line.to_minute for line in lines)


def closure(judged: Judged) -> Iterator[Violation]:
    """Nothing is done while the place or a resource it uses is closed; nothing is held in a resource closed by name.

    Cells stay in their incubator while the whole plant is closed: a closure of a place stops the work there, not what
    waits there. Nothing is done or held in a unit that is out of service; its line clearance and turnaround may fall
    into that. Source: docs/domain.md section 3 (closures; a long holiday forbids the fill, not the culture).
    """
    for one in judged.occurrences:
        if one.step.hold is None and (one.step.uses or not one.step.is_transit):
            for shut in _closures_of(judged, one):
                what = one.activity.place if shut.resource is None else f"{shut.resource} at {one.activity.place}"
                yield _shut(judged, one, shut, f"{what} is closed")
    for held in judged.holdings:
        calendar = judged.calendar(held.place, held.resource)
        waits = not held.own or held.occurrence.step.hold is not None
        for shut in calendar.closures_hit(held.during) if calendar is not None and waits else []:
            if shut.resource is not None and shut.unit is None:
                yield _shut(judged, held.occurrence, shut, f"{held.resource} at {held.place} is closed")
        for shut in _out_of_service(judged, held):
            yield _shut(judged, held.occurrence, shut, f"{held.name} is out of service")


def _closures_of(judged: Judged, one: Occurrence) -> list[Closure]:
    own = {use.resource for use in one.step.uses if use.from_ref is None and use.until_ref is None}
    return [
        shut
        for shut in judged.facts.network.closures
        if shut.where == one.activity.place
        and shut.unit is None
        and (shut.resource is None or shut.resource in own)
        and shut.during.overlaps(one.during)
    ]


def _out_of_service(judged: Judged, held: Holding) -> list[Closure]:
    unit, network = (held.place, held.resource, held.unit), judged.facts.network
    if unit not in network.out_of_service:
        return []
    closures = (one for one in network.closures if (one.where, one.resource, one.unit) == unit)
    return [one for one in closures if one.during.overlaps(held.during)]


def _shut(judged: Judged, one: Occurrence, shut: Closure, words: str) -> Violation:
    place = one.activity.place
    until = f"{judged.when(shut.during.start_at, place)} to {judged.when(shut.during.end_at, place)}"
    return broken("closure", f"{one.id} on {judged.starts(one)}: {words} from {until}: {shut.reason}", one)


def hindrance(judged: Judged) -> Iterator[Violation]:
    """No step lies in a stretch from which something keeps its patient: illness, absence, cells that are not ready.

    A hold (culture, expansion) reaches between other steps and is hindered only through them. Source: docs/domain.md
    section 7 (visits postponed, cells ready late).
    """
    for course in judged.courses:
        own = judged.facts.hindrances_of(course.patient.id)
        for one in course.occurrences if own else ():
            if one.step.hold is None:
                activity, attended = one.activity, one.step.attended
                found = (each for each in own if each.concerns(activity.kind, activity.dose, attended))
                yield from (_hindered(judged, one, each) for each in found if each.during.overlaps(one.during))


def _hindered(judged: Judged, one: Occurrence, by: Hindrance) -> Violation:
    place = one.activity.place
    until = f"{judged.when(by.during.start_at, place)} to {judged.when(by.during.end_at, place)}"
    return broken("hindrance", f"{one.id} on {judged.starts(one)} cannot be from {until}: {by.reason}", one)


def sequence(judged: Judged) -> Iterator[Violation]:
    """A step starts only when the steps it comes after, of the same dose or of the whole course, have ended.

    Source: docs/domain.md section 2 (the course, release before shipping).
    """
    for one, before in predecessors(judged):
        if before.end_at > one.start_at:
            message = f"{one.id} starts on {judged.starts(one)}, before {before.id} ends on {judged.ends(before)}"
            yield broken("sequence", message, one, before)


def predecessors(judged: Judged) -> Iterator[Pair]:
    """Each occurrence with each planned occurrence it must come after."""
    for course in judged.courses:
        for one in course.occurrences:
            for kind in one.step.after:
                before = course.find(kind, one.serves)
                if before is not None:
                    yield one, before


def continuous_hold(judged: Judged) -> Iterator[Violation]:
    """A hold (culture, expansion) starts and ends exactly at the edges it is stated between, without a gap.

    Source: docs/domain.md section 2 (one incubator position from isolation end to fill start).
    """
    for course in judged.courses:
        for one in course.occurrences:
            if one.step.hold is None:
                continue
            for ref, at, words in zip(one.step.hold, (one.start_at, one.end_at), ("starts", "ends"), strict=True):
                found = course.resolve(ref, one.serves)
                if found is None:
                    yield broken("continuous_hold", f"{one.id} {words} at {ref}, which is not planned", one)
                elif found.at(ref.edge) != at:
                    right = judged.when(found.at(ref.edge), one.activity.place)
                    message = f"{one.id} {words} on {judged.when(at, one.activity.place)} instead of {ref}: {right}"
                    yield broken("continuous_hold", message, one, found)


def limit_rule(limit: Limit) -> Callable[[Judged], Iterator[Violation]]:
    """The rule of one protocol limit: a bound on the elapsed time, or on the local days, between two edges.

    Source: docs/domain.md section 2 (holds, culture, expansion, tap, shelf life); the bounds are protocol data.
    """

    def judge(judged: Judged) -> Iterator[Violation]:
        for course in judged.courses:
            for first, last in limited_pairs(limit, course):
                yield from _within(judged, limit, first, last)

    return judge


def limited_pairs(limit: Limit, course: JudgedCourse) -> Iterator[Pair]:
    """The pairs of occurrences a limit binds.

    A reference with a dose (``harvest@2.start``) means that occurrence. Without one it means every occurrence; when
    neither has one, both edges of a pair serve the same dose. A step that serves the whole course pairs with every
    dose of the other step when the limit has no upper bound (cells are in the bank from then on), and with the dose
    its harvest serves first when it has one (only that dose is made from the culture itself), unless both references
    name their dose. With a dose that was restarted from the bank it then pairs no more: what bound the dose to its
    culture binds nothing. A step a course goes without binds nothing.
    """
    for pair in product(_meant(limit.from_ref, course), _meant(limit.to_ref, course)):
        if _binds(limit, *pair, course.course.restarted):
            yield pair


def _binds(limit: Limit, first: Occurrence, last: Occurrence, restarted: frozenset[int]) -> bool:
    named = (limit.from_ref.dose is not None) + (limit.to_ref.dose is not None)
    if named == 2:
        return True
    if None in (first.activity.dose, last.activity.dose):
        capped = limit.at_most_minutes is not None or limit.at_most_days is not None
        return not capped or (first.serves == last.serves and not _from_bank(first, last, restarted))
    return first is not last if named else first.serves == last.serves


def _from_bank(first: Occurrence, last: Occurrence, restarted: frozenset[int]) -> bool:
    """Whether a step of the harvest meets one of a dose that is not made from its culture any more."""
    return first.activity.dose != last.activity.dose and first.serves in restarted


def _meant(ref: StepRef, course: JudgedCourse) -> list[Occurrence]:
    found = course.all_of.get(ref.kind, [])
    return found if ref.dose is None else [one for one in found if one.serves == ref.dose]


def _within(judged: Judged, limit: Limit, first: Occurrence, last: Occurrence) -> Iterator[Violation]:
    elapsed = last.at(limit.to_ref.edge) - first.at(limit.from_ref.edge)
    days = (judged.on(last, limit.to_ref.edge) - judged.on(first, limit.from_ref.edge)).days
    whole = [(limit.at_least_days, days, "at least"), (limit.at_most_days, -days, "at most")]
    timed = [(limit.at_least_minutes, elapsed, "at least"), (limit.at_most_minutes, -elapsed, "at most")]
    for bound, actual, words in whole:
        if bound is not None and actual < (bound if words == "at least" else -bound):
            yield _beyond(judged, limit, (first, last), days_of(days), f"{words} {days_of(bound)}")
    for bound, length, words in timed:
        if bound is not None and length < timedelta(minutes=bound if words == "at least" else -bound):
            allowed = f"{words} {minutes(timedelta(minutes=bound))}"
            yield _beyond(judged, limit, (first, last), minutes(elapsed), allowed)


def _beyond(judged: Judged, limit: Limit, pair: Pair, actual: str, allowed: str) -> Violation:
    first, last = pair
    from_edge, to_edge = limit.from_ref.edge, limit.to_ref.edge
    since = f"{first.id} {from_edge} on {judged.when(first.at(from_edge), first.place_of(from_edge))}"
    until = f"{last.id} {to_edge} on {judged.when(last.at(to_edge), last.place_of(to_edge))}"
    return broken(limit.name, f"{actual} from {since} to {until}; {allowed} allowed", first, last)
