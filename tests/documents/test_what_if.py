"""Before and after in figures, as text, and what the bounds prove of the difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.documents.summary import Summary, summarise
from scheduler.documents.utilisation import Utilisation
from scheduler.documents.what_if import (
    Figure,
    Verdict,
    as_text,
    doses_in_words,
    figures,
    in_words,
    load_in_words,
    table_rows,
    verdict,
)
from scheduler.domain.plan import Levels
from tests.domain.world import FACTS, PLANT, valid_plan

OLD = summarise(valid_plan(), FACTS)


def proven(cost: Levels, bound: Levels) -> Summary:
    return replace(OLD, cost=cost, bound=bound)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # Level 1: what is best before lies in [1000, 2000].
        (((2000, 0, 90), (1000, 0, 90)), ((999, 0, 90), (0, 0, 90)), "better"),
        (((2000, 0, 90), (1000, 0, 90)), ((1000, 0, 90), (0, 0, 90)), "open"),
        (((2000, 0, 90), (1000, 0, 90)), ((3000, 0, 90), (2001, 0, 90)), "worse"),
        (((2000, 0, 90), (1000, 0, 90)), ((3000, 0, 90), (2000, 0, 90)), "open"),
        # Level 1 is proven to be the same, so level 3 decides: [80, 90] against others.
        (((0, 0, 90), (0, 0, 80)), ((0, 0, 79), (0, 0, 70)), "better"),
        (((0, 0, 90), (0, 0, 80)), ((0, 0, 99), (0, 0, 91)), "worse"),
        (((0, 0, 90), (0, 0, 80)), ((0, 0, 85), (0, 0, 85)), "open"),
        (((0, 0, 90), (0, 0, 90)), ((0, 0, 90), (0, 0, 90)), "equal"),
        # Level 3 says nothing where level 1 is open.
        (((1000, 0, 90), (0, 0, 80)), ((1000, 0, 10), (0, 0, 10)), "open"),
    ],
)
def test_what_the_bounds_prove(before: tuple[Levels, Levels], after: tuple[Levels, Levels], told: Verdict) -> None:
    assert verdict(proven(*before), proven(*after)) == told


def test_nothing_differs_between_a_plan_and_itself() -> None:
    assert {one.difference for one in figures(OLD, OLD)} == {0}


def test_differences_are_signed_and_numbers_have_units() -> None:
    after = replace(OLD, doses_planned=OLD.doses_planned - 1, doses_unplanned=1)
    rows = table_rows(figures(OLD, after))
    # ANA and BEN have three doses each.
    assert rows[0] == ("doses planned", "6 doses", "5 doses", "-1")
    assert rows[1] == ("doses lost", "0 doses", "1 dose", "+1")


def test_more_units_are_told_and_how_many_are_busy_at_once() -> None:
    def roomier(one: Utilisation) -> Utilisation:
        return replace(one, units=3, most_busy=3) if (one.place, one.resource) == (PLANT, "incubator") else one

    after = replace(OLD, utilisation=tuple(map(roomier, OLD.utilisation)))
    told = {one.name: (one.before, one.after) for one in figures(OLD, after)}
    assert told[f"units there are, {PLANT} incubator"] == (2, 3)
    assert told[f"units busy at most, {PLANT} incubator"] == (2, 3)
    assert not [one for one in told if one.startswith("units") and "incubator" not in one]
    assert f"load, {PLANT} dock" not in told  # nothing uses it


def test_bounds_stay_out_where_there_are_none() -> None:
    assert any(one.name.startswith("bound") for one in figures(OLD, OLD))
    assert not any(one.name.startswith(("bound", "gap")) for one in figures(OLD, OLD, bounded=False))


def test_what_was_bought_in_one_sentence() -> None:
    assert OLD.waiting is not None
    after = replace(OLD, waiting=replace(OLD.waiting, median=43), doses_planned=OLD.doses_planned + 2)
    assert in_words("units PLANT suite +1", OLD, after) == (
        "units PLANT suite +1: median wait 45 -> 43 days, 2 doses more, level 3 0 points"
    )
    assert in_words("x", replace(OLD, waiting=None), OLD).startswith("x: no dose 1 planned")


def test_the_load_that_changes_most_is_named() -> None:
    listed = [
        Figure("load, HUB suite", "%", 20.0, 15.5),
        Figure("load, HUB incubator", "%", 30.0, 40.0),
        Figure("load, EAST clinic", "%", None, 99.0),
        Figure("doses lost", "doses", 90, 0),
    ]
    assert load_in_words(listed) == "The load of HUB incubator changes most: 30 -> 40 %."
    assert load_in_words(figures(OLD, OLD)) == "No load changes."


def test_doses_are_counted_in_words() -> None:
    assert [doses_in_words(one) for one in (2, 1, 0, -1)] == [
        "2 doses more",
        "1 dose more",
        "no dose more or fewer",
        "1 dose fewer",
    ]


def test_the_text_is_a_table_with_its_numbers_to_the_right_and_the_sentences_below() -> None:
    lines = as_text(figures(OLD, OLD)[:2], ["In words."]).splitlines()
    assert lines == [
        "figure          before    after  difference",
        "-------------------------------------------",
        "doses planned  6 doses  6 doses           0",
        "doses lost     0 doses  0 doses           0",
        "",
        "In words.",
    ]
