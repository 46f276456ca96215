"""Who am I, what may I see, and what time is it."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from scheduler.persistence.bundle import bundle_of
from scheduler.persistence.database import Database
from scheduler.persistence.tables import ProgramRow
from scheduler.settings import Settings
from tests.api.cast import NOW, Keys


def test_a_key_learns_whose_it_is_and_what_time_it_is(client: TestClient, keys: Keys) -> None:
    answer = client.get("/v1/me", headers=keys.nora)
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "Nora North",
        "role": "coordinator",
        "audience": "blinded",
        "site": "HYU",
        "sees": "The visits of your site with their windows, arrival times, status and reasons.",
        "clock": {"now": "2027-01-04T00:00:00Z", "is_program_clock": False},
    }


def test_a_program_clock_is_shown_as_one(sqlite_database: Database, keys: Keys) -> None:
    client = TestClient(create_app(Settings(program_clock=NOW + timedelta(days=30)), database=sqlite_database))
    clock = client.get("/v1/me", headers=keys.paul).json()["clock"]
    assert clock["is_program_clock"]
    assert clock["now"].startswith("2027-02-03T00:00")  # 30 days after 4 January


@pytest.mark.parametrize(
    ("who", "sites"),
    [("nora", ["HYU"]), ("sam", ["PNY"]), ("paul", ["HYU", "SNU", "SMC", "KUA", "PNY"])],
)
def test_a_site_sees_itself_and_the_plant_sees_all(client: TestClient, keys: Keys, who: str, sites: list[str]) -> None:
    items = client.get("/v1/sites", headers=getattr(keys, who)).json()["items"]
    assert [item["code"] for item in items] == sites
    assert {item["now"] for item in items} == {"2027-01-04T09:00:00+09:00"}  # Seoul is 9 h ahead of UTC
    assert {item["zone"] for item in items} == {"Asia/Seoul"}


def test_before_a_program_is_imported_a_sentence_says_so(sqlite_database: Database, keys: Keys) -> None:
    client = TestClient(create_app(Settings(), database=sqlite_database))
    answer = client.get("/v1/sites", headers=keys.nora)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:marrowline:problem:no-program")


def test_the_sites_of_an_imported_program_come_from_the_database(sqlite_database: Database, keys: Keys) -> None:
    bundle = bundle_of("alsummit")
    with sqlite_database.writing() as session:
        session.add(
            ProgramRow(
                name=bundle.name,
                title=bundle.title,
                starts_on=bundle.starts_on,
                files=bundle.text,
                sha256=bundle.sha256,
                imported_at=NOW,
                imported_by="Mina Admin",
            )
        )
    client = TestClient(create_app(Settings(), database=sqlite_database))
    items = client.get("/v1/sites", headers=keys.sam).json()["items"]
    assert [item["code"] for item in items] == ["PNY"]
