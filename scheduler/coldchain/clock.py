"""The expiry clock of one unit: what is left, what still helps, and what to do when the plan no longer holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from scheduler.booking.record import DONE
from scheduler.coldchain.units import Held, State, state_of, unit_for
from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts, activity_id
from scheduler.domain.expiry import LastTimes, Way, earliest_injection, last_times, next_departure, transit_of
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork

Phase = Literal["plant", "road", "site", "over"]
ENDED: frozenset[State] = frozenset({"withdrawn", "dose-given"})


@dataclass(frozen=True)
class Fallback:
    """What helps when the plan does not hold any more, and the POST after which a repair of the plan brings it about.

    ``next_departure`` leaves at `at`; ``next_slot`` is an injection that can begin at `at` at the earliest; ``remake``
    means that no dose can come of this unit; for one in quarantine, that none does if quality discards it.
    """

    kind: Literal["next_departure", "next_slot", "remake"]
    at: datetime | None
    path: str
    body: Mapping[str, object]


@dataclass(frozen=True)
class Clock:
    """The clock of a unit; instants are UTC.

    Attributes
    ----------
    left
        Until it expires, never negative; None without a shelf life.
    departs_at, arrives_at, injection_at
        As planned; `arrives_at` is the receipt once it is recorded, and never lies in the past before.
    last
        The last moments that still meet the shelf life, as calendars are.
    holds
        Whether the plan can still be kept.
    """

    phase: Phase
    state: State
    expires_at: datetime | None
    left: timedelta | None
    departs_at: datetime | None
    arrives_at: datetime | None
    injection_at: datetime | None
    last: LastTimes
    holds: bool
    fallback: Fallback | None


def clock(work: UnitOfWork, facts: Facts, unit_id: str) -> Clock:
    """The clock of a unit, as it is now; Refused 403 for other roles, 404 for a unit that is not the actor's to see."""
    found = unit_for(work, facts, unit_id)
    state, expires_at, now = state_of(work, facts, found, work.now), found.unit.expires_at, work.now
    step = transit_of(facts.protocol)
    transit = None if step is None else found.steps.get(step.kind)
    given = found.steps.get(facts.protocol.administration)
    phase, arrives_at = ("over", None) if state in ENDED else _where(work, transit, now)
    planned = transit is not None and transit.status == "planned" and phase == "plant"
    injection_at = None if given is None or given.status != "planned" else given.start_at
    way = None if expires_at is None else _way(work, facts, found, transit, expires_at)
    last = LastTimes(None, None, None) if way is None or phase == "over" else last_times(way, now)
    holds = state in ("free", "unreleased") and _holds(facts, phase, transit, injection_at, arrives_at, way, now)
    fallback = None
    if not holds and phase != "over" and way is not None:
        fallback = _remake(found, now) if state == "quarantined" else _fallback(way, phase, arrives_at, now, found)
    return Clock(
        phase=phase,
        state=state,
        expires_at=expires_at,
        left=None if expires_at is None else max(expires_at - now, timedelta(0)),
        departs_at=transit.start_at if planned and transit is not None else None,
        arrives_at=arrives_at,
        injection_at=injection_at,
        last=last if phase == "plant" else LastTimes(None, None, last.injection_at),
        holds=holds,
        fallback=fallback,
    )


def _where(work: UnitOfWork, transit: ActivityRow | None, now: datetime) -> tuple[Phase, datetime | None]:
    """Where a unit is by what was recorded, and when it came or will come to its site."""
    if transit is None:
        return "site", None
    steps = {one.step: one for one in custody.custody_of(work.session, transit.id, transit.attempt)}
    received = steps.get("received")
    if received is not None:
        return "site", received.happened_at
    if transit.status in DONE and transit.actual_end_at is not None:
        return "site", transit.actual_end_at
    on_the_road = "handed_over" in steps
    return "road" if on_the_road else "plant", max(transit.end_at, now) if transit.status == "planned" else None


def _way(work: UnitOfWork, facts: Facts, found: Held, transit: ActivityRow | None, expires_at: datetime) -> Way:
    site = found.course.site
    lanes = () if transit is None else facts.network.lanes_between(transit.place, site)
    return Way(facts, site, lanes, expires_at, _allowed_on(work, facts, found))


def _allowed_on(work: UnitOfWork, facts: Facts, found: Held) -> Callable[[date], bool]:
    """Whether a dose is inside its window on a local date."""
    spec = facts.protocol.dose(found.unit.dose)
    name = activity_id(found.course.id, spec.anchor, facts.protocol.administration)
    anchor = None if spec.anchor is None else repositories.activity(work.session, name)
    window = spec.window
    if window is None or anchor is None:
        return lambda on: True
    zone = facts.network.place(found.course.site).zone
    anchor_on = local_date(anchor.actual_start_at or anchor.start_at, zone)
    return lambda on: window.allows(anchor_on, on)


def _holds(
    facts: Facts,
    phase: Phase,
    transit: ActivityRow | None,
    injection_at: datetime | None,
    arrives_at: datetime | None,
    way: Way | None,
    now: datetime,
) -> bool:
    """Whether the unit can still leave as planned, and be given when the patient comes."""
    if injection_at is None or injection_at < now:
        return False
    if phase == "plant" and transit is not None:
        ahead = 0 if transit.lane is None else facts.network.lane(transit.lane).handover_minutes
        if now > transit.start_at - timedelta(minutes=ahead):
            return False
    if way is None or arrives_at is None:
        return True
    earliest = earliest_injection(way, arrives_at)
    return earliest is not None and earliest <= injection_at


def _fallback(way: Way, phase: Phase, arrives_at: datetime | None, now: datetime, found: Held) -> Fallback:
    course, dose = found.course.id, found.unit.dose
    if phase == "plant":
        run = next_departure(way, now)
        transit = transit_of(way.protocol)
        if run is not None and transit is not None:
            late = {"activity": activity_id(course, dose, transit.kind), "arrives_at": run.arrives_at.isoformat()}
            return Fallback("next_departure", run.departs_at, "/v1/events", {"kind": "shipment_late", **late})
    else:
        slot = earliest_injection(way, max(arrives_at or now, now))
        if slot is not None:
            given = {"patient": course, "kinds": [way.protocol.administration], "dose": dose}
            until = {"start_at": now.isoformat(), "end_at": slot.isoformat(), "reason": "The dose comes too late."}
            return Fallback("next_slot", slot, "/v1/hindrances", {**given, **until})
    return _remake(found, now)


def _remake(found: Held, now: datetime) -> Fallback:
    lost = {"kind": "lot_failed", "activity": found.lot.activity, "at": now.isoformat()}
    return Fallback("remake", None, "/v1/events", lost)
