"""What making a dose in quarantine again would come to, kept with the file whose verdict put it there."""

from __future__ import annotations

from scheduler.booking.access import must_be
from scheduler.booking.errors import Refused
from scheduler.booking.record import DONE
from scheduler.coldchain.loggers import LOADERS, logger_file_for
from scheduler.persistence import custody, occupancy, repositories
from scheduler.persistence.tables_coldchain import LotRow, ReplacementRow
from scheduler.persistence.unit_of_work import UnitOfWork


def lot_in_question(work: UnitOfWork, file: str) -> LotRow:
    """The lot that would have to be made again.

    Raises
    ------
    Refused
        403 for other roles, 404 for another site's file, 409 where the verdict is in-range or the lot was given up.
    """
    must_be(work.principal, LOADERS, "have a dose in quarantine planned again")
    row, _ = logger_file_for(work, file)
    if row.verdict == "in-range":
        raise Refused("nothing-to-replace", 409, "This verdict is in-range: nothing has to be made again.")
    lot = custody.lot(work.session, row.lot)
    fill = None if lot is None else repositories.activity(work.session, lot.activity)
    if lot is None or fill is None or fill.attempt != lot.attempt or fill.status not in DONE:
        raise Refused("lot-withdrawn", 409, "This lot was given up already. Its repair is among the plans.")
    return lot


def keep(work: UnitOfWork, row: ReplacementRow) -> None:
    """Keep a replacement with its file; the latest one counts. The caller commits."""
    custody.add(work.session, row)
    work.audit("replacement:worked_out", row.id, after={"file": row.logger_file, "revision": row.revision})


def latest(work: UnitOfWork, file: str) -> tuple[ReplacementRow, bool] | None:
    """The latest replacement of a file, and whether nothing that is booked has changed since."""
    row = custody.replacement_for(work.session, file)
    return None if row is None else (row, row.revision == occupancy.board(work.session).revision)


def out_of_date(work: UnitOfWork) -> list[str]:
    """The files that quality has to decide on whose replacement is not that of now, or was never worked out."""
    files = (one.id for one in custody.undecided_files(work.session))
    return [one for one in files if (found := latest(work, one)) is None or not found[1]]
