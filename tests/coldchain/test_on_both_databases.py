"""The whole way of a unit, on SQLite and on PostgreSQL; and two people who say the same at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scheduler.booking.errors import Refused
from scheduler.booking.remake import give_up
from scheduler.coldchain.shipments import hand_over
from scheduler.persistence.database import Database
from tests.booking.house import HUB, NORA, PAUL, move_in
from tests.coldchain.house import Way, clock_of, filled, handed, lots, notices_to, released, scanned, shipment
from tests.coldchain.test_history import story
from tests.coldchain.test_loggers import disposed, file, uploaded
from tests.databases import database, postgres_database, sqlite_database

__all__ = ["database", "postgres_database", "sqlite_database"]


def test_a_unit_from_the_fill_to_the_patient(database: Database, tmp_path: Path) -> None:
    way = filled(move_in(database, tmp_path))
    _packed_by_two(way)
    released(way)
    handed(way, until="checked", begin="handed_over")
    row = uploaded(way, file(way, warm={5: 9.0}))
    assert scanned(way, "bedside").scan.refused == "quarantined"
    disposed(way, row.id)
    assert scanned(way, "bedside").refusal is None
    assert clock_of(way).state == "free"
    way.house.recorded_until("ANA/1/graft")
    way.house.recorded("ANA/1/graft", NORA)
    released(way, "final", passed=False)
    assert [one.urgent for one in notices_to(way.house, "doctor")] == [True]
    assert [one.what for one in story(way).entries].count("packed") == 1
    _second_lot(way)


def _packed_by_two(way: Way) -> None:
    """Two people record the same packing at once: one is told that it was recorded already."""

    def packed(_: int) -> str:
        try:
            with way.house.doing(PAUL) as work:
                facts = way.house.board.facts(work)
                holders = {"from_holder": "the plant", "to_holder": "dispatch"}
                at = {"place": HUB, "happened_at": way.house.now}
                hand_over(work, facts, shipment(way), step="packed", **holders, **at)  # type: ignore[arg-type]
        except Refused as refusal:
            return refusal.slug
        return "recorded"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(packed, range(2))) == ["already-recorded", "recorded"]


def _second_lot(way: Way) -> None:
    """A lot that failed in culture has no id of its own: only what was filled is a lot."""
    with way.house.doing(PAUL) as work:
        give_up(work, way.house.board, "ANA", 2, cause="lot_failed", failed_activity="ANA/2/regrowth", at=way.house.now)
    assert [one.attempt for one in lots(way.house)] == [1]
