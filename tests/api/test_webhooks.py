"""Webhooks over HTTP: made once with a secret shown once, looked at, replayed, ended."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from tests.api.callers import ANA, Callers

NEW = {"url": "https://receiver.example/visits", "label": "Hospital system"}


def test_a_subscriber_sees_every_message_with_its_content(callers: Callers) -> None:
    made = callers.done("nora", "/v1/webhooks", NEW, status=201)
    callers.book()
    path = f"/v1/webhooks/{made['id']}/messages"
    first = callers.get("nora", path, params={"limit": 3})
    rest = callers.get("nora", first.links["next"]["url"])
    items = first.json()["items"] + rest.json()["items"]
    assert [one["sequence"] for one in items] == [1, 2, 3, 4]
    assert {one["content"]["data"]["patient"] for one in items} == {ANA}
    assert all(one["ended_at"] is None and one["attempts"] == 0 for one in items)
    assert callers.done("nora", f"/v1/webhooks/{made['id']}/replay", {"from_sequence": 2}) == {"messages": 3}


def test_the_secret_is_shown_once(callers: Callers) -> None:
    key = {"Idempotency-Key": "hook-1"}
    made, again = (callers.post("nora", "/v1/webhooks", NEW, headers=key) for _ in range(2))
    assert (made.status_code, again.status_code) == (HTTPStatus.CREATED, HTTPStatus.CONFLICT)
    assert made.json()["secret"].startswith("whsec_")
    (listed,) = callers.get("nora", "/v1/webhooks").json()["items"]
    assert listed == {name: value for name, value in made.json().items() if name != "secret"}


def test_one_of_another_site_is_not_there(callers: Callers) -> None:
    made = callers.done("nora", "/v1/webhooks", NEW, status=201)
    assert callers.get("sam", f"/v1/webhooks/{made['id']}/messages").status_code == HTTPStatus.NOT_FOUND
    assert callers.call("sam", "DELETE", f"/v1/webhooks/{made['id']}").status_code == HTTPStatus.NOT_FOUND
    assert callers.call("nora", "DELETE", f"/v1/webhooks/{made['id']}").status_code == HTTPStatus.NO_CONTENT


@pytest.mark.parametrize("url", ["https://127.0.0.1/x", "http://receiver.example/x", "https://a b/", "x" * 501])
def test_an_address_that_nothing_is_sent_to_is_refused(callers: Callers, url: str) -> None:
    answer = callers.post("nora", "/v1/webhooks", NEW | {"url": url})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
