"""A closure is declared by those it concerns, tells which visits it hits, and keeps new offers away."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.booking.book import book_hold
from scheduler.booking.closures import Declared, declare, listed, shown, withdraw
from scheduler.domain.audience import Principal
from scheduler.persistence import repositories
from tests.booking.house import (
    ADA,
    CARL,
    DORA,
    HUB,
    MONA,
    NORA,
    NORTH,
    PAUL,
    PHIL,
    QUINN,
    SAM,
    SOUTH,
    STELLA,
    House,
    refused,
)

DAY = timedelta(days=1)


def on(day: datetime) -> datetime:
    """Midnight UTC of the day of an instant."""
    return day.replace(hour=0, minute=0)


def closing(
    house: House,
    start_at: datetime,
    who: Principal = PAUL,
    *,
    where: str = NORTH,
    resource: str | None = None,
    unit: str | None = None,
    end_at: datetime | None = None,
    reason: str = "water damage",
) -> Declared:
    with house.doing(who) as work:
        return declare(
            work,
            house.board,
            where=where,
            resource=resource,
            unit=unit,
            start_at=start_at,
            end_at=end_at or start_at + DAY,
            reason=reason,
        )


def hit(declared: Declared) -> list[str]:
    return [one.id for one in declared.visits]


def test_a_closed_site_hits_the_visits_of_that_day(both: House) -> None:
    both.booked("ANA")
    both.booked("BEN", SOUTH)
    day = on(both.visits("ANA")["ANA/1/graft"].start_at)
    assert hit(closing(both, day, NORA)) == ["ANA/1/graft"]


def test_a_closed_room_hits_what_happens_in_it_and_nothing_else(house: House) -> None:
    house.booked("ANA")
    day = on(house.visits("ANA")["ANA/1/graft"].start_at)
    assert hit(closing(house, day, resource="clinic")) == []
    assert hit(closing(house, day, resource="theatre")) == ["ANA/1/graft"]


def test_a_closed_plant_hits_the_visit_of_the_dose_it_cannot_make(house: House) -> None:
    house.booked("ANA")
    day = on(house.activities("ANA")["ANA/2/fill"].start_at)
    assert hit(closing(house, day, where=HUB)) == ["ANA/2/graft"]


def test_a_closed_plant_that_cannot_take_the_harvest_hits_the_whole_course(house: House) -> None:
    house.booked("ANA")
    day = on(house.activities("ANA")["ANA/seeding"].start_at)
    assert hit(closing(house, day, where=HUB)) == ["ANA/biopsy", "ANA/1/graft", "ANA/2/graft", "ANA/month-3/follow_up"]


def test_cells_grow_on_in_a_closed_plant(house: House) -> None:
    house.booked("ANA")
    rows = house.activities("ANA")
    day = on(rows["ANA/seeding"].end_at) + 2 * DAY
    assert day + DAY < rows["ANA/growth"].end_at
    assert hit(closing(house, day, where=HUB)) == []
    assert hit(closing(house, day, where=HUB, resource="incubator")) != []


def test_a_closed_refrigerator_hits_the_dose_that_waits_in_it(house: House) -> None:
    # Booked, the graft follows the receipt at once; given three hours later, nothing is done in between.
    house.booked("ANA")
    with house.doing(PAUL) as work:
        graft = repositories.activity(work.session, "ANA/1/graft")
        assert graft is not None
        graft.start_at, graft.end_at = graft.start_at + timedelta(hours=3), graft.end_at + timedelta(hours=3)
    since = house.activities("ANA")["ANA/1/receipt"].end_at + timedelta(hours=1)
    until = since + timedelta(hours=1)
    assert hit(closing(house, since, resource="refrigerator", end_at=until)) == ["ANA/1/graft"]


def test_a_closed_lane_hits_the_visit_its_courier_serves(house: House) -> None:
    house.booked("ANA")
    house.booked("BEN", SOUTH)
    day = on(house.activities("ANA")["ANA/1/transit"].start_at)
    assert hit(closing(house, day, where="HUB-NORTH")) == ["ANA/1/graft"]


def test_what_is_performed_is_not_hit(house: House) -> None:
    house.booked("ANA")
    biopsy = house.activities("ANA")["ANA/biopsy"]
    house.recorded("ANA/biopsy", NORA)
    assert hit(closing(house, on(biopsy.start_at), NORA)) == []


def test_a_closure_moves_nobody_and_keeps_offers_away(both: House) -> None:
    both.registered("ANA")
    first = both.offers("ANA")[0].first_dose_on
    start_at = datetime(first.year, first.month, first.day, tzinfo=UTC) - DAY
    both.booked("BEN", SOUTH)
    before = both.visits("BEN")
    closing(both, start_at, NORA, end_at=start_at + 3 * DAY)
    assert all(one.first_dose_on != first for one in both.offers("ANA"))
    assert both.visits("BEN") == before


def test_another_process_learns_of_a_closure(both: House) -> None:
    both.registered("ANA")
    other = House(both.database)
    first = other.offers("ANA")[0].first_dose_on
    start_at = datetime(first.year, first.month, first.day, tzinfo=UTC)
    closing(both, start_at, where=HUB, end_at=start_at + 2 * DAY)
    assert [one.first_dose_on for one in other.offers("ANA")] == [one.first_dose_on for one in both.offers("ANA")]
    assert other.offers("ANA")[0].first_dose_on != first


def test_a_withdrawn_closure_is_as_if_it_had_never_been(both: House) -> None:
    both.registered("ANA")
    first = both.offers("ANA")[0].first_dose_on
    row = closing(both, datetime(first.year, first.month, first.day, tzinfo=UTC)).closure
    assert both.offers("ANA")[0].first_dose_on != first
    with both.doing(NORA) as work:
        withdraw(work, row.id, expected_version=1)
    assert both.offers("ANA")[0].first_dose_on == first
    assert [one.subject for one in both.trail("closure:withdrawn")] == [row.id]
    with both.work(PAUL, write=False) as work:
        assert listed(work) == []


def test_a_closure_is_withdrawn_once_and_from_its_latest_version(house: House) -> None:
    row = closing(house, house.now).closure
    with house.work(PAUL) as work:
        refused("changed-meanwhile", 412, lambda: withdraw(work, row.id, expected_version=2))
    with house.doing(PAUL) as work:
        withdraw(work, row.id)
    with house.work(PAUL) as work:
        refused("already-withdrawn", 409, lambda: withdraw(work, row.id))


def test_everybody_sees_the_closures_of_their_own_place(house: House) -> None:
    rows = {where: closing(house, house.now, where=where).closure.id for where in (NORTH, SOUTH, HUB, "HUB-NORTH")}
    seen = {
        who.name: {where for where, name in rows.items() if _sees(house, who, name)}
        for who in (NORA, DORA, MONA, PHIL, SAM, PAUL, QUINN, ADA, CARL, STELLA)
    }
    everything = set(rows)
    assert seen == {
        "Nora North": {NORTH},
        "Dora Doctor": {NORTH},
        "Mona Monitor": {NORTH},
        "Phil Pharmacist": {NORTH},
        "Sam South": {SOUTH},
        "Paul Planner": everything,
        "Quinn Quality": everything,
        "Ada Auditor": everything,
        "Carl Courier": set(),
        "Stella Statistics": set(),
    }


def _sees(house: House, who: Principal, name: str) -> bool:
    with house.work(who, write=False) as work:
        if any(one.id == name for one in listed(work)):
            assert shown(work, name).id == name
            return True
        refused("closure-not-found", 404, lambda: shown(work, name))
        return False


@pytest.mark.parametrize("where", [SOUTH, HUB, "HUB-NORTH", "nowhere"])
def test_a_coordinator_closes_only_the_own_site(house: House, where: str) -> None:
    refused("place-not-found", 404, lambda: closing(house, house.now, NORA, where=where))


def test_a_planner_is_told_of_a_place_that_does_not_exist(house: House) -> None:
    refused("place-not-found", 404, lambda: closing(house, house.now, where="nowhere"))


@pytest.mark.parametrize("who", [DORA, PHIL, MONA, CARL, STELLA, ADA, QUINN])
def test_others_close_nothing(house: House, who: Principal) -> None:
    refused("not-your-role", 403, lambda: closing(house, house.now, who))


@pytest.mark.parametrize(("where", "resource"), [(NORTH, "suite"), ("HUB-NORTH", "theatre")])
def test_a_resource_that_is_not_there_cannot_be_closed(house: House, where: str, resource: str) -> None:
    refused("unknown-resource", 422, lambda: closing(house, house.now, where=where, resource=resource))


def test_a_stretch_without_length_or_in_the_past_is_refused(house: House) -> None:
    refused("ends-before-start", 422, lambda: closing(house, house.now, end_at=house.now))
    refused("in-the-past", 422, lambda: closing(house, house.now - 2 * DAY, end_at=house.now))
    refused("reason-missing", 422, lambda: closing(house, house.now, reason=" "))


def test_a_course_is_not_booked_into_a_closure_declared_meanwhile(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0]
    hold = both.held(offer.id)
    start_at = datetime(offer.first_dose_on.year, offer.first_dose_on.month, offer.first_dose_on.day, tzinfo=UTC)
    closing(both, start_at, NORA)
    with both.work(NORA) as work:
        refused("breaks-rule", 409, lambda: book_hold(work, both.board, hold))
    assert both.activities("ANA") == {}


# --- one unit ---------------------------------------------------------------------------------------------------------


def test_one_unit_out_of_service_hits_what_is_done_in_it(both: House) -> None:
    both.booked("ANA")
    fill = both.activities("ANA")["ANA/2/fill"]
    unit = json.loads(fill.units)["suite"]
    units = {name for place, kind, name in both.board.units.values() if (place, kind) == (HUB, "suite")}
    day = on(fill.start_at)
    for name in units:
        declared = closing(both, day, where=HUB, resource="suite", unit=name)
        assert declared.closure.unit == name
        assert hit(declared) == (["ANA/2/graft"] if name == unit else [])


def test_bookings_go_on_while_a_unit_in_use_is_out_of_service(both: House) -> None:
    both.booked("ANA")
    growth = both.activities("ANA")["ANA/growth"]
    unit = json.loads(growth.units)["incubator"]
    closing(both, growth.start_at, where=HUB, resource="incubator", unit=unit, end_at=growth.end_at)
    both.booked("BEN", SOUTH)
    theirs = both.activities("BEN")["BEN/growth"]
    overlap = theirs.start_at < growth.end_at and growth.start_at < theirs.end_at
    assert overlap and json.loads(theirs.units)["incubator"] != unit
    assert json.loads(both.activities("ANA")["ANA/growth"].units)["incubator"] == unit


@pytest.mark.parametrize(
    ("resource", "unit", "slug"),
    [(None, "theatre-1", "unit-without-resource"), ("theatre", "theatre-99", "unknown-unit")],
)
def test_a_unit_that_is_not_there_cannot_be_closed(house: House, resource: str | None, unit: str, slug: str) -> None:
    refused(slug, 422, lambda: closing(house, house.now, resource=resource, unit=unit))
