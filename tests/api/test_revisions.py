"""Nobody overwrites what they have not seen."""

import pytest
from fastapi.testclient import TestClient

from tests.api.cast import Keys
from tests.api.rehearsal import Rehearsals

PATH = "/v1/rehearsed/HYU-001"


def test_what_is_read_carries_its_version(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    answer = client.get(PATH, headers=keys.nora)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')


@pytest.mark.parametrize("known", ['"3"', 'W/"3"', '"2", "3"', "*"])
def test_a_reader_who_has_the_version_is_sent_nothing(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, known: str
) -> None:
    answer = client.get(PATH, headers=keys.nora | {"If-None-Match": known})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"3"')


@pytest.mark.parametrize("known", ['"2"', "3", '"33"'])
def test_a_reader_of_another_version_is_sent_the_record(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, known: str
) -> None:
    assert client.get(PATH, headers=keys.nora | {"If-None-Match": known}).status_code == 200


def test_a_change_to_the_version_that_was_read_is_made(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    assert client.put(PATH, headers=keys.nora | {"If-Match": '"3"'}).json() == {"count": 4}


def test_a_change_that_names_no_version_is_428(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    answer = client.put(PATH, headers=keys.nora)
    assert (answer.status_code, answer.json()["type"]) == (428, "urn:marrowline:problem:version-required")
    assert rehearsals.version == 3


@pytest.mark.parametrize("named", ['"2"', '"4"', 'W/"3"', "*", "3", '"3", "4"', '"' + "9" * 30 + '"', '"٣"'])
def test_a_change_to_any_other_version_is_412(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, named: str
) -> None:
    answer = client.put(PATH, headers=keys.nora | {"If-Match": named.encode()})
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:marrowline:problem:changed-meanwhile")
    assert rehearsals.version == 3
