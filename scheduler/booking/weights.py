"""Measure: a patient's weight, at a visit or between visits."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from scheduler.booking.access import must_be, patient_for
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.persistence import repositories
from scheduler.persistence.tables import WeightRow
from scheduler.persistence.unit_of_work import UnitOfWork

WEIGHERS = frozenset({Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR, Role.PHARMACIST})
OLDEST = timedelta(days=7)  # docs/domain.md section 1: measured at most 7 days before the fill
TOLERANCE = timedelta(minutes=5)  # clocks at a bedside are not ours


def measure(work: UnitOfWork, board: Board, patient_id: str, *, weight_kg: float, measured_at: datetime) -> WeightRow:
    """Enter a measured weight. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 unknown, 422 for a weight or an instant that cannot be.
    """
    must_be(work.principal, WEIGHERS, "record a weight")
    patient_for(work, patient_id)
    if measured_at > work.now + TOLERANCE or measured_at < work.now - OLDEST:
        raise Refused("measured-when", 422, "measured_at must lie in the last 7 days.")
    return weighed(work, board.facts(work), patient_id, weight_kg, measured_at)


def weighed(
    work: UnitOfWork,
    facts: Facts,
    patient_id: str,
    weight_kg: float,
    measured_at: datetime,
    activity: str | None = None,
) -> WeightRow:
    """Write a weight, taken at an activity or by itself; Refused 422 for one no dose is made for."""
    check_weight(facts, weight_kg)
    row = WeightRow(
        patient=patient_id,
        weight_kg=weight_kg,
        measured_at=measured_at,
        measured_by=work.principal.name,
        activity=activity,
    )
    repositories.add_weight(work.session, row)
    work.audit("weight:measured", patient_id, after={"weight_kg": weight_kg, "measured_at": measured_at})
    return row


def check_weight(facts: Facts, weight_kg: float) -> None:
    """Refused 422 unless the protocol has a weight band for it."""
    product = facts.protocol.product
    if not math.isfinite(weight_kg) or not product.accepts(weight_kg):
        raise Refused(
            "weight-out-of-range",
            422,
            f"weight_kg must be at least {product.lightest_kg:g} and below {product.heaviest_kg:g}.",
        )
