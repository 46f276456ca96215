"""The whole story of one unit: everything that was recorded of its identity, its hand-overs and its temperature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from scheduler.booking.record import DONE
from scheduler.coldchain.units import Held, State, state_of, unit_for
from scheduler.domain.course import Facts
from scheduler.persistence import custody
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Entry:
    """One thing that happened: `what` is its kind, `details` what was recorded, in words and numbers."""

    at: datetime
    what: str
    by: str | None
    place: str | None
    details: dict[str, str]


@dataclass(frozen=True)
class History:
    """A unit and its story, the earliest first. Instants are UTC, `zone` is that of the site."""

    unit: str
    lot: str
    donations: tuple[str, ...]
    coi: str
    patient: str
    site: str
    zone: str
    dose: int
    number: int
    expires_at: datetime | None
    state: State
    entries: tuple[Entry, ...]


def history(work: UnitOfWork, facts: Facts, unit_id: str) -> History:
    """The story of a unit; Refused 403 for other roles, 404 for a unit that is not the actor's to see."""
    found = unit_for(work, facts, unit_id)
    entries = [*_made(found), *_handed(work, found), *_released(work, found), *_judged(work, found)]
    entries += [*_scanned(work, found), *_given(facts, found)]
    return History(
        unit=unit_id,
        lot=found.lot.id,
        donations=tuple(one.id for one in custody.donations_of(work.session, found.course.id)),
        coi=found.course.coi,
        patient=found.course.id,
        site=found.course.site,
        zone=facts.network.place(found.course.site).zone,
        dose=found.unit.dose,
        number=found.unit.number,
        expires_at=found.unit.expires_at,
        state=state_of(work, facts, found, work.now),
        entries=tuple(sorted(entries, key=lambda one: one.at)),
    )


def _made(found: Held) -> Iterator[Entry]:
    fill = found.steps.get(found.lot.activity.rpartition("/")[2])
    if fill is not None and found.is_current:
        yield _step(fill, "filled")
    yield Entry(found.lot.made_at, "identified", found.lot.made_by, None, {"lot": found.lot.id})


def _step(row: ActivityRow, what: str) -> Entry:
    planned = {"planned": row.end_at.isoformat(), "status": row.status}
    return Entry(row.actual_end_at or row.end_at, what, row.recorded_by, row.place, planned)


def _handed(work: UnitOfWork, found: Held) -> Iterator[Entry]:
    for one in custody.custody_of_lot(work.session, found.lot.id):
        details = {"from": one.from_holder, "to": one.to_holder}
        details |= {} if one.celsius is None else {"celsius": f"{one.celsius:g}"}
        yield Entry(one.happened_at, one.step, one.recorded_by, one.place, details)


def _scanned(work: UnitOfWork, found: Held) -> Iterator[Entry]:
    for one in custody.scans_of(work.session, found.unit.id):
        details = {"patient": one.patient, "step": one.step} | ({"refused": one.refused} if one.refused else {})
        yield Entry(one.scanned_at, "scan_refused" if one.refused else "scanned", one.scanned_by, one.place, details)


def _judged(work: UnitOfWork, found: Held) -> Iterator[Entry]:
    files = custody.logger_files_of(work.session, found.lot.id)
    decided = custody.dispositions_of(work.session, [one.id for one in files])
    for one in files:
        said = json.loads(one.details)
        details = {
            "file": one.id,
            "verdict": one.verdict,
            "reasons": " ".join(f"{each['sentence']} [{each['rule']}]" for each in said["reasons"]),
            "lowest": _degrees(said["lowest"]),
            "highest": _degrees(said["highest"]),
            "outside_minutes": f"{said['exposure_seconds'] / 60:g}",
            "gaps": str(said["gap_count"]),
            "proposal": one.proposal,
            "sha256": one.sha256,
        }
        yield Entry(one.uploaded_at, "judged", one.uploaded_by, None, details)
        decision = decided.get(one.id)
        if decision is not None:
            details = {"decision": decision.decision, "reason": decision.reason, "signature": decision.signature}
            yield Entry(decision.decided_at, "disposed", decision.decided_by, None, details)


def _degrees(celsius: float | None) -> str:
    return "" if celsius is None else f"{celsius:g}"


def _released(work: UnitOfWork, found: Held) -> Iterator[Entry]:
    for one in custody.releases_of(work.session, found.lot.id):
        details = {"stage": one.stage, "reason": one.reason, "signature": one.signature}
        yield Entry(one.decided_at, "released" if one.passed else "failed", one.decided_by, None, details)


def _given(facts: Facts, found: Held) -> Iterator[Entry]:
    row = found.steps.get(facts.protocol.administration)
    if row is not None and row.status in DONE and found.is_current:
        yield _step(row, "given")
