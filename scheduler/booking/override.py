"""Override: times outside a window or inside the fence, on a named person's word; each rule broken is a deviation."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from scheduler.booking.access import must_be
from scheduler.booking.errors import Refused
from scheduler.booking.record import write_deviation
from scheduler.booking.seating import violations_alone
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import PlannedCourse
from scheduler.domain.rules_context import Violation
from scheduler.persistence.tables import OfferRow
from scheduler.persistence.unit_of_work import UnitOfWork

OVERRIDERS = frozenset({Role.PLANNER, Role.DOCTOR})
FENCE = timedelta(days=1)  # nearer than this nothing new is begun, whoever says so
WINDOWS = frozenset({"pair_window", "booster_window"})
FENCE_RULE = "plant_fence"


def rules_broken(
    facts: Facts, patient: Patient, before: PlannedCourse, after: PlannedCourse, now: datetime
) -> list[str]:
    """The rules that a change of a course breaks and only an override allows: windows, and the fence of the plant."""
    known = {one.message for one in violations_alone(facts, patient, before)}
    found = [one for one in violations_alone(facts, patient, after) if one.message not in known]
    broken = {one.rule for one in found if one.rule in WINDOWS}
    old = {one.id: one for one in before.activities}
    begins = [min(one.start_at, old.get(one.id, one).start_at) for one in after.activities if one != old.get(one.id)]
    if begins and min(begins) < now + timedelta(days=facts.policy.plant_fence_days):
        broken.add(FENCE_RULE)
    return sorted(broken)


def may_override(work: UnitOfWork, offer: OfferRow, reason: str | None, signed_meaning: str | None) -> frozenset[str]:
    """The rules an offer breaks; none for an ordinary offer.

    Raises
    ------
    Refused
        403 for a role that may not override or without a signature, 422 without a reason.
    """
    broken = frozenset(json.loads(offer.breaks))
    if not broken:
        return broken
    must_be(work.principal, OVERRIDERS, "override a rule")
    if reason is None or not reason.strip():
        raise Refused("reason-missing", 422, "An override needs a reason in words. Give it as the note.")
    if signed_meaning is None or not signed_meaning.strip():
        raise Refused("signature-missing", 403, "An override is signed. Sign it with your key and what it means.")
    return broken


def write_overrides(
    work: UnitOfWork,
    course: PlannedCourse,
    offer: OfferRow,
    found: list[Violation],
    *,
    reason: str,
    meaning: str,
) -> None:
    """A signed deviation for every rule that an offer breaks, at the activity that breaks it."""
    at = {one.rule: one.activities[0] for one in reversed(found) if one.activities}
    first = min(
        (one for one in course.activities if one.id in set(json.loads(offer.replaces))),
        key=lambda one: (one.start_at, one.id),
    )
    for rule in json.loads(offer.breaks):
        content = {"offer": offer.id, "planned": True}
        write_deviation(work, course.patient, at.get(rule, first.id), rule, reason, meaning, content)
