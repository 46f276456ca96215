"""While quality decides on a dose in quarantine, what making it again would come to is ready, and not in force.

Ana's first graft is filled for Mon 22 March at North; its shipment was at 20 degrees. Ben's is at South.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from scheduler.coldchain.replacements import latest
from scheduler.domain import events
from scheduler.domain.audience import Principal
from scheduler.persistence import custody, proposals
from scheduler.persistence.tables_coldchain import ReplacementRow
from scheduler.reoptimise.replacement import keep_ready, replacement
from tests.booking.house import ADA, DORA, NORA, PAUL, PHIL, QUINN, House, refused
from tests.coldchain.house import Way, filled, handed, lots, released
from tests.coldchain.test_loggers import brought, disposed, file, taken_by_hand, uploaded
from tests.reoptimise.happened import ANA, BEN, proposal_of, times, told

GRAFT = f"{ANA}/1/graft"


@pytest.fixture
def warm(house: House) -> tuple[Way, str]:
    """Ana's first dose with a logger that showed 20 degrees; the id of its file."""
    house.booked(BEN, "SOUTH")
    way = filled(house)
    released(way)
    handed(way)
    return way, uploaded(way, file(way, warm={5: 20.0})).id


def worked_out(house: House, name: str, who: Principal = PHIL) -> ReplacementRow:
    return replacement(lambda write: house.work(who, write=write), house.board, name)


def moves(visits: str) -> dict[str, tuple[str, str | None]]:
    return {one["visit"]: (one["change"], one["after_start_at"]) for one in json.loads(visits)}


def test_the_replacement_is_what_reporting_the_lot_as_failed_then_brings_about(warm: tuple[Way, str]) -> None:
    house = warm[0].house
    before = {who: times(house, who) for who in (ANA, BEN)}
    found = worked_out(house, warm[1])
    assert {who: times(house, who) for who in (ANA, BEN)} == before  # it was only supposed
    with house.work(PAUL, write=False) as work:
        assert proposals.events(work.session, site=None, before=None, limit=10) == []
    moved = moves(found.visits)
    assert moved[GRAFT][0] == "moved"
    told(house, events.LotFailed(lots(house)[-1].activity, house.now))
    with house.work(PAUL, write=False) as work:
        (made,) = proposals.in_state(work.session, "proposed")
    happened = proposal_of(house, made.id)[1]
    # The graft that lost its date is told as added then, at the very time that was worked out.
    assert {name: at for name, (_, at) in moves(happened.visits).items()} == {
        name: at for name, (_, at) in moved.items()
    }


def test_it_says_why_and_what_it_costs_for_the_plant(warm: tuple[Way, str]) -> None:
    found = worked_out(warm[0].house, warm[1])
    assert "its temperature is in doubt" in found.text
    assert json.loads(found.figures)["patients"] == [ANA]
    assert warm[0].house.trail("replacement:worked_out")[0].subject == found.id


def test_it_is_worked_out_again_only_after_something_was_booked(warm: tuple[Way, str]) -> None:
    house = warm[0].house

    def kept_ready() -> int:
        return len(keep_ready(lambda write: house.work(PAUL, write=write), house.board))

    assert kept_ready() == 1
    assert kept_ready() == 0
    house.booked("CEM", "SOUTH")
    with house.work(PAUL, write=False) as work:
        found = latest(work, warm[1])
    assert found is not None and not found[1]
    assert kept_ready() == 1


def test_once_quality_has_decided_nothing_is_kept_ready(warm: tuple[Way, str]) -> None:
    house = warm[0].house
    disposed(warm[0], warm[1])
    assert keep_ready(lambda write: house.work(PAUL, write=write), house.board) == []


def test_what_needs_no_replacement_gets_none(warm: tuple[Way, str]) -> None:
    way, name = warm
    house = way.house
    for who in (NORA, DORA, ADA):
        refused("not-your-role", 403, lambda: worked_out(house, name, who))  # noqa: B023
    refused("logger-file-not-found", 404, lambda: worked_out(house, "log_0"))
    good = uploaded(way, file(way)).id
    refused("nothing-to-replace", 409, lambda: worked_out(house, good))
    told(house, events.LotFailed(lots(house)[-1].activity, house.now))
    refused("lot-withdrawn", 409, lambda: worked_out(house, name))


def test_a_dose_that_was_given_all_the_same_is_not_made_again(warm: tuple[Way, str]) -> None:
    way, name = warm
    disposed(way, name)
    way.house.recorded_until(f"{ANA}/2/thaw")
    way.house.now += timedelta(days=1)
    refused("dose-given", 409, lambda: worked_out(way.house, name, QUINN))
    with way.house.work(PAUL, write=False) as work:
        assert custody.replacement_for(work.session, name) is None


def test_for_what_went_to_the_plant_it_is_what_a_lost_shipment_brings_about(house: House) -> None:
    """Ana's biopsy was at 31 degrees: it would be taken again, and both doses follow it."""
    taken_by_hand(house)
    name = brought(house, 31.0).id
    found = worked_out(house, name, PAUL)
    moved = moves(found.visits)
    assert moved[f"{ANA}/biopsy"][0] == moved[GRAFT][0] == "moved"
    assert house.activities(ANA)[f"{ANA}/biopsy"].status == "performed"
    house.recorded(f"{ANA}/seeding", PAUL)
    refused("gone-on", 409, lambda: worked_out(house, name, PAUL))
