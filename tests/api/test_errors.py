"""Every error is problem+json in words for a coordinator, and none tells what it must not."""

import json
import logging
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from api.logs import JsonLines
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.errors import BadInput
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable, Duplicate, Overlap
from tests.api.cast import Keys, trail
from tests.api.rehearsal import Rehearsals


def raising(error: Exception) -> Callable[[], None]:
    def trouble() -> None:
        raise error

    return trouble


def problem_of(answer: Response, status: int, slug: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content: dict[str, object] = answer.json()
    assert content["type"] == f"urn:marrowline:problem:{slug}"
    assert content["status"] == status
    assert content["instance"] == f"urn:marrowline:request:{answer.headers['x-request-id']}"
    assert str(content["detail"]).endswith((".", "...", "application/json"))
    return content


def rehearse(client: TestClient, keys: Keys, **content: object) -> Response:
    return client.post("/v1/rehearsals", json=content, headers=keys.nora)


def test_an_unknown_address_is_404_within_and_outside_v1(client: TestClient, keys: Keys) -> None:
    problem_of(client.get("/nowhere"), 404, "not-found")
    problem_of(client.get("/v1/nowhere", headers=keys.nora), 404, "not-found")


def test_an_address_with_a_slash_too_many_is_404_and_redirects_nowhere(client: TestClient, keys: Keys) -> None:
    problem_of(client.get("/v1/me/", headers=keys.nora, follow_redirects=False), 404, "not-found")


def test_a_method_an_address_does_not_answer_is_405_and_names_those_it_does(client: TestClient, keys: Keys) -> None:
    answer = client.delete("/v1/me", headers=keys.nora)
    problem_of(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("content", "field", "problem"),
    [
        ({"name": "Ana", "weight_kg": -3}, "weight_kg", "must be at least 20"),
        ({"name": "Ana", "weight_kg": 300.5}, "weight_kg", "must be at most 300"),
        ({"name": "Ana", "weight_kg": "heavy"}, "weight_kg", "must be a number"),
        ({}, "name", "is missing"),
        ({"name": ""}, "name", "must have at least 1 characters"),
        ({"name": "A\x00na"}, "name", "is not written in the form that is asked for"),
        ({"name": "Ana", "secret-name": 1}, "", "has a field that does not belong here"),
        ({"name": "Ana", "on": "1999-12-31"}, "on", "must be a date from 2000 to 2099"),
        ({"name": "Ana", "doses": [1, 10]}, "doses[1]", "must be at most 9"),
        (
            {"name": "Ana", "starts_at": "2027-01-04T09:00:00"},
            "starts_at",
            "needs its UTC offset, such as 2027-01-04T09:00:00+09:00",
        ),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_what_is_wrong(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, content: dict[str, object], field: str, problem: str
) -> None:
    answer = rehearse(client, keys, **content)
    told = problem_of(answer, 422, "not-usable")
    assert told["errors"] == [{"in": "body", "field": field, "problem": problem}]
    assert rehearsals.performed == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_weight_that_is_no_finite_number_is_refused(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, number: str
) -> None:
    headers = keys.nora | {"Content-Type": "application/json"}
    answer = client.post("/v1/rehearsals", content=f'{{"name":"Ana","weight_kg":{number}}}', headers=headers)
    problem_of(answer, 422, "not-usable")
    assert rehearsals.performed == []


def test_a_refusal_never_repeats_what_was_sent(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    answer = rehearse(client, keys, name="Xanthippe" * 99, weight_kg="Xanthippe", Xanthippe="Xanthippe")
    assert problem_of(answer, 422, "not-usable")["errors"]
    assert "Xanthippe" not in answer.text
    answer = client.get("/v1/rehearsed/Xanthippe!", headers=keys.nora)
    assert problem_of(answer, 422, "not-usable")["errors"] == [
        {"in": "path", "field": "patient", "problem": "is not written in the form that is asked for"}
    ]
    assert "Xanthippe" not in answer.text


def test_several_flaws_are_counted_in_the_sentence(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    told = problem_of(rehearse(client, keys, weight_kg=1), 422, "not-usable")
    assert told["detail"] == (
        "name in the body is missing. Correct it and send it again. There are 1 more problems: see errors."
    )


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 1500, b'{"name": 1' + b"0" * 1500])
def test_a_body_that_is_no_json_is_400(rehearsals: Rehearsals, client: TestClient, keys: Keys, body: bytes) -> None:
    answer = client.post("/v1/rehearsals", content=body, headers=keys.nora | {"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["title"] in ("Malformed json", "Malformed request")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_kind_is_415(rehearsals: Rehearsals, client: TestClient, keys: Keys, media_type: str) -> None:
    answer = client.post("/v1/rehearsals", content='{"name":"Ana"}', headers=keys.nora | {"Content-Type": media_type})
    problem_of(answer, 415, "not-json")


def test_a_stated_length_over_the_limit_is_413(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    problem_of(rehearse(client, keys, name="A" * 2000), 413, "body-too-large")


@pytest.mark.parametrize("with_key", [{}, {"Idempotency-Key": "one"}])
def test_a_body_that_comes_in_pieces_is_413_once_it_is_over_the_limit(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, with_key: dict[str, str]
) -> None:
    pieces = iter([b'{"name":"', *[b"A" * 500] * 5, b'"}'])
    headers = keys.nora | {"Content-Type": "application/json"} | with_key
    answer = client.post("/v1/rehearsals", content=pieces, headers=headers)
    assert "content-length" not in answer.request.headers
    problem_of(answer, 413, "body-too-large")
    assert rehearsals.performed == []


def test_a_query_parameter_nobody_knows_is_422_and_the_known_ones_are_named(
    rehearsals: Rehearsals, client: TestClient, keys: Keys
) -> None:
    answer = client.get("/v1/numbers?Xanthippe=1", headers=keys.nora)
    assert problem_of(answer, 422, "not-usable")["errors"] == [
        {
            "in": "query",
            "field": "",
            "problem": "has a parameter that does not belong here; known are: site, cursor, limit",
        }
    ]
    assert "Xanthippe" not in answer.text


def test_a_row_somebody_else_was_faster_with_is_409(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    rehearsals.trouble = raising(Duplicate("UNIQUE constraint failed: patient.id"))
    answer = rehearse(client, keys, name="Ana")
    assert "UNIQUE" not in str(problem_of(answer, 409, "done-meanwhile")["detail"])


def test_a_refusal_of_a_use_case_carries_its_own_name_and_sentence(
    rehearsals: Rehearsals, client: TestClient, keys: Keys
) -> None:
    rehearsals.trouble = raising(Refused("hold-expired", 409, "The hold ran out. Ask anew.", extra={"offer": "o-1"}))
    told = problem_of(rehearse(client, keys, name="Ana"), 409, "hold-expired")
    assert (told["title"], told["detail"], told["offer"]) == ("Hold expired", "The hold ran out. Ask anew.", "o-1")


def test_extra_members_cannot_replace_the_standard_ones(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    rehearsals.trouble = raising(Refused("hold-expired", 409, "The hold ran out.", extra={"status": 200, "type": "x"}))
    problem_of(rehearse(client, keys, name="Ana"), 409, "hold-expired")


def test_only_the_plant_is_told_what_supply_refused(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    rehearsals.trouble = raising(
        Refused("no-place", 409, "Every suite is taken.", blinded_sentence="There is no place on that day.")
    )
    told = {
        name: client.get("/v1/rehearsed/HYU-001", headers=headers).json()["detail"]
        for name, headers in vars(keys).items()
    }
    assert told == {
        "nora": "There is no place on that day.",
        "sam": "There is no place on that day.",
        "paul": "Every suite is taken.",
        "ada": "Every suite is taken.",
    }


def test_a_record_that_is_not_the_readers_is_404(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    rehearsals.trouble = raising(not_found("patient"))
    problem_of(client.get("/v1/rehearsed/HYU-001", headers=keys.sam), 404, "patient-not-found")


def test_a_change_to_a_record_that_is_not_theirs_leaves_a_line_and_a_look_leaves_none(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, sqlite_database: Database
) -> None:
    rehearsals.trouble = raising(not_found("patient"))
    problem_of(client.get("/v1/rehearsed/HYU-001", headers=keys.sam), 404, "patient-not-found")
    assert trail(sqlite_database, "access:refused") == []
    problem_of(rehearse(client, keys, name="Ana"), 404, "patient-not-found")
    (line,) = trail(sqlite_database, "access:refused")
    assert (line.actor, line.subject) == ("Nora North", "POST /v1/rehearsals")


def test_bad_input_names_the_place_and_the_remedy_and_not_the_value(
    rehearsals: Rehearsals, client: TestClient, keys: Keys
) -> None:
    rehearsals.trouble = raising(BadInput("rows", "rows[3].weight_kg", "'Xanthippe' is no number", "Write kilograms"))
    answer = rehearse(client, keys, name="Ana")
    assert problem_of(answer, 422, "bad-input")["detail"] == "rows[3].weight_kg cannot be used. Write kilograms."
    assert "Xanthippe" not in answer.text


def test_a_unit_taken_a_moment_ago_is_a_409_that_does_not_name_it(
    rehearsals: Rehearsals, client: TestClient, keys: Keys
) -> None:
    rehearsals.trouble = raising(Overlap(7))
    answer = rehearse(client, keys, name="Ana")
    assert "7" not in str(problem_of(answer, 409, "taken-meanwhile")["detail"])


@pytest.mark.parametrize(
    ("error", "slug", "seconds"),
    [(DatabaseBusy(), "busy", "1"), (DatabaseUnavailable(), "not-available", "5")],
)
def test_a_database_that_cannot_serve_is_503_with_the_time_to_wait(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, error: Exception, slug: str, seconds: str
) -> None:
    rehearsals.trouble = raising(error)
    answer = rehearse(client, keys, name="Ana")
    problem_of(answer, 503, slug)
    assert answer.headers["retry-after"] == seconds


def test_an_error_nobody_expected_tells_its_number_and_logs_where_it_happened_without_its_text(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    rehearsals.trouble = raising(RuntimeError("SELECT weight FROM patient WHERE id = 'HYU-001'"))
    with caplog.at_level(logging.INFO, "marrowline"):
        answer = rehearse(client, keys, name="Ana")
    told = problem_of(answer, 500, "internal-error")
    assert set(told) == {"type", "title", "status", "detail", "instance"}
    assert "SELECT" not in answer.text
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "marrowline.api"]
    failure = next(line for line in lines if line["event"] == "failure")
    assert failure["request_id"] == answer.headers["x-request-id"]
    assert any("rehearsal.py" in place for place in failure["stack"])
    assert "HYU-001" not in json.dumps(lines)


def test_a_role_that_may_not_is_403_and_leaves_one_line_in_the_trail(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, sqlite_database: Database
) -> None:
    answer = client.post("/v1/rehearsed/HYU-001/plan", headers=keys.nora)
    problem_of(answer, 403, "not-your-role")
    (line,) = trail(sqlite_database, "access:refused")
    assert (line.actor, line.subject) == ("Nora North", "POST /v1/rehearsed/{patient}/plan")
    assert line.request_id == answer.headers["x-request-id"]
    assert json.loads(line.after or "") == {"problem": "not-your-role", "meant": {"patient": "HYU-001"}}
    assert client.post("/v1/rehearsed/HYU-001/plan", headers=keys.paul).status_code == 200
    assert len(trail(sqlite_database, "access:refused")) == 1
