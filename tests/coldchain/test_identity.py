"""Ids: given when something is taken or filled, drawn by lot, and no slip of a hand makes one of another."""

from __future__ import annotations

import pytest

from scheduler.booking.identity import new_id
from scheduler.domain.check_character import ALPHABET, is_id
from scheduler.persistence import custody
from tests.booking.house import PAUL
from tests.coldchain.house import Way, lots, units


@pytest.mark.parametrize("kind", ["C", "D", "L", "U"])
def test_every_error_in_one_character_is_caught(kind: str) -> None:
    # 13 places besides the check character and that one, each with every other letter, digit, sign and small letter.
    letters = ALPHABET + "abcdefghijklmnopqrstuvwxyz-_/ .?é"
    for _ in range(20):
        whole = new_id(kind)
        assert is_id(whole, kind)
        for at, right in enumerate(whole):
            for wrong in letters.replace(right, ""):
                assert not is_id(whole[:at] + wrong + whole[at + 1 :], kind), (whole, at, wrong)


def test_every_exchange_of_two_neighbours_is_caught() -> None:
    for _ in range(200):
        whole = new_id("U")
        for at in range(len(whole) - 1):
            exchanged = whole[:at] + whole[at + 1] + whole[at] + whole[at + 2 :]
            assert is_id(exchanged, "U") == (exchanged == whole)


def test_an_id_of_one_kind_is_none_of_another() -> None:
    assert not is_id(new_id("L"), "U")
    assert not is_id("", "U")


def test_a_harvest_has_a_donation_and_a_fill_a_lot_with_its_units(way: Way) -> None:
    # 61.5 kg is filled into as many syringes as the step says; each unit has the same end of its shelf life.
    with way.house.work(PAUL, write=False) as work:
        donations = custody.donations_of(work.session, "ANA")
    assert [(one.activity, one.attempt) for one in donations] == [("ANA/biopsy", 1)]
    (lot,) = lots(way.house)
    assert (lot.activity, lot.attempt, lot.dose) == ("ANA/1/fill", 1, 1)
    fill = way.house.activities("ANA")["ANA/1/fill"]
    made = units(way.house)
    assert len(made) == fill.syringes
    assert is_id(lot.id, "L")
    assert all(is_id(one.id, "U") and one.lot == lot.id for one in made)


def test_the_shelf_life_runs_from_the_end_of_the_fill_as_the_protocol_says(way: Way) -> None:
    fill = way.house.activities("ANA")["ANA/1/fill"]
    assert fill.actual_end_at is not None
    # The skin program allows 36 hours from the end of the fill.
    assert {
        (one.expires_at - fill.actual_end_at).total_seconds() / 3600 for one in units(way.house) if one.expires_at
    } == {36}
