"""Verdicts on temperature readings (docs/domain.md section 6): ten-minute gaps, 2 to 8, 0 to 15 for half an hour."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler.domain.excursions import Reading, Verdict, judge
from tests.coldchain.by_minute import LIMITS, minute, stretch

HOUR = stretch(0, 60)


def every_five(*, warm: dict[int, float] | None = None, until: int = 60, since: int = 0) -> list[Reading]:
    """A reading of 5 degrees every five minutes, others where given."""
    return [Reading(minute(at), (warm or {}).get(at, 5.0)) for at in range(since, until + 1, 5)]


def verdict(*readings: Reading) -> Verdict:
    return judge(readings, HOUR, LIMITS)


def test_always_cold_and_whole_is_in_range() -> None:
    found = verdict(*every_five())
    assert (found.word, found.exposure, found.lowest, found.highest) == ("in-range", timedelta(0), 5.0, 5.0)
    assert [one.rule for one in found.reasons] == ["in_range"]
    assert (found.readings, found.first_at, found.last_at) == (13, minute(0), minute(60))


@pytest.mark.parametrize("bound", [2.0, 8.0])
def test_the_bounds_are_in_range(bound: float) -> None:
    assert verdict(*every_five(warm={30: bound})).word == "in-range"


def test_one_reading_outside_counts_from_the_one_before_to_the_one_after() -> None:
    # 8.1 at minute 30 between readings at 25 and 35: ten minutes.
    found = verdict(*every_five(warm={30: 8.1}))
    assert (found.word, found.exposure, found.longest_run) == ("review", timedelta(minutes=10), timedelta(minutes=10))
    assert found.reasons[0].sentence == "Outside 2 to 8 °C for 10 min in total; up to 30 min can be decided on."


def test_exposure_is_cumulative_and_the_longest_run_is_told() -> None:
    # Minute 10: ten minutes; minutes 30 and 35: 25 to 40, fifteen minutes. Together 25, at most 15 at one stretch.
    found = verdict(*every_five(warm={10: 1.0, 30: 9.0, 35: 9.0}))
    assert (found.word, found.exposure, found.longest_run) == ("review", timedelta(minutes=25), timedelta(minutes=15))


def test_half_an_hour_is_reviewed_and_more_is_not() -> None:
    # Minutes 20 to 40 warm: 15 to 45, thirty minutes. One reading more makes it 35.
    warm = dict.fromkeys(range(20, 41, 5), 12.0)
    assert verdict(*every_five(warm=warm)).word == "review"
    found = verdict(*every_five(warm=warm | {45: 12.0}))
    assert (found.word, found.reasons[0].rule, found.exposure) == (
        "quarantine",
        "long_excursion",
        timedelta(minutes=35),
    )


@pytest.mark.parametrize(
    ("celsius", "word"), [(0.0, "review"), (15.0, "review"), (-0.1, "quarantine"), (15.1, "quarantine")]
)
def test_one_reading_beyond_review_is_too_much(celsius: float, word: str) -> None:
    assert verdict(*every_five(warm={30: celsius})).word == word


def test_nothing_read_is_missing() -> None:
    assert verdict().word == "missing"
    found = verdict(*(Reading(minute(at), None) for at in range(0, 61, 5)))
    assert (found.word, found.reasons[0].rule, found.unusable, found.lowest) == ("missing", "no_readings", 13, None)


def test_one_reading_may_be_missing_and_two_may_not() -> None:
    left_out = [one for one in every_five() if one.at != minute(30)]
    assert verdict(*left_out).word == "in-range"
    found = verdict(*(one for one in left_out if one.at != minute(35)))
    assert (found.word, found.reasons[0].rule, found.gaps) == ("missing", "gap", (stretch(25, 40),))


def test_readings_must_reach_from_packing_to_receipt() -> None:
    assert verdict(*every_five(until=55)).reasons[0].sentence == "The readings stop before the unit was received."
    assert verdict(*every_five(since=5)).reasons[0].sentence == "The readings begin after the unit was packed."


def test_what_was_read_before_packing_and_after_receipt_does_not_count() -> None:
    around = [Reading(minute(-20), 22.0), *every_five(since=-10, until=70), Reading(minute(80), 22.0)]
    assert verdict(*around).word == "in-range"


def test_a_known_excursion_is_worse_than_what_is_not_known() -> None:
    assert verdict(*every_five(warm={5: 20.0}, until=30)).word == "quarantine"
    found = verdict(*every_five(warm={5: 9.0}, until=30))
    assert [one.rule for one in found.reasons] == ["ends", "short_excursion"]
    assert found.word == "missing"


def test_newest_first_is_in_order_too() -> None:
    readings = every_five(warm={10: 9.0})
    backwards = judge(reversed(readings), HOUR, LIMITS)
    assert (backwards.word, backwards.exposure) == ("review", timedelta(minutes=10))


def test_a_clock_that_was_set_back_is_never_in_range() -> None:
    # The second half was read half an hour later than its times say: what is missing is hidden by what is there twice.
    readings = [*every_five(until=45), *every_five(since=20)]
    assert (verdict(*readings).word, verdict(*readings).reasons[0].rule) == ("missing", "order")


def test_two_exchanged_lines_are_not_certain() -> None:
    first, second, *others = every_five()
    assert verdict(second, first, *others).word == "missing"


def test_the_same_time_twice_counts_with_the_worse() -> None:
    readings = [Reading(minute(30), 9.0), *every_five()]
    readings.sort(key=lambda one: one.at)
    assert verdict(*readings).exposure == timedelta(minutes=10)
    assert verdict(*[each for one in every_five() for each in (one, one)]).word == "in-range"


def test_a_stretch_without_length_proves_nothing() -> None:
    with pytest.raises(ValueError, match="without length"):
        judge(every_five(), stretch(5, 5), LIMITS)
