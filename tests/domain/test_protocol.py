"""Windows, weight bands and lookups of a protocol."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.protocol import Product, StepRef, Window
from tests.domain.treatment import PROTOCOL, ref

PAIR = Window(26, 0, -2, 5)
CELLS = Product("cells", 0.1, 4.0, 31, 131, 2)
days = st.dates(date(2026, 1, 1), date(2031, 12, 31))


def test_the_second_dose_is_due_after_26_days() -> None:
    # 26 = 3 weeks and 5 days: a Thursday's pair is a Tuesday.
    assert PAIR.target_on(date(2027, 2, 18)) == date(2027, 3, 16)


@pytest.mark.parametrize(("day", "allowed"), [(13, False), (14, True), (16, True), (21, True), (22, False)])
def test_both_ends_of_a_window_are_allowed(day: int, allowed: bool) -> None:
    assert PAIR.allows(date(2027, 2, 18), date(2027, 3, day)) is allowed


@pytest.mark.parametrize(
    ("anchor_on", "target_on"),
    [
        (date(2027, 10, 31), date(2028, 2, 29)),
        (date(2026, 10, 31), date(2027, 2, 28)),
        (date(2027, 2, 28), date(2027, 6, 28)),
        (date(2027, 9, 15), date(2028, 1, 15)),
    ],
)
def test_four_months_clamp_to_the_end_of_the_month(anchor_on: date, target_on: date) -> None:
    assert Window(0, 4, -7, 7).target_on(anchor_on) == target_on


@given(days, st.integers(0, 12))
def test_month_targets_land_in_the_right_month_on_the_day_or_the_last_before(anchor_on: date, months: int) -> None:
    target = Window(0, months, 0, 0).target_on(anchor_on)
    assert (target.year * 12 + target.month) - (anchor_on.year * 12 + anchor_on.month) == months
    next_day = target + timedelta(days=1)
    assert target.day == anchor_on.day or (target.day < anchor_on.day and next_day.day == 1)


@given(days, st.integers(-40, 80), st.integers(-10, 0), st.integers(0, 10))
def test_a_window_allows_exactly_its_days(anchor_on: date, off: int, earliest: int, latest: int) -> None:
    window = Window(26, 0, earliest, latest)
    visit_on = window.target_on(anchor_on) + timedelta(days=off)
    assert window.days_off(anchor_on, visit_on) == off
    assert window.allows(anchor_on, visit_on) is (earliest <= off <= latest)


@pytest.mark.parametrize(
    ("weight_kg", "volume_ml", "syringes"),
    [
        # Mid-weights 60, 60, 62, 40, 32 and 130 kg at 0.1 mL/kg; 4 mL fill one syringe, 4.2 mL need two.
        (59.0, 6.0, 2),
        (60.9, 6.0, 2),
        (61.0, 6.2, 2),
        (39.0, 4.0, 1),
        (41.0, 4.2, 2),
        (31.0, 3.2, 1),
        (130.9, 13.0, 4),
    ],
)
def test_volume_and_syringes_follow_the_band(weight_kg: float, volume_ml: float, syringes: int) -> None:
    assert (CELLS.volume_ml(weight_kg), CELLS.syringes(weight_kg)) == (volume_ml, syringes)


@pytest.mark.parametrize("weight_kg", [30.9, 131.0])
def test_a_weight_outside_the_bands_has_no_volume(weight_kg: float) -> None:
    assert not CELLS.accepts(weight_kg)
    with pytest.raises(ValueError, match="no weight band"):
        CELLS.volume_ml(weight_kg)


@given(st.integers(310, 1309))
def test_a_volume_is_that_of_a_weight_at_most_a_kilogram_away(tenths: int) -> None:
    weight_kg = tenths / 10
    volume_ml = CELLS.volume_ml(weight_kg)
    assert abs(volume_ml - weight_kg * 0.1) <= 0.1 + 1e-9
    assert (CELLS.syringes(weight_kg) - 1) * 4.0 < volume_ml <= CELLS.syringes(weight_kg) * 4.0


@given(st.integers(310, 1308))
def test_a_heavier_patient_never_gets_less(tenths: int) -> None:
    assert CELLS.volume_ml(tenths / 10) <= CELLS.volume_ml((tenths + 1) / 10)


def test_a_reference_reads_like_its_text() -> None:
    assert [str(ref(text)) for text in ("fill.end", "harvest@2.start")] == ["fill.end", "harvest@2.start"]
    assert ref("harvest@2.start") == StepRef("harvest", "start", 2)


def test_a_dose_is_filled_where_its_shelf_life_begins() -> None:
    assert PROTOCOL.filled_in == "fill"
    unlimited = replace(PROTOCOL, limits=())
    assert unlimited.shelf_life is None
    assert unlimited.filled_in == "fill"
    assert replace(unlimited, cold_chain=None).filled_in is None


@pytest.mark.parametrize("look", [lambda: PROTOCOL.step("dance"), lambda: PROTOCOL.dose(9), lambda: PROTOCOL.arm("x")])
def test_what_a_protocol_does_not_have_is_a_key_error(look: object) -> None:
    assert callable(look)
    with pytest.raises(KeyError):
        look()
