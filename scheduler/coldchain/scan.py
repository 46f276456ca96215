"""Scan: a unit meets its patient or a hand-over, and only a unit that is free for this patient is let pass."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from scheduler.booking.access import must_be, patient_for
from scheduler.booking.errors import Refused
from scheduler.coldchain.notices import raise_notice
from scheduler.coldchain.units import held, state_of, temperature_known
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.domain.expiry import last_start
from scheduler.persistence import custody
from scheduler.persistence.tables import PatientRow
from scheduler.persistence.tables_coldchain import ScanRow
from scheduler.persistence.unit_of_work import UnitOfWork

ScanStep = Literal["packed", "handed_over", "received", "checked", "bedside"]
AT_PLANT: frozenset[ScanStep] = frozenset({"packed", "handed_over"})
PLANT = frozenset({Role.PLANNER, Role.QA})
SITE = frozenset({Role.SITE_STAFF, Role.COORDINATOR, Role.DOCTOR, Role.PHARMACIST})
SCANNERS = PLANT | SITE

WORDS = {
    "wrong-unit": "This unit is not for this patient. Do not give it; keep it apart and call the pharmacist.",
    "withdrawn": "This unit is of a lot that was given up. Do not give it; keep it apart.",
    "dose-given": "This dose was given already. Do not give the unit; keep it apart and call the pharmacist.",
    "expired": "This unit cannot be given within its shelf life. Keep it apart and call the pharmacist.",
    "quarantined": "This unit is in quarantine for its temperature. Quality decides on it; until then keep it apart.",
    "unreleased": "The lot of this unit is not released. Keep it apart until quality has released it.",
}
HELD_BACK = "This unit may not be handed on now. Keep it apart and cold until quality has decided."
TOLD_ALL = frozenset({"wrong-unit", "dose-given", "expired"})
"""Reasons that a blinded reader is told; of all others only that the unit is held back."""


@dataclass(frozen=True)
class Scanned:
    """What a scan came to; `refusal` is None where the unit may go on."""

    scan: ScanRow
    refusal: Refused | None


def scan(work: UnitOfWork, facts: Facts, unit_id: str, *, patient_id: str, step: ScanStep, place: str) -> Scanned:
    """Check one unit against one patient. Whatever comes of it is recorded: the caller commits, then refuses.

    Parameters
    ----------
    unit_id
        Sound as an id; it may be one that nobody made.
    step
        At which hand-over; ``bedside`` is the last look before the injection: a logger must have been read, and the
        injection must still end within the shelf life where the protocol asks for that.

    Raises
    ------
    Refused
        403 for other roles, 404 for another site's patient or a place there is not. Nothing is recorded then.
    """
    must_be(work.principal, PLANT if step in AT_PLANT else SITE, "scan a unit here")
    patient = patient_for(work, patient_id)
    if place not in ({one.code for one in facts.network.plants} if step in AT_PLANT else {patient.site}):
        raise Refused("place-unknown", 422, "place must be a plant for packing and handing over, else the site.")
    reason = _refused(work, facts, unit_id, patient, step)
    row = ScanRow(
        id=f"scan_{secrets.token_hex(10)}",
        unit=unit_id,
        patient=patient_id,
        step=step,
        place=place,
        refused=reason,
        scanned_at=work.now,
        scanned_by=work.principal.name,
    )
    custody.add(work.session, row)
    work.audit(
        "unit:refused" if reason else "unit:scanned",
        unit_id,
        reason=reason,
        after={"patient": patient_id, "step": step, "place": place},
    )
    if reason is None:
        return Scanned(row, None)
    _alarm(work, patient, unit_id, step, reason)
    return Scanned(row, refusal(reason))


def refusal(reason: str) -> Refused:
    """What somebody is told of a unit that may not go on; the blinded by one word where it could be the plant's."""
    if reason in TOLD_ALL:
        return Refused("unit-refused", 409, WORDS[reason], extra={"reason": reason})
    return Refused("unit-refused", 409, WORDS[reason], blinded_sentence=HELD_BACK)


def _refused(work: UnitOfWork, facts: Facts, unit_id: str, patient: PatientRow, step: ScanStep) -> str | None:
    """Why a unit may not go on. One of another patient, or of nobody, is the same: neither is told to exist."""
    unit = custody.unit(work.session, unit_id)
    if unit is None or unit.course != patient.id:
        return "wrong-unit"
    found = held(work, facts, unit)
    state = state_of(work, facts, found, work.now)
    if state != "free" or step != "bedside":
        return None if state == "free" else state
    if found.unit.expires_at is not None and work.now > last_start(facts.protocol, found.unit.expires_at):
        return "expired"
    unread = facts.protocol.cold_chain is not None and not temperature_known(work, found.lot.id)
    return "quarantined" if unread else None


def _alarm(work: UnitOfWork, patient: PatientRow, unit_id: str, step: ScanStep, reason: str) -> None:
    """The pharmacist and quality are told what was refused; the doctor only of a unit that met the wrong patient."""
    told = f"Unit {unit_id} was refused for {patient.id} at {step.replace('_', ' ')}: {reason}."
    for role, site in ((Role.PHARMACIST, patient.site), (Role.QA, None)):
        raise_notice(work, "unit_refused", role, site=site, patient=patient.id, dose=None, sentence=told, urgent=True)
    if reason == "wrong-unit":
        raise_notice(
            work,
            "unit_refused",
            Role.DOCTOR,
            site=patient.site,
            patient=patient.id,
            dose=None,
            sentence=f"A unit that is not theirs was scanned for {patient.id} and refused. {WORDS[reason]}",
            urgent=True,
        )
