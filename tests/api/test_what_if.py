"""POST /v1/what-if: figures for the plant's side, refusals by field, nothing written, nothing for who is blinded."""

from __future__ import annotations

import pytest

from api.routers.what_if import one_at_a_time
from tests.api.callers import BEN, SOUTH, Callers

MORE = "units HUB incubator +1"


@pytest.mark.parametrize("who", ["paul", "quinn", "ada"])
def test_the_plants_side_is_told_before_and_after(callers: Callers, who: str) -> None:
    callers.book()
    callers.register(BEN, "sam", SOUTH)
    records, lines = callers.records(), callers.lines()
    answer = callers.done(who, "/v1/what-if", {"changes": [MORE], "seconds": 60})
    assert answer["changes"] == [
        {"line": MORE, "form": {"change": "units", "place": "HUB", "resource": "incubator", "by": 1}}
    ]
    figures = {one["name"]: (one["before"], one["after"], one["difference"]) for one in answer["figures"]}
    # Two doses for Ana, who is booked, and two for Ben, who waits.
    assert figures["doses planned"] == (4, 4, 0)
    assert figures["visits moved"] == (0, 0, 0)
    assert figures["units there are, HUB incubator"] == (4, 5, 1)
    assert answer["cut_short"] is False
    assert answer["table"].startswith("figure")
    assert answer["sentences"][0].startswith(MORE)
    assert callers.records() == records
    # Only an auditor's reading leaves a line.
    assert callers.lines() - lines == (1 if who == "ada" else 0)


def test_a_line_and_its_json_form_are_the_same_question(callers: Callers) -> None:
    callers.book()
    form = {"change": "units", "place": "HUB", "resource": "incubator", "by": 1}
    asked = [callers.done("paul", "/v1/what-if", {"changes": [one], "seconds": 60}) for one in (MORE, form)]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("who", ["nora", "sam", "dora", "phil", "mona", "carl", "stella", "rita", "sue", "alan"])
def test_for_everybody_else_it_is_not_their_role(callers: Callers, who: str) -> None:
    answer = callers.post(who, "/v1/what-if", {"changes": [MORE]})
    assert answer.status_code == 403
    assert "HUB" not in answer.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"changes": []}, "changes"),
        ({"changes": [MORE], "seconds": 61}, "seconds"),
        ({"changes": [MORE], "seconds": 0}, "seconds"),
        ({"changes": [MORE] * 21}, "changes"),
        ({"changes": ["units MOON suite +1"]}, "changes[0].place"),
        ({"changes": [MORE, "units HUB suite -1"]}, "changes[1].by"),
        ({"changes": ["holiday 2027-02-28"]}, "changes[0].on"),
        ({"changes": ["site EAST like NORTH"]}, "changes[0].change"),
        ({"changes": [{"change": "units", "place": "HUB", "resource": "suite", "by": 1, "lane": "x"}]}, "lane"),
        ({"changes": [{"change": "units", "place": "HUB", "resource": "suite"}]}, "changes[0].by"),
        ({"changes": ["buy a plant"]}, "changes[0]"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field_and_changes_nothing(
    callers: Callers, body: object, told: str
) -> None:
    records = callers.records()
    answer = callers.post("paul", "/v1/what-if", body)
    assert answer.status_code == 422
    assert told in answer.text
    assert callers.records() == records


def test_while_one_is_computed_the_next_is_asked_to_wait(callers: Callers) -> None:
    with one_at_a_time():
        answer = callers.post("paul", "/v1/what-if", {"changes": [MORE]})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("sandbox-busy")
    with one_at_a_time():
        pass  # the refused one has not kept it
