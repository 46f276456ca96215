"""Shipments and the expiry clock of ANA's first dose, which is about to be packed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from scheduler.booking.events import report
from scheduler.booking.views import shipment_id
from scheduler.coldchain.clock import Clock, clock
from scheduler.coldchain.shipments import CustodyStep, hand_over, shipment_told
from scheduler.domain.audience import Principal
from scheduler.domain.events import LotFailed, ShipmentLate
from scheduler.persistence import repositories
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.tables_coldchain import CustodyRow
from tests.booking.house import ADA, CARL, DORA, HUB, MONA, NORA, NORTH, PAUL, PHIL, QUINN, SAM, refused
from tests.coldchain.house import Way, clock_of, handed, released, shipment, transit

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_every_step_is_recorded_by_its_side_beside_the_planned_times(way: Way) -> None:
    handed(way)
    with way.house.work(CARL, write=False) as work:
        found, events = shipment_told(work, way.house.board.facts(work), shipment(way))
    assert [(one.step, one.recorded_by) for one in events] == [
        ("packed", PAUL.name),
        ("handed_over", CARL.name),
        ("received", PHIL.name),
        ("checked", PHIL.name),
    ]
    assert {one.lot for one in events} == {way.lot}
    assert found.row.start_at == transit(way).start_at
    assert len(way.house.trail("shipment:handed_over")) == 4


@pytest.mark.parametrize(
    ("step", "who"),
    [
        ("packed", CARL),
        ("packed", NORA),
        ("handed_over", PHIL),
        ("received", CARL),
        ("received", PAUL),
        ("checked", DORA),
        ("checked", MONA),
        ("packed", ADA),
    ],
)
def test_nobody_records_what_others_do(way: Way, step: CustodyStep, who: Principal) -> None:
    refused("not-your-role", 403, lambda: said(way, step, who))


def said(
    way: Way, step: CustodyStep, who: Principal = PAUL, at: datetime | None = None, place: str = HUB
) -> CustodyRow:
    with way.house.doing(who) as work:
        return hand_over(
            work,
            way.house.board.facts(work),
            shipment(way),
            step=step,
            from_holder="the plant",
            to_holder="Carl",
            place=place,
            happened_at=at or way.house.now,
            celsius=4.5,
        )


def test_steps_come_once_and_in_order(way: Way) -> None:
    refused("step-before-missing", 409, lambda: said(way, "handed_over"))
    said(way, "packed")
    refused("already-recorded", 409, lambda: said(way, "packed"))
    refused("out-of-order", 409, lambda: said(way, "handed_over", at=way.house.now - MINUTE))
    refused("not-yet", 422, lambda: said(way, "handed_over", at=way.house.now + HOUR))
    refused("place-unknown", 422, lambda: said(way, "handed_over", place="SOUTH"))


def test_a_shipment_of_another_site_does_not_exist(way: Way) -> None:
    refused("shipment-not-found", 404, lambda: said(way, "received", SAM))
    with way.house.work(PAUL) as work:
        tell = partial(shipment_told, work, way.house.board.facts(work))
        refused("shipment-not-found", 404, lambda: tell("S-0"))


def test_what_comes_from_the_site_is_packed_there_and_belongs_to_no_lot(way: Way) -> None:
    with way.house.doing(NORA) as work:
        course = repositories.course(work.session, "ANA")
        assert course is not None
        row = hand_over(
            work,
            way.house.board.facts(work),
            shipment_id(course.coi, "ANA/biopsy_transit"),
            step="packed",
            from_holder="Nora",
            to_holder="Carl",
            place=NORTH,
            happened_at=way.house.now,
        )
    assert row.lot is None


# --- the clock --------------------------------------------------------------------------------------------------------


def planned(way: Way, kind: str) -> ActivityRow:
    return way.house.activities("ANA")[f"ANA/1/{kind}"]


def test_while_the_plan_holds_nothing_else_is_proposed(way: Way) -> None:
    released(way)
    found = clock_of(way)
    assert (found.phase, found.state, found.holds, found.fallback) == ("plant", "free", True, None)
    assert (found.departs_at, found.injection_at) == (transit(way).start_at, planned(way, "graft").start_at)
    assert found.expires_at is not None
    assert found.left == found.expires_at - way.house.now
    assert found.last.departure_at is not None
    assert found.last.injection_at is not None
    assert found.last.departure_at >= transit(way).start_at
    # The graft takes an hour and must end within the shelf life.
    assert planned(way, "graft").start_at <= found.last.injection_at <= found.expires_at - HOUR


def test_a_missed_courier_leaves_the_next_one_that_is_in_time(way: Way) -> None:
    way.house.now = transit(way).start_at + MINUTE
    found = clock_of(way)
    assert not found.holds
    assert found.fallback is not None
    assert found.last.departure_at is not None
    assert found.fallback.kind == "next_departure"
    assert found.fallback.at is not None
    assert transit(way).start_at < found.fallback.at <= found.last.departure_at


def test_when_no_courier_is_in_time_the_dose_is_made_again(way: Way) -> None:
    last = clock_of(way).last
    assert last.departure_at is not None
    way.house.now = last.departure_at + MINUTE
    found = clock_of(way)
    assert found.fallback is not None
    assert (found.fallback.kind, found.fallback.path) == ("remake", "/v1/events")
    assert found.fallback.body["activity"] == "ANA/1/fill"
    assert found.last.hand_over_at is None


def test_a_dose_that_waits_at_the_site_is_given_later_that_day(way: Way) -> None:
    handed(way)
    way.house.now = planned(way, "graft").start_at + MINUTE
    found = clock_of(way)
    assert (found.phase, found.holds) == ("site", False)
    assert found.fallback is not None
    assert found.fallback.kind == "next_slot"
    assert found.fallback.at is not None
    assert found.last.injection_at is not None
    assert way.house.now <= found.fallback.at <= found.last.injection_at


def test_after_the_last_injection_nothing_but_a_remake_is_left(way: Way) -> None:
    handed(way)
    last = clock_of(way).last.injection_at
    assert last is not None
    way.house.now = last + MINUTE
    found = clock_of(way)
    assert found.fallback is not None
    assert (found.fallback.kind, found.last.injection_at) == ("remake", None)


def test_an_expired_unit_has_no_time_left(way: Way) -> None:
    expires_at = clock_of(way).expires_at
    assert expires_at is not None
    way.house.now = expires_at + HOUR
    found = clock_of(way)
    assert (found.state, found.left, found.holds) == ("expired", timedelta(0), False)


def test_when_the_dose_was_given_the_clock_stands(way: Way) -> None:
    way.house.recorded_until("ANA/1/graft")
    way.house.recorded("ANA/1/graft", NORA)
    found = clock_of(way)
    assert (found.phase, found.fallback, found.last.injection_at) == ("over", None, None)


def test_the_clock_is_for_those_who_may_see_units(way: Way) -> None:
    def read(who: Principal) -> Clock:
        with way.house.work(who, write=False) as work:
            return clock(work, way.house.board.facts(work), way.unit)

    for who in (NORA, DORA, MONA, CARL):
        refused("not-your-role", 403, partial(read, who))
    assert read(PHIL) == read(QUINN)


def test_the_fallbacks_are_reports_that_the_house_takes(way: Way) -> None:
    way.house.now = transit(way).start_at + MINUTE
    late = clock_of(way).fallback
    assert late is not None
    assert late.body["kind"] == "shipment_late"
    with way.house.doing(PAUL) as work:
        event = ShipmentLate(str(late.body["activity"]), datetime.fromisoformat(str(late.body["arrives_at"])))
        assert report(work, way.house.board, event).visits
    last = clock_of(way).last.departure_at
    assert last is not None
    way.house.now = last + MINUTE
    lost = clock_of(way).fallback
    assert lost is not None
    with way.house.doing(PAUL) as work:
        report(work, way.house.board, LotFailed(str(lost.body["activity"]), way.house.now))
    assert clock_of(way).state == "withdrawn"
