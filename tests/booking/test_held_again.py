"""A hold that is over is as if it never was: its offer is held again while it is valid and its times are free."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from scheduler.booking.book import book_hold
from scheduler.booking.hold import hold_offer, release_hold
from scheduler.persistence.errors import Duplicate
from scheduler.persistence.tables import HoldRow
from tests.booking.house import NORA, VALID, House, refused
from tests.booking.referee import judged

SHORT = timedelta(minutes=5)  # offers are valid for 15 minutes
CHARLIE = "NORTH-003"


def held_briefly(house: House, offer: str) -> str:
    with house.doing(NORA) as work:
        return hold_offer(work, house.board, offer, keep_for=SHORT).id


def released(house: House, hold: str) -> None:
    with house.doing(NORA) as work:
        release_hold(work, hold)


def booked(house: House, hold: str) -> None:
    with house.doing(NORA) as work:
        book_hold(work, house.board, hold)


def refused_to_hold(house: House, offer: str, slug: str) -> None:
    with house.work(NORA) as work:
        refused(slug, 409, lambda: hold_offer(work, house.board, offer, keep_for=SHORT))


def test_an_offer_whose_hold_has_run_out_is_held_and_booked(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    first = held_briefly(both, offer)
    taken = both.stays()
    both.now += SHORT
    second = held_briefly(both, offer)
    assert second != first
    assert both.stays() == taken
    booked(both, second)
    assert both.visits("ANA").keys() == {"ANA/biopsy", "ANA/1/graft", "ANA/2/graft", "ANA/month-3/follow_up"}
    assert judged(both) == []


def test_an_offer_whose_hold_was_released_is_held_and_booked(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    released(both, held_briefly(both, offer))
    assert both.stays() == set()
    booked(both, held_briefly(both, offer))
    assert both.activities("ANA")


def test_the_same_offer_is_held_any_number_of_times_one_after_the_other(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    for _ in range(2):  # from minute 0 and from minute 5; the third at minute 10 is the last before the 15th
        held_briefly(both, offer)
        both.now += SHORT
    held_briefly(both, offer)
    with both.work(NORA, write=False) as work:
        states = sorted(one.status for one in work.session.exec(select(HoldRow)))
    assert states == ["expired", "expired", "held"]


def test_an_offer_that_is_held_is_not_held_again(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    held_briefly(both, offer)
    both.now += SHORT - timedelta(seconds=1)
    refused_to_hold(both, offer, "offer-taken")


def test_an_offer_is_not_held_again_once_it_is_too_old(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    held_briefly(both, offer)
    both.now += VALID
    refused_to_hold(both, offer, "offer-expired")


def test_an_offer_that_was_booked_is_not_held_again(house: House) -> None:
    house.registered("ANA")
    offer = house.offers("ANA")[0].id
    booked(house, held_briefly(house, offer))
    refused_to_hold(house, offer, "offer-taken")


def test_what_somebody_else_took_meanwhile_is_gone(both: House) -> None:
    """North has one theatre: the cheapest course of ANA and of CHARLIE begin with a biopsy in it at the same hour."""
    both.registered("ANA")
    both.registered(CHARLIE)
    offer, rival = both.offers("ANA")[0].id, both.offers(CHARLIE)[0].id
    held_briefly(both, offer)
    both.now += SHORT
    booked(both, held_briefly(both, rival))
    before = both.stays()
    refused_to_hold(both, offer, "offer-gone")
    assert both.stays() == before


def test_the_hold_that_ran_out_stays_over_when_its_offer_is_held_again(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    first = held_briefly(both, offer)
    both.now += SHORT
    second = held_briefly(both, offer)
    with both.work(NORA) as work:
        refused("hold-expired", 409, lambda: book_hold(work, both.board, first))
    both.now -= timedelta(seconds=1)  # another process, whose clock is a second behind
    with both.work(NORA) as work:
        refused("hold-expired", 409, lambda: release_hold(work, first))
    released(both, second)


def test_another_offer_is_held_when_a_hold_of_the_patient_has_run_out(both: House) -> None:
    both.registered("ANA")
    first, second = both.offers("ANA")[:2]
    held_briefly(both, first.id)
    refused_to_hold(both, second.id, "already-held")
    both.now += SHORT
    held_briefly(both, second.id)
    refused_to_hold(both, first.id, "already-held")


def test_the_database_itself_refuses_two_holds_of_one_offer_that_count(both: House) -> None:
    both.registered("ANA")
    offer = both.offers("ANA")[0].id
    held_briefly(both, offer)
    twice: dict[str, Any] = {"patient": "ANA", "site": "NORTH", "held_by": "Nora North"}
    twice |= {"held_at": both.now, "expires_at": both.now + SHORT}
    with both.work(NORA) as work:
        work.session.add(HoldRow(id="hold_released", offer=offer, status="released", **twice))
        work.session.flush()
        work.session.add(HoldRow(id="hold_twice", offer=offer, **twice))
        with pytest.raises(Duplicate):
            work.session.flush()
