"""Alive is not the same as ready."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from scheduler.persistence.database import Database, open_database
from scheduler.settings import Settings
from tests.api.cast import FixedClock
from tests.databases import new_sqlite


def test_a_service_on_a_migrated_database_is_ready(database: Database) -> None:
    answer = TestClient(create_app(Settings(), database=database)).get("/readyz")
    nights = {"last_good_at": None, "overdue": False}
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "revision": database.head(), "nights": nights},
    )


def test_a_database_without_tables_is_not_ready_and_says_what_to_run(tmp_path: Path) -> None:
    empty = new_sqlite(tmp_path / "empty.db", migrated=False)
    client = TestClient(create_app(Settings(), database=empty))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["part"]) == (503, "migrations")
    assert answer.json()["detail"].endswith("Run: marrowline migrate")
    assert client.get("/livez").json() == {"status": "alive"}


@pytest.mark.parametrize("path", ["/readyz", "/v1/me"])
def test_a_database_that_is_gone_is_503(path: str) -> None:
    # Nothing listens on port 1.
    gone = open_database("postgresql+psycopg://ana:secret-of-ana@127.0.0.1:1/marrowline")
    client = TestClient(create_app(Settings(), database=gone, clock=FixedClock()))
    answer = client.get(path, headers={"Authorization": "Bearer mk_1_2"})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert "secret-of-ana" not in answer.text
    assert client.get("/livez").status_code == 200


def test_a_service_closes_the_database_it_opened_and_no_other(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(Database, "dispose", lambda self: closed.append(self.url))
    with TestClient(create_app(Settings(), database=sqlite_database)):
        pass
    assert closed == []
    with TestClient(create_app(Settings(database_url=sqlite_database.url))):
        pass
    assert closed == [sqlite_database.url]
