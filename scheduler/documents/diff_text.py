"""A diff in words, a line a change, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from scheduler.documents.diff_blinded import SiteDiff
from scheduler.documents.places import local_start
from scheduler.domain.course import Facts
from scheduler.domain.diff import CHANGES, DaysAfter, PlanDiff, StepChange, VisitChange, When, counts, moves_cost
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NO_REASONS: Mapping[str, str] = {}


def diff_lines(diff: PlanDiff, facts: Facts, *, steps: bool = False) -> Iterator[str]:
    """The whole diff for the plant's side; `steps` lists what changes for plant, courier and pharmacist, too."""
    if diff.is_empty:
        yield f"{diff.program}: nothing changes, all {len(diff.visits)} visits are kept"
        return
    moved, retimed = moves_cost(diff)
    yield f"{diff.program}: {_counted(diff.visits)}; moving them costs {moved}, then {retimed} retimed"
    for site, group in groupby(_changed(diff.visits), key=lambda one: one.site):
        yield f"{site}: tell the coordinator, who tells the patients"
        yield from _visit_lines(group, facts.protocol.administration, diff.reasons)
    yield from _step_lines(diff, facts.network, listed=steps)


def site_diff_lines(share: SiteDiff) -> Iterator[str]:
    """What changes at one site, for its blinded readers."""
    changed = list(_changed(share.visits))
    if not changed:
        yield f"{share.site}: nothing changes, all {len(share.visits)} visits are kept"
        return
    yield f"{share.site}: {_counted(share.visits)}; tell the patients"
    yield from _visit_lines(changed, share.administration, NO_REASONS)


def _changed(visits: tuple[VisitChange, ...]) -> Iterator[VisitChange]:
    return (one for one in visits if one.change != "kept")


def _counted(visits: tuple[VisitChange, ...]) -> str:
    number = counts(visits)
    words = ", ".join(f"{number[change]} {change}" for change in CHANGES)
    return f"of {len(visits)} visits {words}"


def _visit_lines(
    visits: Iterator[VisitChange] | list[VisitChange], administration: str, reasons: Mapping[str, str]
) -> Iterator[str]:
    for one in visits:
        days, why = _days(one.days_after), _reason(one.reason, reasons.get(one.id))
        yield f"  {one.patient} {_what(one, administration)}: {_times(one)}{days}; {why}"


def _what(one: VisitChange, administration: str) -> str:
    if one.name is not None:
        return f"{one.name} follow-up visit"
    kind = one.kind.replace("_", " ")
    if one.dose is None:
        return kind
    dose = f"{_ordinal(one.dose)} dose"
    return dose if one.kind == administration else f"{kind} of the {dose}"


def _ordinal(number: int) -> str:
    return ORDINALS[number - 1] if 1 <= number <= len(ORDINALS) else f"{number}th"


def _times(one: VisitChange) -> str:
    if one.before is None or one.after is None:
        when = one.before or one.after
        assert when is not None
        fate = "is new" if one.before is None else "is no longer planned"
        return f"{_moment(when.start_at, one.zone)} ({one.zone}) {fate}"
    before, after = _moment(one.before.start_at, one.zone), _moment(one.after.start_at, one.zone)
    if before == after:
        before, after = _until(one.before, one.zone), _until(one.after, one.zone)
    return f"{before} -> {after} ({one.zone})"


def _moment(instant: datetime, zone: str) -> str:
    return _said(instant.astimezone(ZoneInfo(zone)))


def _said(local: datetime) -> str:
    return f"{local:%a} {local.day} {local:%b} {local.year} {local:%H:%M}"


def _until(when: When, zone: str) -> str:
    return f"{_moment(when.start_at, zone)} until {when.end_at.astimezone(ZoneInfo(zone)):%H:%M}"


def _days(days: DaysAfter | None) -> str:
    known = [] if days is None else [each for each in (days.before, days.after) if each is not None]
    if days is None or not known:
        return ""
    # dict.fromkeys: a number that stays is said once
    return f", {' -> '.join(str(each) for each in dict.fromkeys(known))} days after the {_ordinal(days.anchor)}"


def _reason(neutral: str | None, in_full: str | None) -> str:
    words = [word for word in (neutral, in_full) if word]
    return ": ".join(words) or "no reason given"


def _step_lines(diff: PlanDiff, network: Network, *, listed: bool) -> Iterator[str]:
    if diff.steps:
        number = len(diff.steps)
        yield f"Plant, couriers and pharmacies: {number} step{'' if number == 1 else 's'} changed, new or gone"
    for one in diff.steps if listed else ():
        why = f"; {diff.reasons[one.id]}" if one.id in diff.reasons else ""
        yield f"  {one.id}: {_step(one, network)}; tell {', '.join(one.tell)}{why}"


def _step(one: StepChange, network: Network) -> str:
    if one.before is None or one.after is None:
        step = one.before or one.after
        assert step is not None
        return f"{_place_and_time(step, network)} {'is new' if one.before is None else 'is no longer planned'}"
    before, after = _place_and_time(one.before, network), _place_and_time(one.after, network)
    if before != after:
        return f"{before} -> {after}"
    fields = (field.removesuffix("_at").replace("_", " ") for field in one.fields)
    return f"{before}, other {', '.join(fields)}"


def _place_and_time(one: Activity, network: Network) -> str:
    start = local_start(one, network)
    return (
        f"{one.place}{'' if one.lane is None else f' by {one.lane}'} {_said(start)} ({network.place(one.place).zone})"
    )
