"""Nothing under /v1 without a valid key, and guessing is slow."""

import pytest
from fastapi.testclient import TestClient

from scheduler.persistence.database import Database
from scheduler.persistence.keys import revoke_key
from scheduler.persistence.unit_of_work import UnitOfWork
from tests.api.cast import ADMIN, NOW, FixedClock, Keys

WRONG = {"Authorization": f"Bearer mk_{'0' * 12}_{'0' * 40}"}


@pytest.mark.parametrize("path", ["/v1/me", "/v1/sites", "/v1/audit", "/v1/nowhere"])
def test_without_a_key_every_address_of_v1_is_401(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:marrowline:problem:key-missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="marrowline"'


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "mk_1_2", "Bearer\tx"])
def test_a_header_that_presents_no_key_is_401(client: TestClient, header: str) -> None:
    assert client.get("/v1/me", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("presented", ["x", "mk_1_2", "ключ", "mk_" + "a" * 5000, "mk_000000000000_" + "0" * 40])
def test_a_key_nobody_has_is_401(client: TestClient, presented: str) -> None:
    answer = client.get("/v1/me", headers={"Authorization": b"Bearer " + presented.encode()})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:marrowline:problem:key-refused")


def test_a_revoked_key_is_401_at_once(client: TestClient, keys: Keys, sqlite_database: Database) -> None:
    assert client.get("/v1/me", headers=keys.nora).status_code == 200
    with UnitOfWork(sqlite_database, now=NOW, principal=ADMIN) as work:
        revoke_key(work, keys.nora["Authorization"].split("_")[1])
        work.commit()
    assert client.get("/v1/me", headers=keys.nora).status_code == 401


def test_a_key_is_never_taken_from_the_address(client: TestClient, keys: Keys) -> None:
    key = keys.nora["Authorization"].removeprefix("Bearer ")
    assert client.get("/v1/me", params={"key": key, "access_token": key}).status_code == 401


def test_after_three_wrong_keys_an_address_waits_whatever_key_it_sends(
    client: TestClient, keys: Keys, clock: FixedClock
) -> None:
    # The settings of these tests allow 3 refused keys in 60 seconds.
    assert [client.get("/v1/me", headers=WRONG).status_code for _ in range(4)] == [401, 401, 401, 429]
    answer = client.get("/v1/me", headers=keys.nora)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    clock.advance(61)
    assert client.get("/v1/me", headers=keys.nora).status_code == 200


def test_wrong_keys_further_apart_than_the_stretch_make_nobody_wait(client: TestClient, clock: FixedClock) -> None:
    # 31 seconds apart: of the earlier ones only one lies within 60 seconds, and 3 are allowed.
    for _ in range(6):
        assert client.get("/v1/me", headers=WRONG).status_code == 401
        clock.advance(31)


def test_requests_without_a_key_are_not_guesses(client: TestClient, keys: Keys) -> None:
    for _ in range(5):
        assert client.get("/v1/me").status_code == 401
    assert client.get("/v1/me", headers=keys.nora).status_code == 200


def test_an_address_that_waits_may_still_ask_whether_the_service_lives(client: TestClient) -> None:
    for _ in range(4):
        client.get("/v1/me", headers=WRONG)
    assert client.get("/livez").status_code == 200
