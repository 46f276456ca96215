"""Why a plan changes: in domain words for the plant, in one neutral word for the blinded (docs/domain.md section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from scheduler.domain.audience import NeutralReason
from scheduler.domain.calendars import Closure, local_date
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity, Plan


class Reason(NamedTuple):
    """A reason in full, such as ``lot failed``, and the only word of it that a blinded reader may learn, if any."""

    text: str
    neutral: NeutralReason | None = None


def reason_for(reasons: Mapping[str, Reason], activity: str, dose: int | None, patient: str) -> Reason | None:
    """The narrowest reason given for an activity: its own, else that of its patient's dose, else its patient's."""
    keys = (activity, f"{patient}/{dose}", patient)
    return next((reasons[key] for key in keys if key in reasons), None)


def closure_reason(closure: Closure, network: Network) -> Reason:
    """A closure as a reason: ``closure at YONGIN suite, Mon 1 - Wed 3 Mar``, in local days, the last one inclusive.

    Neutral: ``supply`` for a plant, ``site`` for a site, ``logistics`` for a courier lane. ValueError when the network
    has neither a place nor a lane of that code.
    """
    place = next((one for one in network.places if one.code == closure.where), None)
    lane = next((one for one in network.lanes if one.code == closure.where), None)
    if place is not None:
        what = closure.unit or (closure.resource and closure.resource.replace("_", " "))
        where = f"at {place.code}" + (f" {what}" if what else "")
        return Reason(f"closure {where}, {_days(closure, place.zone)}", "site" if place.side == "site" else "supply")
    if lane is None:
        raise ValueError(f"nothing in network {network.name} is called {closure.where!r}")
    zone = network.place(lane.from_place).zone
    return Reason(f"closure of courier lane {lane.code}, {_days(closure, zone)}", "logistics")


def closure_reasons(plan: Plan, network: Network) -> dict[str, Reason]:
    """The closures that a plan runs into, as reasons: of the dose, or the patient where no dose is meant."""
    closures = [(one, closure_reason(one, network)) for one in network.closures]
    return {
        course.patient if one.dose is None else f"{course.patient}/{one.dose}": reason
        for closure, reason in reversed(closures)
        for course in plan.courses
        for one in course.activities
        if _runs_into(one, closure)
    }


def hindrance_reasons(plan: Plan, facts: Facts) -> dict[str, Reason]:
    """The hindrances that a plan runs into, as reasons in the words of whoever declared them; keys as for closures."""
    steps = {step.kind: step.attended for step in facts.protocol.steps} | {FOLLOW_UP: True}
    return {
        course.patient if one.dose is None else f"{course.patient}/{one.dose}": Reason(each.reason, each.neutral)
        for course in plan.courses
        for each in reversed(facts.hindrances_of(course.patient))
        for one in course.activities
        if each.concerns(one.kind, one.dose, steps[one.kind]) and one.during.overlaps(each.during)
    }


def unplanned_reasons(plan: Plan) -> dict[str, Reason]:
    """Why doses have no place in a plan, in the plan's own words; these have no neutral form."""
    doses = (one for one in plan.unplanned if one.dose is not None and one.reasons)
    return {f"{one.patient}/{one.dose}": Reason("; ".join(one.reasons)) for one in doses}


def _runs_into(one: Activity, closure: Closure) -> bool:
    here = one.lane == closure.where or (one.lane is None and one.place == closure.where)
    unit = None if closure.resource is None else one.units.get(closure.resource)
    concerned = closure.resource is None or (unit is not None and closure.unit in (None, unit))
    return here and concerned and one.during.overlaps(closure.during)


def _days(closure: Closure, zone: str) -> str:
    first = local_date(closure.during.start_at, zone)
    last = max(first, local_date(closure.during.end_at - timedelta(microseconds=1), zone))
    if first == last:
        return _day(first)
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first:%a} {first.day} - {_day(last)}" if same_month else f"{_day(first)} - {_day(last)}"


def _day(on: date) -> str:
    return f"{on:%a} {on.day} {on:%b}"
