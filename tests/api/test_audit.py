"""Auditors read the trail, and that they did is in it."""

import pytest
from fastapi.testclient import TestClient

from scheduler.persistence.audit import Verified, verify
from scheduler.persistence.database import Database
from tests.api.cast import Keys, trail


def test_an_auditor_reads_entries_in_the_order_they_were_made(client: TestClient, keys: Keys) -> None:
    answer = client.get("/v1/audit", headers=keys.ada)
    items = answer.json()["items"]
    # The four keys of the cast were made first.
    assert [(item["id"], item["action"]) for item in items] == [(number, "key:made") for number in (1, 2, 3, 4)]
    assert items[0]["after"] == {"name": "Nora North", "role": "coordinator", "site": "HYU"}
    assert items[1]["previous_hash"] == items[0]["hash"]
    assert (answer.json()["next"], "link" in answer.headers) == (None, False)


def test_a_read_is_recorded_with_what_was_asked(client: TestClient, keys: Keys, sqlite_database: Database) -> None:
    answer = client.get("/v1/audit?action=key:made", headers=keys.ada)
    (line,) = trail(sqlite_database, "audit:read")
    assert (line.actor, line.role, line.request_id) == ("Ada Audit", "auditor", answer.headers["x-request-id"])
    assert line.after == '{"action":"key:made","after":0,"entries":4}'
    with sqlite_database.session() as session:
        assert isinstance(verify(session), Verified)


def test_reading_page_by_page_ends_although_every_read_adds_an_entry(client: TestClient, keys: Keys) -> None:
    seen, url = [], "/v1/audit?limit=1"
    while url:
        answer = client.get(url, headers=keys.ada)
        seen += [item["id"] for item in answer.json()["items"]]
        url = answer.links.get("next", {}).get("url", "")
    assert seen == [1, 2, 3, 4]


def test_entries_can_be_asked_for_by_subject_and_action(client: TestClient, keys: Keys) -> None:
    subject = client.get("/v1/audit?limit=1", headers=keys.ada).json()["items"][0]["subject"]
    found = client.get("/v1/audit", params={"subject": subject, "action": "key:made"}, headers=keys.ada)
    assert [item["id"] for item in found.json()["items"]] == [1]
    assert client.get("/v1/audit?action=plan:published", headers=keys.ada).json()["items"] == []


@pytest.mark.parametrize("who", ["nora", "paul"])
def test_nobody_else_reads_it_and_trying_is_recorded(
    client: TestClient, keys: Keys, sqlite_database: Database, who: str
) -> None:
    answer = client.get("/v1/audit", headers=getattr(keys, who))
    assert answer.status_code == 403
    assert [line.subject for line in trail(sqlite_database, "access:refused")] == ["GET /v1/audit"]


@pytest.mark.parametrize("query", ["action=x", "action=a:b%00", "subject=", "subject=a%00", "subject=" + "a" * 201])
def test_a_filter_out_of_bounds_is_422(client: TestClient, keys: Keys, query: str) -> None:
    assert client.get(f"/v1/audit?{query}", headers=keys.ada).status_code == 422
