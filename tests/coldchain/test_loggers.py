"""Logger files of a shipment: kept with their verdict; a unit that was not certainly cold waits for a signature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from scheduler.booking.views import shipment_id
from scheduler.coldchain.loggers import Decision, dispose, logger_file_for, upload
from scheduler.coldchain.shipments import hand_over
from scheduler.domain.audience import Principal
from scheduler.domain.protocol import Protocol
from scheduler.persistence import repositories
from scheduler.persistence.tables_coldchain import DispositionRow, LoggerRow
from tests.booking.house import ADA, CARL, DORA, HUB, NORA, NORTH, PAUL, PHIL, QUINN, House, move_in, refused
from tests.coldchain.house import Way, clock_of, handed, notices_to, released, scanned, shipment, transit
from tests.databases import new_sqlite

MEANING = "disposition of a unit"
FIVE = timedelta(minutes=5)
ANA = "ANA"


def file(way: Way, *, warm: dict[int, float] | None = None, until: datetime | None = None) -> bytes:
    """A reading of 5 degrees every five minutes from before packing to after receipt, others where given by number."""
    row = transit(way)
    at, last = row.start_at - timedelta(minutes=40), until or row.end_at + FIVE
    lines = ["at,celsius"]
    while at <= last:
        lines.append(f"{at.isoformat()},{(warm or {}).get(len(lines), 5.0)}")
        at += FIVE
    return "\n".join(lines).encode()


def uploaded(way: Way, content: bytes, who: Principal = PHIL) -> LoggerRow:
    with way.house.doing(who) as work:
        return upload(work, way.house.board.facts(work), shipment(way), content)


def disposed(way: Way, name: str, decision: Decision = "use", who: Principal = QUINN) -> DispositionRow:
    with way.house.doing(who) as work:
        return dispose(work, name, decision=decision, reason="As discussed.", signed_meaning=MEANING)


def bedside(way: Way) -> str | None:
    return scanned(way, "bedside").scan.refused


def test_a_shipment_that_was_always_cold_may_be_given(way: Way) -> None:
    released(way)
    handed(way)
    row = uploaded(way, file(way))
    assert (row.verdict, row.proposal) == ("in-range", "use")
    assert bedside(way) is None
    assert notices_to(way.house, "qa") == []
    # The stretch is from packing, half an hour before the courier, to receipt.
    assert (row.packed_at, row.received_at) == (transit(way).start_at - timedelta(minutes=30), transit(way).end_at)


@pytest.mark.parametrize(
    ("warm", "verdict", "proposal"), [({5: 9.0}, "review", "use"), ({5: 20.0}, "quarantine", "discard")]
)
def test_anything_else_waits_for_a_signature(way: Way, warm: dict[int, float], verdict: str, proposal: str) -> None:
    released(way)
    handed(way)
    row = uploaded(way, file(way, warm=warm))
    assert (row.verdict, row.proposal) == (verdict, proposal)
    assert bedside(way) == "quarantined"
    told = [one.sentence for one in notices_to(way.house, "qa") if one.kind == "unit_quarantined"]
    assert len(told) == 1
    assert json.loads(row.details)["reasons"][0]["rule"] in told[0]
    disposed(way, row.id)
    assert bedside(way) is None
    signed = [one.subject.partition("/")[0] for one in way.house.trail("signature:made")]
    assert signed == ["release", "disposition"]


def test_a_file_that_stops_too_early_is_missing_and_never_in_range(way: Way) -> None:
    released(way)
    handed(way)
    row = uploaded(way, file(way, until=transit(way).end_at - FIVE))
    assert (row.verdict, row.proposal) == ("missing", "discard")
    assert bedside(way) == "quarantined"


def test_for_a_unit_in_quarantine_the_remake_is_one_request_away(way: Way) -> None:
    released(way)
    handed(way)
    row = uploaded(way, file(way, warm={5: 20.0}))
    found = clock_of(way)
    assert found.fallback is not None
    assert (found.state, found.holds, found.fallback.kind) == ("quarantined", False, "remake")
    disposed(way, row.id)
    assert clock_of(way).holds


def test_what_is_discarded_is_never_given(way: Way) -> None:
    released(way)
    handed(way)
    disposed(way, uploaded(way, file(way, warm={5: 20.0})).id, "discard")
    assert bedside(way) == "quarantined"


def test_a_good_file_does_not_undo_a_bad_one(way: Way) -> None:
    released(way)
    handed(way)
    first = uploaded(way, file(way, warm={5: 20.0}))
    uploaded(way, file(way))
    assert bedside(way) == "quarantined"
    disposed(way, first.id)
    assert bedside(way) is None


def test_what_was_decided_stays_and_only_quality_decides(way: Way) -> None:
    handed(way)
    row = uploaded(way, file(way, warm={5: 9.0}))
    for who in (PHIL, PAUL, DORA, NORA, ADA):
        refused("not-your-role", 403, partial(disposed, way, row.id, "use", who))
    with way.house.work(QUINN) as work:
        sign = partial(dispose, work, row.id, decision="use", reason="As discussed.", signed_meaning=None)
        refused("signature-missing", 403, sign)
    disposed(way, row.id)
    refused("already-decided", 409, lambda: disposed(way, row.id, "discard"))
    refused("nothing-to-decide", 409, lambda: disposed(way, uploaded(way, file(way)).id))
    refused("logger-file-not-found", 404, lambda: disposed(way, "log_0"))


def test_a_verdict_needs_packing_and_receipt_and_a_file_that_can_be_read(way: Way) -> None:
    refused("step-before-missing", 409, lambda: uploaded(way, file(way)))
    handed(way)
    found = refused("logger-file-unusable", 422, lambda: uploaded(way, b"at,celsius\n2027-03-22 11:00,5.0\n"))
    assert "line 2" in found.sentence
    for who in (NORA, DORA, CARL, ADA):
        refused("not-your-role", 403, partial(uploaded, way, file(way), who))


def test_the_pharmacist_is_told_at_the_site_of_the_patient(way: Way) -> None:
    handed(way)
    uploaded(way, file(way, warm={5: 20.0}))
    assert [(one.kind, one.site, one.urgent) for one in notices_to(way.house, "pharmacist")] == [
        ("unit_quarantined", NORTH, True)
    ]


def test_a_file_is_read_by_those_who_may_see_units_at_its_site(way: Way) -> None:
    handed(way)
    row = uploaded(way, file(way, warm={5: 9.0}))
    disposed(way, row.id)

    def read(who: Principal) -> str | None:
        with way.house.work(who, write=False) as work:
            _, decided = logger_file_for(work, row.id)
        return None if decided is None else decided.decision

    assert [read(who) for who in (PHIL, PAUL, QUINN, ADA)] == ["use"] * 4
    for who in (NORA, DORA, CARL):
        refused("not-your-role", 403, partial(read, who))
    other = Principal("Pia Pharmacist", PHIL.role, "SOUTH", "pia")
    refused("logger-file-not-found", 404, partial(read, other))


# --- on the way to the plant ------------------------------------------------------------------------------------------


BIOPSY = f"{ANA}/biopsy_transit"


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[House]:
    database = new_sqlite(tmp_path / "house.db")
    yield taken_by_hand(move_in(database, tmp_path))
    database.dispose()


def taken_by_hand(house: House) -> House:
    """Ana's biopsy came to the plant as planned, and nothing has been made of it yet."""
    house.booked(ANA)
    house.recorded_until(f"{ANA}/seeding")
    row = house.activities(ANA)[BIOPSY]
    by = {
        "packed": (NORA, NORTH, row.start_at),
        "handed_over": (CARL, NORTH, row.start_at),
        "received": (PAUL, HUB, row.end_at),
    }
    for step, (who, place, at) in by.items():
        with house.doing(who) as work:
            facts = house.board.facts(work)
            how = {"from_holder": who.name, "to_holder": "the next", "place": place, "happened_at": at}
            hand_over(work, facts, inbound(house), step=step, **how)  # type: ignore[arg-type]
    return house


def inbound(house: House) -> str:
    with house.work(PAUL, write=False) as work:
        course = repositories.course(work.session, ANA)
        assert course is not None
        return shipment_id(course.coi, BIOPSY)


def brought(house: House, celsius: float) -> LoggerRow:
    """A file with one temperature from the pick-up to the receipt."""
    row = house.activities(ANA)[BIOPSY]
    minutes = int((row.end_at - row.start_at).total_seconds() // 60)
    times = [row.start_at + timedelta(minutes=number) for number in range(0, minutes + 1, 5)]
    content = "\n".join(["at,celsius", *(f"{at.isoformat()},{celsius}" for at in times)]).encode()
    with house.doing(QUINN) as work:
        return upload(work, house.board.facts(work), inbound(house), content)


def test_what_goes_to_the_plant_is_judged_by_the_limits_of_its_own_transit(taken: House) -> None:
    assert brought(taken, 20.0).verdict == "in-range"  # up to 25 degrees, and not up to 8
    assert notices_to(taken, "qa") == []
    row = brought(taken, 31.0)
    assert (row.verdict, row.proposal, row.lot) == ("quarantine", "discard", None)
    (told,) = notices_to(taken, "qa")
    assert told.kind == "material_in_doubt" and f"What {BIOPSY} brought to the plant: quarantine" in told.sentence
    assert notices_to(taken, "pharmacist") == []


def test_a_decision_on_it_is_signed_like_any_other(taken: House) -> None:
    row = brought(taken, 31.0)
    with taken.doing(QUINN) as work:
        made = dispose(work, row.id, decision="use", reason="The cells are alive.", signed_meaning=MEANING)
        assert logger_file_for(work, row.id) == (row, made)


def test_without_limits_there_is_nothing_to_judge(taken: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "temperatures_on", lambda self, transit: None)
    refused("nothing-to-judge", 409, lambda: brought(taken, 20.0))
