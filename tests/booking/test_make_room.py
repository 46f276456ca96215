"""Offers that move somebody else's draft: seen by those who may, booked as shown or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest

from scheduler.booking.confirm import confirm
from scheduler.booking.find import Ask, Found
from scheduler.booking.hold import hold_offer
from scheduler.booking.make_room import book_with_room, find_with_room, visits_moved
from scheduler.booking.reschedule import reschedule
from scheduler.domain.audience import Principal
from scheduler.persistence.tables import OfferRow
from tests.booking.house import KEPT, MONA, NORA, NORTH, PAUL, SAM, VALID, House, refused
from tests.booking.referee import judged

CROWD = [f"NORTH-{number:03d}" for number in range(1, 5)]
LATE = "NORTH-009"


@pytest.fixture
def crowded(house: House) -> House:
    """Four patients of North are booked for 22 and 23 March; ANA, who comes last, has to wait until 2 April.

    The suite takes one patient's open material at a time, and 24 March to 1 April have Easter in them.
    """
    for patient in CROWD:
        house.booked(patient)
    house.registered(LATE)
    return house


def room(house: House, who: Principal = PAUL, patient: str = LATE) -> Found:
    return find_with_room(lambda write: house.work(who, write=write), house.board, patient, Ask(), valid_for=VALID)


def book(house: House, offer: OfferRow, who: Principal = PAUL) -> None:
    with house.doing(who) as work:
        book_with_room(work, house.board, offer.id, reason="cannot wait")


def the_one(offers: Sequence[OfferRow]) -> OfferRow:
    assert len(offers) == 1
    return offers[0]


def test_an_offer_that_moves_somebody_is_sooner_than_any_that_moves_nobody_and_says_whom(crowded: House) -> None:
    assert crowded.offers(LATE)[0].first_dose_on == date(2027, 4, 2)
    offer = the_one(room(crowded).offers)
    assert (offer.tier, offer.first_dose_on) == (1, date(2027, 4, 1))
    (move,) = visits_moved(offer)
    assert move["patient"] in CROWD
    # Every visit listed really moves, and nothing else of the patient's course is told.
    assert all(old != new for old, new in move["visits"].values()) and move["visits"]
    assert set(move) == {"patient", "visits"}


def test_looking_moves_nobody(crowded: House) -> None:
    before = crowded.stays(), crowded.visits(CROWD[-1]), [one.course for one in crowded.offers(LATE)]
    room(crowded)
    assert (crowded.stays(), crowded.visits(CROWD[-1]), [one.course for one in crowded.offers(LATE)]) == before


def test_booking_it_books_the_one_and_moves_the_other_in_one_step(crowded: House) -> None:
    offer = the_one(room(crowded).offers)
    (move,) = visits_moved(offer)
    book(crowded, offer)
    visits = crowded.visits(move["patient"])
    for name, (old, new) in move["visits"].items():
        assert visits[name].start_at == datetime.fromisoformat(new) != datetime.fromisoformat(old)
        assert visits[name].version == 2
    assert crowded.visits(LATE)[f"{LATE}/1/graft"].on_date == date(2027, 4, 1)
    assert judged(crowded) == []
    (entry,) = crowded.trail("course:rescheduled")
    assert (entry.subject, entry.reason) == (move["patient"], "moved to make room: cannot wait")


def test_a_coordinator_moves_and_sees_own_site_patients_only(house: House) -> None:
    for number in range(1, 5):
        house.booked(f"SOUTH-{number:03d}", "SOUTH")
    house.registered(LATE)
    # All who could be moved are South's: North's coordinator hears of nobody, the planner does.
    assert room(house, NORA).offers == ()
    offer = the_one(room(house, PAUL).offers)
    refused("offer-not-found", 404, lambda: book(house, offer, NORA))
    refused("offer-not-found", 404, lambda: book(house, offer, SAM))
    book(house, offer, PAUL)
    assert judged(house) == []


def test_a_visit_the_patient_has_confirmed_is_no_draft(crowded: House) -> None:
    for patient in CROWD:
        for visit in crowded.visits(patient):
            with crowded.doing() as work:
                confirm(work, visit)
    found = room(crowded)
    assert found.offers == ()
    assert found.why == "Nobody's draft can be moved so that this patient would be treated sooner."


def test_a_visit_inside_the_patient_fence_is_no_draft(crowded: House) -> None:
    # The fence is 14 days: on 10 March a visit of 23 March is 13 days away.
    crowded.now += timedelta(days=9)
    moved = [move for offer in room(crowded).offers for move in visits_moved(offer)]
    starts = [datetime.fromisoformat(old) for move in moved for old, _ in move["visits"].values()]
    assert all(start >= crowded.now + timedelta(days=14) for start in starts)


def test_who_may_not_book_may_not_ask(crowded: House) -> None:
    refused("not-your-role", 403, lambda: room(crowded, MONA))


def test_it_cannot_be_held_and_an_ordinary_offer_cannot_be_booked_without_a_hold(crowded: House) -> None:
    offer = the_one(room(crowded).offers)

    def hold() -> None:
        with crowded.doing() as work:
            hold_offer(work, crowded.board, offer.id, keep_for=KEPT)

    refused("offer-moves-others", 409, hold)
    refused("offer-needs-hold", 409, lambda: book(crowded, crowded.offers(LATE)[0]))


def test_when_the_other_has_changed_meanwhile_nothing_is_booked(crowded: House) -> None:
    offer = the_one(room(crowded).offers)
    (move,) = visits_moved(offer)
    other = crowded.offers(move["patient"], dose=2)[0]
    with crowded.doing() as work:
        reschedule(work, crowded.board, move["patient"], other.id, reason_code="patient_request")
    before = crowded.stays()
    refused("offer-outdated", 409, lambda: book(crowded, offer))
    assert crowded.stays() == before
    assert crowded.visits(LATE) == {}


def test_a_visit_confirmed_since_the_offer_is_not_moved_by_it(crowded: House) -> None:
    offer = the_one(room(crowded).offers)
    (move,) = visits_moved(offer)
    with crowded.doing() as work:
        for visit in move["visits"]:
            confirm(work, visit)
    before = crowded.stays()
    refused("offer-outdated", 409, lambda: book(crowded, offer))
    assert crowded.stays() == before


def test_it_is_booked_once(crowded: House) -> None:
    offer = the_one(room(crowded).offers)
    book(crowded, offer)
    refused("offer-taken", 409, lambda: book(crowded, offer))


def test_who_has_a_course_moves_nobody(crowded: House) -> None:
    refused("already-booked", 409, lambda: room(crowded, NORA, CROWD[0]))


def test_nobody_is_moved_where_nothing_would_be_gained(house: House) -> None:
    house.booked("NORTH-001")
    house.registered(LATE, NORTH)
    # One other patient leaves the best date free: registration Monday 1 March + 2 days earliest, 10 days of growth.
    assert room(house).offers == ()
