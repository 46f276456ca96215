"""Arms and openings: the one place where the tables of the unblinded side are read or written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.persistence.tables import UnblindedArmRow, UnblindedOpeningRow


def arms(session: Session) -> dict[str, str]:
    """Arm by patient, in the order of the patients' ids."""
    rows = session.exec(select(UnblindedArmRow).order_by(col(UnblindedArmRow.patient)))
    return {row.patient: row.arm for row in rows}


def arm_of(session: Session, patient: str) -> str | None:
    """A patient's arm; None where it was not imported yet."""
    row = session.get(UnblindedArmRow, patient)
    return None if row is None else row.arm


def add_arms(session: Session, new: Mapping[str, str], *, at: datetime, by: str) -> None:
    """Enter the arms of patients who have none yet."""
    session.add_all(UnblindedArmRow(patient=one, arm=arm, imported_at=at, imported_by=by) for one, arm in new.items())
    session.flush()


def add_opening(session: Session, opening: UnblindedOpeningRow) -> None:
    """Enter an emergency unblinding."""
    session.add(opening)
    session.flush()


def opening(session: Session, name: str) -> UnblindedOpeningRow | None:
    """An emergency unblinding by its id."""
    return session.get(UnblindedOpeningRow, name, with_for_update=True)


def openings(session: Session) -> list[UnblindedOpeningRow]:
    """Every emergency unblinding, the latest first."""
    query = select(UnblindedOpeningRow)
    return list(session.exec(query.order_by(col(UnblindedOpeningRow.opened_at).desc(), col(UnblindedOpeningRow.id))))
