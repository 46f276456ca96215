"""What making a dose in quarantine again would come to, kept with the file whose verdict put it there."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.booking.access import must_be
from scheduler.booking.errors import Refused
from scheduler.booking.record import DONE
from scheduler.coldchain.loggers import LOADERS, logger_file_for
from scheduler.domain.events import LotFailed, ShipmentLost
from scheduler.persistence import custody, occupancy, repositories
from scheduler.persistence.tables_coldchain import ReplacementRow
from scheduler.persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Doubted:
    """What would have to be made or taken again: the event that says so, whose it is, and of which dose, if of one."""

    event: LotFailed | ShipmentLost
    course: str
    dose: int | None


def in_doubt(work: UnitOfWork, file: str) -> Doubted:
    """What a logger's file puts in doubt: a lot, or what was brought to the plant.

    Raises
    ------
    Refused
        403 for other roles, 404 for another site's file, 409 where the verdict is in-range, or what it is about was
        given up already.
    """
    must_be(work.principal, LOADERS, "have what is in doubt planned again")
    row, _ = logger_file_for(work, file)
    if row.verdict == "in-range":
        raise Refused("nothing-to-replace", 409, "This verdict is in-range: nothing has to be made again.")
    lot = None if row.lot is None else custody.lot(work.session, row.lot)
    made = repositories.activity(work.session, row.activity if lot is None else lot.activity)
    attempt = row.attempt if lot is None else lot.attempt
    if made is None or made.attempt != attempt or (lot is not None and made.status not in DONE):
        raise Refused("lot-withdrawn", 409, "This was given up already. Its repair is among the plans.")
    if lot is None:
        return Doubted(ShipmentLost(row.activity, work.now), made.course, made.dose)
    return Doubted(LotFailed(lot.activity, work.now), lot.course, lot.dose)


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
