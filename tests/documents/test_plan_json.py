"""plan.json: what is written, what comes back, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler.documents.plan_json import plan_json
from scheduler.documents.plan_reader import plan_from_json, read_plan
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Activity, Plan, PlannedCourse, Unplanned
from tests.domain.world import ANA, FACTS, NETWORK, NORTH, PLANT, SOUTH, plan_of, valid_plan

Edit = Callable[[dict[str, Any]], object]


def written(plan: Plan, facts: Facts = FACTS) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(plan_json(plan, facts.network))
    return document


def test_a_plan_comes_back_exactly_as_it_was_written() -> None:
    plan = replace(valid_plan(), unplanned=(Unplanned("ANA", 3, ("fill must fall on 3-9 Oct; the plant is closed",)),))
    text = plan_json(plan, NETWORK)
    assert plan_from_json(text, "plan.json") == plan
    assert plan_json(plan_from_json(text, "plan.json"), NETWORK) == text


def test_an_empty_plan_comes_back_exactly_as_it_was_written() -> None:
    empty = PlannedCourse("ANA", NORTH, None, date(2027, 1, 4), 60.5, ())
    plan = plan_of(FACTS, empty)
    assert plan_from_json(plan_json(plan, NETWORK), "plan.json") == plan


def test_a_course_says_which_doses_were_restarted_and_is_read_back_so() -> None:
    plan = valid_plan()
    ana, ben = plan.courses
    plan = replace(plan, courses=(replace(ana, restarted=frozenset({1})), ben))
    document = written(plan)
    assert document["courses"][0]["restarted"] == [1]
    assert "restarted" not in document["courses"][1]
    assert plan_from_json(plan_json(plan, NETWORK), "plan.json") == plan


def test_a_restarted_dose_that_is_no_number_is_refused() -> None:
    document = written(valid_plan())
    document["courses"][0]["restarted"] = ["first"]
    with pytest.raises(BadInput, match="is not a whole number") as caught:
        plan_from_json(json.dumps(document), "plan.json")
    assert caught.value.key == "courses[0].restarted[0]"


def test_the_document_has_the_keys_of_the_public_contract_in_their_order() -> None:
    document = written(valid_plan())
    assert list(document) == [
        "format",
        "program",
        "audience",
        "status",
        "seed",
        "cost",
        "bound",
        "wall_seconds",
        "courses",
        "unplanned",
    ]
    assert (document["format"], document["audience"]) == ("marrowline-plan/1", "plant")
    assert list(document["courses"][0]) == ["patient", "site", "registered_on", "weight_kg", "activities"]


def test_a_fill_is_written_with_its_units_volume_and_local_times() -> None:
    fill = next(one for one in written(valid_plan())["courses"][0]["activities"] if one["id"] == "ANA/1/fill")
    # ANA weighs 60.5 kg: band 59-61, mid-weight 60 kg, 0.1 mL/kg = 6.0 mL in ceil(6 / 4) = 2 syringes.
    assert fill == {
        "id": "ANA/1/fill",
        "kind": "fill",
        "dose": 1,
        "place": "PLANT",
        "units": {"cold_store": "cold_store-1", "fill_crew": "fill_crew-1", "suite": "suite-1"},
        "volume_ml": 6.0,
        "syringes": 2,
        "start": "2027-02-17T12:30:00+09:00",
        "end": "2027-02-17T15:00:00+09:00",
    }


def test_a_transit_starts_on_its_origins_clock_and_ends_on_its_destinations() -> None:
    places = tuple(replace(one, zone="America/New_York") if one.code == SOUTH else one for one in NETWORK.places)
    start, end = datetime(2027, 3, 13, 21, 0, tzinfo=UTC), datetime(2027, 3, 14, 9, 0, tzinfo=UTC)
    transit = Activity("ANA/1/transit", "transit", 1, PLANT, {}, start, end, lane="south-out")
    course = PlannedCourse("ANA", NORTH, PLANT, date(2027, 1, 4), 60.5, (transit,))
    text = plan_json(replace(valid_plan(), courses=(course,)), replace(NETWORK, places=places))
    shown = json.loads(text)["courses"][0]["activities"][0]
    # Seoul is UTC+9; New York went from UTC-5 to UTC-4 at 07:00 UTC on 14 March 2027.
    assert shown["start"] == "2027-03-14T06:00:00+09:00"
    assert shown["end"] == "2027-03-14T05:00:00-04:00"


def test_every_activity_stands_on_a_line_of_its_own() -> None:
    plan = valid_plan()
    lines = plan_json(plan, NETWORK).splitlines()
    assert sum('"kind"' in line for line in lines) == sum(len(course.activities) for course in plan.courses)


def remove(key: str) -> Edit:
    return lambda document: document.pop(key)


def put(key: str, value: Any) -> Edit:
    return lambda document: document.update({key: value})


def put_in_course(key: str, value: Any) -> Edit:
    return lambda document: document["courses"][0].update({key: value})


def put_in_activity(key: str, value: Any) -> Edit:
    return lambda document: document["courses"][0]["activities"][0].update({key: value})


REFUSED: list[tuple[str, Edit, str, str]] = [
    ("another format", put("format", "marrowline-plan/2"), "format", "marrowline-plan/2"),
    ("another audience", put("audience", "site:NORTH"), "audience", "site:NORTH"),
    ("an unknown status", put("status", "perfect"), "status", "perfect"),
    ("an unknown key", put("colour", "red"), "document", "colour"),
    ("a missing key", remove("seed"), "document", "seed"),
    ("a seed that is true", put("seed", True), "seed", "True"),
    ("a negative wall time", put("wall_seconds", -1), "wall_seconds", "-1"),
    ("two levels of cost", put("cost", {"levels": [0, 0]}), "cost.levels", "[0, 0]"),
    ("a bound that is no whole number", put("bound", {"levels": [0, 0, 0.5]}), "bound.levels[2]", "0.5"),
    ("courses that are no list", put("courses", {}), "courses", "{}"),
    ("a course that is a text", put("courses", ["ANA"]), "courses[0]", "'ANA'"),
    (
        "a date that does not exist",
        put_in_course("registered_on", "2027-02-30"),
        "courses[0].registered_on",
        "2027-02-30",
    ),
    ("a weight in words", put_in_course("weight_kg", "heavy"), "courses[0].weight_kg", "heavy"),
    ("a patient over two lines", put_in_course("patient", "A\nB"), "courses[0].patient", "A\\nB"),
    (
        "a naive time",
        put_in_activity("start", "2027-01-20T08:00:00"),
        "courses[0].activities[0].start",
        "2027-01-20T08",
    ),
    ("a time in words", put_in_activity("end", "now"), "courses[0].activities[0].end", "now"),
    (
        "a time before all clocks",
        put_in_activity("end", "0001-01-01T00:00:00+09:00"),
        "courses[0].activities[0].end",
        "0001",
    ),
    ("dose 0", put_in_activity("dose", 0), "courses[0].activities[0].dose", "0"),
    ("a unit without a name", put_in_activity("units", {"suite": ""}), "courses[0].activities[0].units.suite", "''"),
    (
        "reasons that are a text",
        put("unplanned", [{"patient": "ANA", "dose": 1, "reasons": "x"}]),
        "unplanned[0].reasons",
        "x",
    ),
]


@pytest.mark.parametrize(("edit", "key", "value"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_plan_is_refused_for(edit: Edit, key: str, value: str) -> None:
    document = written(valid_plan())
    edit(document)
    with pytest.raises(BadInput) as refusal:
        plan_from_json(json.dumps(document), "bent.json")
    assert (refusal.value.where, refusal.value.key) == ("bent.json", key)
    assert value in refusal.value.problem
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not usable JSON"),
        ('{"seed": NaN}', "NaN is not a number"),
        ('{"seed": 1, "seed": 2}', "'seed' stands twice"),
        ("[" * 200_000, "not usable JSON"),
        ("[]", "[] is not an object"),
    ],
    ids=["half", "nan", "twice", "deep", "list"],
)
def test_a_text_is_refused_that_is_no_plan(text: str, problem: str) -> None:
    with pytest.raises(BadInput, match=r"bent\.json") as refusal:
        plan_from_json(text, "bent.json")
    assert problem in refusal.value.problem


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(BadInput, match="Is a directory"):
        read_plan(tmp_path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe{}")
    with pytest.raises(BadInput, match="utf-8"):
        read_plan(binary)


def test_the_plant_of_a_course_is_where_most_of_it_happens_away_from_the_site() -> None:
    plan = plan_from_json(plan_json(valid_plan(), NETWORK), "plan.json")
    assert {(course.patient, course.plant) for course in plan.courses} == {(ANA.id, PLANT), ("BEN", PLANT)}


def test_the_example_of_the_documentation_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "plan-format.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    plan = plan_from_json(example, "docs/plan-format.md")
    assert (plan.program, plan.courses[0].activities[0].kind, plan.unplanned[0].dose) == ("alsummit", "fill", 3)
