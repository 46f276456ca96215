"""The restore drill: a backup of one database, restored into another, is the same trial."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scheduler.booking.board import Board
from scheduler.booking.in_force import plan_in_force
from scheduler.documents.plan_json import plan_json
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.rules import violations
from scheduler.persistence import audit
from scheduler.persistence.backup import backup, restore
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.world import PLANNER, new_database, set_up

NOW = datetime.fromisoformat("2027-03-01T09:00:00+09:00")


@dataclass(frozen=True)
class Drilled:
    """A drill: from which database to which, how long each half took, and what was found."""

    origin: str
    target: str
    courses: int
    backup_seconds: float
    restore_seconds: float
    megabytes: float
    trail_holds: bool
    same_plan: bool
    broken_rules: int


def restore_drill(origin: str, target: str, program: str, make: Callable[[Facts], Plan]) -> Drilled:
    """Book a plan, back up, restore elsewhere, and compare every course."""
    with (
        tempfile.TemporaryDirectory(prefix="marrowline-drill-") as name,
        new_database(origin) as first,
        new_database(target) as second,
    ):
        set_up(first, program, NOW, make)
        file = Path(name) / "backup.zip"
        source, copy = open_database(first), open_database(second)
        try:
            began = time.monotonic()
            kept = backup(source, file)
            saved = time.monotonic()
            loaded = restore(copy, file)
            restored = time.monotonic()
            before, _ = _document(source)
            after, broken = _document(copy)
            with copy.session() as session:
                trail = audit.verify(session)
        finally:
            source.dispose()
            copy.dispose()
        return Drilled(
            origin=origin,
            target=target,
            courses=loaded.rows["course"],
            backup_seconds=saved - began,
            restore_seconds=restored - saved,
            megabytes=file.stat().st_size / 1e6,
            trail_holds=trail == audit.Verified(kept.entries, kept.head),
            same_plan=before == after,
            broken_rules=broken,
        )


def _document(database: Database) -> tuple[str, int]:
    """The plan in force as its document, and how many rules it breaks."""
    with UnitOfWork(database, now=NOW, principal=PLANNER, write=False) as work:
        plan, facts = plan_in_force(work, Board())
        return plan_json(plan, facts.network), len(violations(plan, facts))
