"""Logger files of shipments: judged when they come, and decided on by a named person of quality, never by itself."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Literal

from scheduler.booking.access import must_be
from scheduler.booking.errors import Refused, not_found
from scheduler.coldchain.logger_files import readings
from scheduler.coldchain.notices import raise_notice
from scheduler.coldchain.shipments import Carried, shipment_for
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.excursions import Verdict, Word, judge
from scheduler.domain.intervals import Interval
from scheduler.persistence import custody, repositories
from scheduler.persistence.tables_coldchain import DispositionRow, LoggerRow
from scheduler.persistence.unit_of_work import UnitOfWork

Decision = Literal["use", "discard"]
LOADERS = frozenset({Role.PHARMACIST, Role.PLANNER, Role.QA})
LOGGER_READERS = LOADERS | {Role.AUDITOR}
DISPOSERS = frozenset({Role.QA})
PROPOSED: dict[Word, Decision] = {"in-range": "use", "review": "use", "quarantine": "discard", "missing": "discard"}
"""What a verdict proposes; of anything but in-range a person decides."""


def upload(work: UnitOfWork, facts: Facts, shipment: str, content: bytes) -> LoggerRow:
    """Judge a logger's file from packing to receipt and keep both. The caller commits.

    Any verdict but in-range puts the units of the lot into quarantine by being there. Of what goes to the plant, and is
    no lot yet, quality is told. A shipment may have several files; each stands by itself.

    Raises
    ------
    Refused
        403 for other roles, 404 for an unknown shipment, 409 for one that has no temperatures to be judged by, carries
        no dose yet, or was not packed and received, 422 for a file that cannot be read.
    """
    must_be(work.principal, LOADERS, "hand in a logger's file")
    found = shipment_for(work, facts, shipment)
    temperatures = facts.protocol.temperatures_on(found.step)
    if temperatures is None or (found.is_outbound and found.lot is None):
        words = "This shipment carries nothing that must keep to temperatures. Check the shipment."
        raise Refused("nothing-to-judge", 409, words)
    stretch = _stretch(work, found)
    try:
        verdict = judge(readings(io.BytesIO(content), "the file"), stretch, temperatures)
    except BadInput as problem:
        raise Refused("logger-file-unusable", 422, f"{problem}. Nothing was kept.") from problem
    row = LoggerRow(
        id=f"log_{secrets.token_hex(10)}",
        activity=found.row.id,
        attempt=found.row.attempt,
        lot=None if found.lot is None else found.lot.id,
        verdict=verdict.word,
        details=json.dumps(told(verdict), ensure_ascii=False),
        proposal=PROPOSED[verdict.word],
        sha256=hashlib.sha256(content).hexdigest(),
        content=content.decode("utf-8-sig"),
        packed_at=stretch.start_at,
        received_at=stretch.end_at,
        uploaded_at=work.now,
        uploaded_by=work.principal.name,
    )
    custody.add(work.session, row)
    kept = {"shipment": found.row.id, "verdict": row.verdict, "proposal": row.proposal, "sha256": row.sha256}
    work.audit("logger:judged", row.id, after=kept)
    if verdict.word != "in-range":
        _tell(work, found, verdict)
    return row


def dispose(
    work: UnitOfWork, file: str, *, decision: Decision, reason: str, signed_meaning: str | None
) -> DispositionRow:
    """Decide what becomes of units whose temperature was not certainly in range. The caller commits.

    Raises
    ------
    Refused
        403 for other roles and without a signature, 404 for an unknown file, 409 where there is nothing to decide or
        it was decided.
    """
    must_be(work.principal, DISPOSERS, "decide on a verdict")
    row = custody.logger_file(work.session, file, lock=True)
    if row is None:
        raise not_found("logger-file")
    if row.verdict == "in-range":
        raise Refused("nothing-to-decide", 409, "This verdict is in-range: there is nothing to decide.")
    if custody.dispositions_of(work.session, [file]):
        raise Refused("already-decided", 409, "This verdict was decided on before. What was signed stays.")
    if signed_meaning is None:
        raise Refused("signature-missing", 403, "A disposition is signed. Send signature with your own key.")
    name = f"dis_{secrets.token_hex(10)}"
    signed = {"disposition": name, "file": file, "sha256": row.sha256, "verdict": row.verdict, "decision": decision}
    signature = work.sign(f"disposition/{name}", {**signed, "reason": reason}, meaning=signed_meaning)
    made = DispositionRow(
        id=name,
        logger_file=file,
        decision=decision,
        reason=reason,
        signature=signature,
        decided_at=work.now,
        decided_by=work.principal.name,
    )
    custody.add(work.session, made)
    work.audit("logger:disposed", file, reason=reason, after={"signed": signed, "signature": signature})
    return made


def logger_file_for(work: UnitOfWork, file: str) -> tuple[LoggerRow, DispositionRow | None]:
    """A logger's file and what was decided on it; Refused 403 for other roles, 404 for another site's."""
    must_be(work.principal, LOGGER_READERS, "read a logger's file")
    row = custody.logger_file(work.session, file)
    transit = None if row is None else repositories.activity(work.session, row.activity)
    course = None if transit is None else repositories.course(work.session, transit.course)
    if row is None or course is None or not work.principal.may_see_site(course.site):
        raise not_found("logger-file")
    return row, custody.dispositions_of(work.session, [file]).get(file)


def told(verdict: Verdict) -> dict[str, object]:
    """A verdict as plain JSON: durations in seconds, instants with their offset."""
    plain = asdict(verdict)
    plain["exposure_seconds"] = plain.pop("exposure").total_seconds()
    plain["longest_run_seconds"] = plain.pop("longest_run").total_seconds()
    plain["gaps"] = [[one.start_at.isoformat(), one.end_at.isoformat()] for one in verdict.gaps]
    for name in ("first_at", "last_at"):
        plain[name] = _written(getattr(verdict, name))
    return plain


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _stretch(work: UnitOfWork, found: Carried) -> Interval:
    """From packing to receipt, as they were recorded."""
    events = {one.step: one.happened_at for one in custody.custody_of(work.session, found.row.id, found.row.attempt)}
    if "packed" not in events or "received" not in events:
        words = "A verdict is on the time from packing to receipt. Record both of this shipment first."
        raise Refused("step-before-missing", 409, words)
    if events["received"] - events["packed"] < timedelta(minutes=1):
        raise Refused("stretch-unusable", 409, "By its records it was received within a minute of being packed.")
    return Interval(events["packed"], events["received"])


def _tell(work: UnitOfWork, found: Carried, verdict: Verdict) -> None:
    """Quality, and of a dose its pharmacist: what was found, by which rule, and what that proposes."""
    reason, lot, course = verdict.reasons[0], found.lot, found.course
    said = f"{verdict.word} ({reason.rule}). {reason.sentence} Proposed: {PROPOSED[verdict.word]}. "
    if lot is None:
        sentence = (
            f"What {found.row.id} brought to the plant: {said}A signature of quality decides; if it cannot be used, "
            "report the shipment as lost, and it is taken again."
        )
    else:
        sentence = f"Dose {lot.dose} of {course.id} is in quarantine: {said}A signature of quality decides."
    readers = ((Role.QA, None),) if lot is None else ((Role.QA, None), (Role.PHARMACIST, course.site))
    for role, site in readers:
        raise_notice(
            work,
            "material_in_doubt" if lot is None else "unit_quarantined",
            role,
            site=site,
            patient=course.id,
            dose=found.row.dose if lot is None else lot.dose,
            sentence=sentence,
            urgent=True,
        )
