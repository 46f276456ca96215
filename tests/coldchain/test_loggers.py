"""Logger files of a shipment: kept with their verdict; a unit that was not certainly cold waits for a signature."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial

import pytest

from scheduler.coldchain.loggers import Decision, dispose, logger_file_for, upload
from scheduler.domain.audience import Principal
from scheduler.persistence.tables_coldchain import DispositionRow, LoggerRow
from tests.booking.house import ADA, CARL, DORA, NORA, NORTH, PAUL, PHIL, QUINN, refused
from tests.coldchain.house import Way, clock_of, handed, notices_to, released, scanned, shipment, transit

MEANING = "disposition of a unit"
FIVE = timedelta(minutes=5)


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
