"""What the patient knows of a visit: confirmed, told of a change, or neither."""

import pytest

from scheduler.booking.confirm import acknowledge, confirm
from scheduler.booking.reschedule import reschedule
from scheduler.domain.audience import Principal
from tests.booking.house import CARL, MONA, NORA, NOW, PAUL, SAM, STELLA, House, refused


def test_a_confirmed_visit_says_who_when_and_for_which_version(both: House) -> None:
    both.booked("ANA")
    with both.doing(NORA) as work:
        confirm(work, "ANA/biopsy", expected_version=1)
    visit = both.visits("ANA")["ANA/biopsy"]
    assert (visit.confirmed_at, visit.confirmed_by) == (NOW, "Nora North")
    assert (visit.version, visit.told_version) == (2, 2)
    assert [one.subject for one in both.trail("visit:confirmed")] == ["ANA/biopsy"]


def test_confirming_again_changes_nothing(house: House) -> None:
    house.booked("ANA")
    for _ in range(2):
        with house.doing(NORA) as work:
            confirm(work, "ANA/biopsy")
    assert house.visits("ANA")["ANA/biopsy"].version == 2
    assert len(house.trail("visit:confirmed")) == 1


def test_a_moved_visit_is_to_be_told_again(house: House) -> None:
    house.booked("ANA")
    with house.doing(NORA) as work:
        confirm(work, "ANA/2/graft")
    offer = house.offers("ANA", dose=2)[1]
    with house.doing(NORA) as work:
        reschedule(work, house.board, "ANA", offer.id, reason_code="patient_request")
    moved = house.visits("ANA")["ANA/2/graft"]
    assert (moved.confirmed_at, moved.version, moved.told_version) == (None, 3, 2)
    with house.doing(NORA) as work:
        acknowledge(work, "ANA/2/graft")
    told = house.visits("ANA")["ANA/2/graft"]
    assert (told.confirmed_at, told.version, told.told_version) == (None, 4, 4)
    assert [one.subject for one in house.trail("visit:acknowledged")] == ["ANA/2/graft"]


@pytest.mark.parametrize("who", [SAM, CARL, STELLA])
def test_a_visit_nobody_may_know_of_is_not_found(house: House, who: Principal) -> None:
    house.booked("ANA")
    with house.work(who) as work:
        refused("visit-not-found", 404, lambda: confirm(work, "ANA/biopsy"))


def test_an_unknown_visit_is_not_found(house: House) -> None:
    with house.work(NORA) as work:
        refused("visit-not-found", 404, lambda: acknowledge(work, "ANA/biopsy"))


@pytest.mark.parametrize("who", [PAUL, MONA])
def test_only_those_who_talk_to_the_patient_say_what_the_patient_knows(house: House, who: Principal) -> None:
    house.booked("ANA")
    with house.work(who) as work:
        refused("not-your-role", 403, lambda: confirm(work, "ANA/biopsy"))


def test_an_old_version_is_refused(house: House) -> None:
    house.booked("ANA")
    with house.work(NORA) as work:
        refused("changed-meanwhile", 412, lambda: confirm(work, "ANA/biopsy", expected_version=7))


def test_a_visit_that_is_over_cannot_be_confirmed(house: House) -> None:
    house.booked("ANA")
    house.recorded("ANA/biopsy", NORA)
    with house.work(NORA) as work:
        refused("visit-ended", 409, lambda: confirm(work, "ANA/biopsy"))
        refused("visit-ended", 409, lambda: acknowledge(work, "ANA/biopsy"))
