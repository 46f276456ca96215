"""Lists come in pages, whole and in order."""

import base64

import pytest
from fastapi.testclient import TestClient

from api.paging import LONGEST, _sealed
from tests.api.cast import Keys
from tests.api.rehearsal import Rehearsals


def test_following_next_gives_every_entry_once(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    # The list is 1 to 7.
    pages, url = [], "/v1/numbers?limit=3"
    while url:
        answer = client.get(url, headers=keys.nora)
        pages.append(answer.json()["items"])
        url = answer.links.get("next", {}).get("url", "")
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]
    assert answer.json()["next"] is None


def test_the_link_keeps_the_filters_and_names_no_host(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    answer = client.get("/v1/numbers?limit=2&site=HYU", headers=keys.nora)
    cursor = answer.json()["next"]
    assert answer.headers["link"] == f'</v1/numbers?site=HYU&cursor={cursor}&limit=2>; rel="next"'


GOOD = _sealed("numbers", [3])


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "ä",
        GOOD[:-1],
        GOOD + "A",
        GOOD.swapcase(),
        _sealed("others", [3]),
        _sealed("numbers", ["3"]),
        _sealed("numbers", [True]),
        _sealed("numbers", [3, 3]),
        _sealed("numbers", [2**63]),
        _sealed("numbers", []),
        base64.urlsafe_b64encode(b"[3]").decode(),
    ],
)
def test_a_cursor_of_another_list_or_that_was_touched_is_400(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, cursor: str
) -> None:
    answer = client.get("/v1/numbers", params={"cursor": cursor}, headers=keys.nora)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:marrowline:problem:malformed-cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=", "cursor=" + "A" * (LONGEST + 1)])
def test_a_page_out_of_bounds_is_422(rehearsals: Rehearsals, client: TestClient, keys: Keys, query: str) -> None:
    assert client.get(f"/v1/numbers?{query}", headers=keys.nora).status_code == 422
