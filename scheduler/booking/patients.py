"""Register a patient at a site."""

from __future__ import annotations

import math
from datetime import date, timedelta

from scheduler.booking.access import must_be
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.audience import Role
from scheduler.domain.calendars import local_date
from scheduler.persistence import repositories
from scheduler.persistence.tables import PatientRow
from scheduler.persistence.unit_of_work import UnitOfWork

REGISTRARS = frozenset({Role.COORDINATOR, Role.SITE_STAFF, Role.PLANNER})
LONGEST_AGO = timedelta(days=90)


def register(
    work: UnitOfWork, board: Board, *, study_id: str, site: str, registered_on: date, weight_kg: float
) -> PatientRow:
    """Enter a patient. The caller commits.

    Raises
    ------
    Refused
        404 for a site that is not the actor's, 409 for a study id in use, 422 for a date or weight that cannot be.
    """
    must_be(work.principal, REGISTRARS, "register a patient")
    facts = board.facts(work)
    if site not in {place.code for place in facts.network.sites} or not work.principal.may_see_site(site):
        raise not_found("site")
    today = local_date(work.now, facts.network.place(site).zone)
    if not today - LONGEST_AGO <= registered_on <= today:
        raise Refused(
            "registration-date",
            422,
            f"registered_on must be a day from {today - LONGEST_AGO} to today, {today}, in the site's time zone.",
        )
    if not math.isfinite(weight_kg) or not facts.protocol.product.accepts(weight_kg):
        product = facts.protocol.product
        raise Refused(
            "weight-out-of-range",
            422,
            f"weight_kg must be at least {product.lightest_kg:g} and below {product.heaviest_kg:g}.",
        )
    if repositories.patient(work.session, study_id) is not None:
        raise Refused("study-id-in-use", 409, "This study id is in use. Check it, or open the patient it belongs to.")
    row = PatientRow(
        id=study_id,
        site=site,
        registered_on=registered_on,
        weight_kg=weight_kg,
        registered_at=work.now,
        registered_by=work.principal.name,
    )
    work.session.add(row)
    work.session.flush()
    work.audit("patient:registered", study_id, after={"site": site, "registered_on": registered_on})
    return row
