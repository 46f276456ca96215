"""How far back a dose must be made again, read from the protocol alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.domain.course import steps_of
from scheduler.domain.remake import Cause, WayBack, comes_after, done_again, fits, way_back
from tests.domain.treatment import PROTOCOL

PER_DOSE = replace(
    PROTOCOL,
    supply="harvest-per-dose",
    steps=tuple(
        replace(one, after=tuple(kind for kind in one.after if kind != "expansion"))
        for one in PROTOCOL.steps
        if one.kind not in ("thaw", "expansion")
    ),
)


def back(kind: str, *, is_first: bool = True, bank: bool = False) -> WayBack:
    return way_back(PROTOCOL, PROTOCOL.step(kind), is_first=is_first, bank_exists=bank)


@pytest.mark.parametrize(
    ("kind", "is_first", "bank", "way"),
    [
        ("harvest", True, False, "harvest"),
        ("marrow_transit", True, False, "harvest"),
        ("csf_tap", True, True, "material"),
        ("csf_transit", False, True, "material"),
        ("isolation", True, False, "harvest"),
        ("culture", True, False, "harvest"),
        ("culture", True, True, "bank"),
        ("fill", True, True, "bank"),
        ("transit", True, True, "bank"),
        ("receipt", True, False, "harvest"),
        ("expansion", False, True, "dose"),
        ("release", False, True, "dose"),
        ("transit", False, True, "dose"),
    ],
)
def test_what_was_lost_says_how_far_back_one_must_go(kind: str, is_first: bool, bank: bool, way: WayBack) -> None:
    assert back(kind, is_first=is_first, bank=bank) == way


@pytest.mark.parametrize("kind", ["harvest", "culture", "fill", "transit"])
def test_where_each_dose_has_its_harvest_a_lot_is_made_from_a_new_one(kind: str) -> None:
    assert way_back(PER_DOSE, PER_DOSE.step(kind), is_first=False, bank_exists=True) == "harvest"


@pytest.mark.parametrize(
    ("cause", "kinds"),
    [
        ("harvest_dry", {"harvest"}),
        ("tap_failed", {"csf_tap"}),
        ("shipment_lost", {"marrow_transit", "csf_transit", "transit"}),
        (
            "lot_failed",
            {"isolation", "culture", "thaw", "expansion", "fill", "release", "pack", "transit", "receipt", "injection"},
        ),
    ],
)
def test_each_cause_has_its_steps(cause: Cause, kinds: set[str]) -> None:
    assert {one.kind for one in PROTOCOL.steps if fits(PROTOCOL, one, cause)} == kinds


def again(kind: str, dose: int, way: WayBack, restarted: frozenset[int] = frozenset()) -> list[str]:
    steps = steps_of(PROTOCOL, None, restarted)
    found = done_again(PROTOCOL, steps, PROTOCOL.step(kind), dose, way)
    return [one if number is None else f"{number}/{one}" for one, number in found]


DAY_OF_DOSE = ["csf_tap", "csf_transit", "fill", "release", "pack", "transit", "receipt", "injection"]


def test_after_a_failed_tap_the_cells_grow_on() -> None:
    assert again("csf_tap", 2, "material") == [f"2/{kind}" for kind in DAY_OF_DOSE]
    assert again("csf_transit", 1, "material") == [f"1/{kind}" for kind in DAY_OF_DOSE]


def test_a_lot_of_a_later_dose_is_made_again_from_its_thaw_with_a_new_tap() -> None:
    assert again("fill", 3, "dose") == [f"3/{kind}" for kind in ("thaw", "expansion", *DAY_OF_DOSE)]


def test_a_first_dose_from_the_bank_is_thawed_like_any_other() -> None:
    wanted = [f"1/{kind}" for kind in ("thaw", "expansion", *DAY_OF_DOSE)]
    assert again("culture", 1, "bank", frozenset({1})) == wanted


def test_a_new_harvest_leaves_the_later_doses_alone() -> None:
    wanted = ["harvest", "marrow_transit", "isolation", "culture", *(f"1/{kind}" for kind in DAY_OF_DOSE)]
    assert again("harvest", 1, "harvest") == wanted


def test_where_each_dose_has_its_harvest_only_that_is_made_again() -> None:
    found = done_again(PER_DOSE, steps_of(PER_DOSE, None), PER_DOSE.step("fill"), 2, "harvest")
    assert {dose for _, dose in found} == {2}
    assert ("harvest", 2) in found and ("culture", 2) in found


def test_what_waits_for_a_step_is_found_through_the_steps_between() -> None:
    assert comes_after(PROTOCOL, "pack") == {"transit", "receipt", "injection"}
    assert comes_after(PROTOCOL, "injection") == set()
