"""A POST that is sent again under its key is answered again, and done once."""

import threading
from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from scheduler.booking.errors import Refused
from scheduler.persistence.errors import DatabaseBusy
from tests.api.cast import FixedClock, Keys
from tests.api.rehearsal import Rehearsals

ANA = {"name": "Ana"}


def post(
    client: TestClient, who: Mapping[str, str], key: str = "one", body: Mapping[str, object] = ANA, **more: str
) -> Response:
    return client.post("/v1/rehearsals", json=body, headers={**who, "Idempotency-Key": key, **more})


def test_the_same_request_again_is_answered_alike_and_done_once(
    rehearsals: Rehearsals, client: TestClient, keys: Keys
) -> None:
    first, second = post(client, keys.nora), post(client, keys.nora)
    assert rehearsals.performed == ["Ana"]
    assert (first.status_code, first.json()) == (201, {"count": 1})
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for header in ("location", "content-type"):
        assert second.headers[header] == first.headers[header]
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


def test_without_a_key_each_request_is_done(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    for _ in range(2):
        client.post("/v1/rehearsals", json=ANA, headers=keys.nora)
    assert rehearsals.performed == ["Ana", "Ana"]


@pytest.mark.parametrize(
    ("body", "more"), [({"name": "Ben"}, {}), (ANA, {"If-Match": '"4"'})], ids=["another body", "another version"]
)
def test_another_request_under_the_same_key_is_422(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, body: dict[str, object], more: dict[str, str]
) -> None:
    post(client, keys.nora)
    answer = post(client, keys.nora, body=body, **more)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:marrowline:problem:idempotency-key-reused")
    assert rehearsals.performed == ["Ana"]


def test_two_people_may_use_the_same_key(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    post(client, keys.nora)
    assert post(client, keys.sam).json() == {"count": 2}


def test_a_refusal_is_remembered_too(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    def refuse() -> None:
        raise Refused("hold-expired", 409, "The hold ran out. Ask anew.")

    rehearsals.trouble = refuse
    first = post(client, keys.nora)
    rehearsals.trouble = lambda: None
    second = post(client, keys.nora)
    assert (first.status_code, second.status_code) == (409, 409)
    assert second.content == first.content
    assert second.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("error", [DatabaseBusy(), RuntimeError("of ours")], ids=["503", "500"])
def test_an_error_of_ours_is_forgotten_so_that_the_caller_may_try_again(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, error: Exception
) -> None:
    def fail() -> None:
        raise error

    rehearsals.trouble = fail
    assert post(client, keys.nora).status_code >= 500
    rehearsals.trouble = lambda: None
    answer = post(client, keys.nora)
    assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)


def test_while_the_first_is_being_worked_on_the_second_is_409_and_later_gets_the_same_answer(
    rehearsals: Rehearsals, client: TestClient, keys: Keys
) -> None:
    headers = {**keys.nora, "Idempotency-Key": "one"}
    answers: list[Response] = []
    first = threading.Thread(target=lambda: answers.append(client.post("/v1/rehearsals/slow", headers=headers)))
    first.start()
    assert rehearsals.arrived.wait(10)
    second = client.post("/v1/rehearsals/slow", headers=headers)
    rehearsals.may_go_on.set()
    first.join(10)
    assert (second.status_code, second.json()["type"]) == (409, "urn:marrowline:problem:request-in-flight")
    assert second.headers["retry-after"] == "1"
    third = client.post("/v1/rehearsals/slow", headers=headers)
    assert (answers[0].status_code, third.content) == (200, answers[0].content)
    assert rehearsals.performed == ["slow"]


def test_of_eight_at_once_one_is_done(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    barrier = threading.Barrier(8)
    statuses: list[int] = []

    def send() -> None:
        barrier.wait(10)
        statuses.append(post(client, keys.nora).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rehearsals.performed == ["Ana"]
    assert len(statuses) == 8
    assert set(statuses) <= {201, 409}


def test_an_answer_is_forgotten_after_some_days(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, clock: FixedClock
) -> None:
    post(client, keys.nora)
    clock.advance(8 * 86_400)
    post(client, keys.nora, key="another")  # whoever comes next clears what is old
    assert post(client, keys.nora, body={"name": "Ben"}).status_code == 201


@pytest.mark.parametrize("key", [b"", b"a b", b"a" * 256, "ключ".encode(), b"a\tb"])
def test_a_key_that_is_not_visible_ascii_is_400(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, key: bytes
) -> None:
    headers = [(b"Authorization", keys.nora["Authorization"].encode()), (b"Idempotency-Key", key)]
    answer = client.post("/v1/rehearsals", json=ANA, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:marrowline:problem:malformed-idempotency-key")
    assert rehearsals.performed == []


def test_a_key_does_not_help_whoever_has_no_access(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    post(client, keys.nora)
    answer = post(client, {})
    assert answer.status_code == 401
    assert "count" not in answer.text
