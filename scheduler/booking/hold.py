"""Hold: keep an offer for a while; a hold that runs out is as if it never was."""

from __future__ import annotations

import secrets
from datetime import timedelta

from scheduler.booking.access import BOOKERS, must_be, patient_for
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.seating import referee, seated
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import course_from, course_text, patient_of
from scheduler.persistence.tables import HoldRow, OfferRow
from scheduler.persistence.unit_of_work import UnitOfWork

TAKEN = "This offer has been taken up already. Look for new offers."


def open_offer(work: UnitOfWork, name: str) -> OfferRow:
    """An offer the actor may see that can still be taken up; whether somebody holds it is not asked here.

    Raises
    ------
    Refused
        404 for an unknown one, 409 for one that is old or taken up already.
    """
    offer = repositories.offer(work.session, name)
    if offer is None or not work.principal.may_see_site(offer.site):
        raise not_found("offer")
    if offer.status != "open":
        raise Refused("offer-taken", 409, TAKEN)
    if offer.valid_until <= work.now:
        raise Refused("offer-expired", 409, "This offer is too old to rely on. Look for new offers.")
    return offer


def hold_offer(work: UnitOfWork, board: Board, offer_id: str, *, keep_for: timedelta) -> HoldRow:
    """Keep the times of an offer for somebody, also one whose earlier hold is over. The caller commits.

    Raises
    ------
    Refused
        When the offer is gone, expired or taken up, or the patient has a hold or a course already.
    """
    must_be(work.principal, BOOKERS, "hold dates")
    revision = work.lock_board()
    offer = open_offer(work, offer_id)
    if offer.tier:
        raise Refused(
            "offer-moves-others", 409, "This offer moves another patient. Book it at once; it cannot be held."
        )
    if offer.course_version is not None:
        raise Refused(
            "offer-is-a-change", 409, "This offer changes a booked course. Reschedule with it; it needs no hold."
        )
    row = patient_for(work, offer.patient)
    booked = repositories.course(work.session, offer.patient)
    if booked is not None:
        raise Refused("already-booked", 409, "This patient has a course already. Reschedule a visit of it instead.")
    _none_stands(work, offer)
    patient = patient_of(row)
    hold = HoldRow(
        id=f"hold_{secrets.token_hex(12)}",
        offer=offer.id,
        patient=offer.patient,
        site=offer.site,
        held_at=work.now,
        held_by=work.principal.name,
        expires_at=work.now + keep_for,
    )
    with board.desk(work, registered_on=patient.registered_on) as desk:
        course, stays = seated(work, board, desk, course_from(offer.course))
        referee(desk.facts, patient, course)
    offer.course = course_text(course)
    work.session.add(hold)
    work.session.flush()
    expires = int(hold.expires_at.timestamp())
    occupancy.add_stays(work.session, stays, revision, hold=hold.id, expires=expires)
    work.audit("hold:made", hold.id, after={"offer": offer.id, "patient": offer.patient, "until": hold.expires_at})
    return hold


def _none_stands(work: UnitOfWork, offer: OfferRow) -> None:
    """Refused 409 while dates are held for the offer's patient; holds that have run out stand in nobody's way."""
    for hold in repositories.holds_of_patient(work.session, offer.patient):
        if hold.expires_at <= work.now:
            hold.status = "expired"
        elif hold.offer == offer.id:
            raise Refused("offer-taken", 409, TAKEN)
        else:
            raise Refused(
                "already-held", 409, "Dates are being held for this patient already. Book or release that hold first."
            )
    work.session.flush()


def release_hold(work: UnitOfWork, hold_id: str) -> None:
    """Give a hold up before it runs out; its offer may be held again while it is valid. The caller commits.

    Raises
    ------
    Refused
        404 for an unknown hold, 409 for one that was booked or has run out.
    """
    must_be(work.principal, BOOKERS, "release dates")
    revision = work.lock_board()
    hold = live_hold(work, hold_id)
    hold.status = "released"
    occupancy.release_hold(work.session, hold.id, revision)
    work.audit("hold:released", hold.id, after={"patient": hold.patient})


def live_hold(work: UnitOfWork, hold_id: str) -> HoldRow:
    """A hold the actor may see that still stands. Call with the board locked."""
    hold = repositories.hold(work.session, hold_id)
    if hold is None or not work.principal.may_see_site(hold.site):
        raise not_found("hold")
    if hold.status == "booked":
        raise Refused("hold-booked", 409, "This hold has been booked already. There is nothing left to do.")
    if hold.status == "released":
        raise Refused("hold-released", 409, "This hold was given up. Look for new offers.")
    if hold.status == "expired" or hold.expires_at <= work.now:
        raise Refused("hold-expired", 409, "This hold has run out and its times are free again. Look for new offers.")
    return hold
