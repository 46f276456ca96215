"""Lots, units and what became of them, as questions and additions of a session."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlmodel import Session, col, select

from scheduler.persistence.columns import Row
from scheduler.persistence.tables_coldchain import (
    CustodyRow,
    DispositionRow,
    DonationRow,
    DoseUnitRow,
    LoggerRow,
    LotRow,
    NoticeRow,
    ReleaseRow,
    ReplacementRow,
    ScanRow,
)

STEPS = ("packed", "handed_over", "received", "checked")


def add(session: Session, *rows: Row) -> None:
    """Enter new rows."""
    session.add_all(rows)
    session.flush()


def unit(session: Session, name: str) -> DoseUnitRow | None:
    """A unit by its id."""
    return session.get(DoseUnitRow, name)


def units_of(session: Session, course: str) -> list[DoseUnitRow]:
    """The units of a course, in the order of doses and attempts."""
    query = select(DoseUnitRow).where(DoseUnitRow.course == course)
    order = (col(DoseUnitRow.dose), col(DoseUnitRow.made_at), col(DoseUnitRow.number))
    return list(session.exec(query.order_by(*order)))


def latest_units(session: Session, courses: Collection[str]) -> dict[tuple[str, int], list[DoseUnitRow]]:
    """The units of the latest lot of each dose of some courses, by course and dose, in the order of their numbers."""
    lots = session.exec(select(LotRow).where(col(LotRow.course).in_(courses)).order_by(col(LotRow.attempt)))
    latest = {(one.course, one.dose): one.id for one in lots}
    query = select(DoseUnitRow).where(col(DoseUnitRow.lot).in_(latest.values())).order_by(col(DoseUnitRow.number))
    found: dict[tuple[str, int], list[DoseUnitRow]] = {}
    for unit in session.exec(query):
        found.setdefault((unit.course, unit.dose), []).append(unit)
    return found


def units_in(session: Session, lot: str) -> list[DoseUnitRow]:
    """The units of a lot by number."""
    return list(session.exec(select(DoseUnitRow).where(DoseUnitRow.lot == lot).order_by(col(DoseUnitRow.number))))


def lot(session: Session, name: str, *, lock: bool = False) -> LotRow | None:
    """A lot by its id, with `lock` for as long as the unit of work lasts."""
    return session.get(LotRow, name, with_for_update=lock or None)


def lots_of(session: Session, course: str) -> list[LotRow]:
    """The lots of a course, in the order of doses and attempts."""
    query = select(LotRow).where(LotRow.course == course)
    return list(session.exec(query.order_by(col(LotRow.dose), col(LotRow.attempt))))


def lot_of(session: Session, activity: str, attempt: int) -> LotRow | None:
    """The lot of one attempt of a fill."""
    query = select(LotRow).where(LotRow.activity == activity, LotRow.attempt == attempt)
    return session.exec(query).first()


def donations_of(session: Session, course: str) -> list[DonationRow]:
    """The donations of a course, the earliest first."""
    query = select(DonationRow).where(DonationRow.course == course)
    return list(session.exec(query.order_by(col(DonationRow.made_at), col(DonationRow.id))))


def releases_of(session: Session, lot: str) -> list[ReleaseRow]:
    """What was said of a lot at its stages, in that order."""
    return list(session.exec(select(ReleaseRow).where(ReleaseRow.lot == lot).order_by(col(ReleaseRow.stage))))


def custody_of(session: Session, activity: str, attempt: int) -> list[CustodyRow]:
    """The hand-overs of one attempt of a shipment, in the order in which they happened."""
    query = select(CustodyRow).where(CustodyRow.activity == activity, CustodyRow.attempt == attempt)
    return _in_order(session.exec(query))


def custody_of_lot(session: Session, lot: str) -> list[CustodyRow]:
    """The hand-overs of a lot, in the order in which they happened."""
    return _in_order(session.exec(select(CustodyRow).where(CustodyRow.lot == lot)))


def _in_order(rows: Iterable[CustodyRow]) -> list[CustodyRow]:
    """Two may have happened in the same second, but each step comes once, and they come in one order."""
    return sorted(rows, key=lambda one: STEPS.index(one.step))


def scans_of(session: Session, unit: str) -> list[ScanRow]:
    """Every scan of a unit, the earliest first."""
    query = select(ScanRow).where(ScanRow.unit == unit)
    return list(session.exec(query.order_by(col(ScanRow.scanned_at), col(ScanRow.id))))


def logger_file(session: Session, name: str, *, lock: bool = False) -> LoggerRow | None:
    """A logger's file by its id."""
    return session.get(LoggerRow, name, with_for_update=lock or None)


def logger_files_of(session: Session, lot: str) -> list[LoggerRow]:
    """The logger files of a lot, the earliest first."""
    query = select(LoggerRow).where(LoggerRow.lot == lot)
    return list(session.exec(query.order_by(col(LoggerRow.uploaded_at), col(LoggerRow.id))))


def dispositions_of(session: Session, files: Sequence[str]) -> dict[str, DispositionRow]:
    """What was decided on logger files, by file."""
    query = select(DispositionRow).where(col(DispositionRow.logger_file).in_(files))
    return {one.logger_file: one for one in session.exec(query)}


def undecided_files(session: Session) -> list[LoggerRow]:
    """Logger files that keep units in quarantine and wait for a decision, the earliest first."""
    decided = select(DispositionRow.logger_file)
    query = select(LoggerRow).where(LoggerRow.verdict != "in-range", col(LoggerRow.id).not_in(decided))
    return list(session.exec(query.order_by(col(LoggerRow.uploaded_at), col(LoggerRow.id))))


def replacement_for(session: Session, file: str) -> ReplacementRow | None:
    """The latest replacement that was worked out for a logger's file."""
    query = select(ReplacementRow).where(ReplacementRow.logger_file == file)
    return session.exec(query.order_by(col(ReplacementRow.made_at).desc(), col(ReplacementRow.id)).limit(1)).first()


def notice(session: Session, name: str) -> NoticeRow | None:
    """A notice by its id, locked."""
    return session.get(NoticeRow, name, with_for_update=True)


def notices(session: Session, *, role: str | None, site: str | None, open_only: bool) -> list[NoticeRow]:
    """Notices to a role at a site, or to everybody where `role` is None; the latest first."""
    query = select(NoticeRow).order_by(col(NoticeRow.raised_at).desc(), col(NoticeRow.id).desc()).limit(500)
    if role is not None:
        query = query.where(NoticeRow.role == role, NoticeRow.site == site)
    if open_only:
        query = query.where(col(NoticeRow.acknowledged_at).is_(None))
    return list(session.exec(query))
