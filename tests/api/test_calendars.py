"""Addresses that calendar programs read: what they are answered, how seldom anew, and what strangers are answered."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from api.logs import JsonLines
from scheduler.persistence.database import Database
from scheduler.settings import Settings
from tests.api.callers import ANA, NORTH, Callers, Json, answering
from tests.api.cast import trail

PLAIN = {"Accept-Encoding": "identity"}
NUMBER = {"X-Request-ID": "calendar-test-1"}


@pytest.fixture
def booked(callers: Callers) -> Callers:
    """Ana's course is booked."""
    callers.book()
    return callers


@pytest.fixture
def sparing(sqlite_database: Database, tmp_path: Path) -> Iterator[Callers]:
    """A service that bears three refused credentials a minute."""
    settings = Settings(failed_keys=3, failed_keys_seconds=60)
    with answering(sqlite_database, tmp_path, settings=settings) as answered:
        yield answered


def feed(callers: Callers, scope: str = "site", subject: str = NORTH, who: str = "nora") -> Json:
    body = {"scope": scope, "subject": subject, "label": "Outlook"}
    return callers.done(who, "/v1/calendar-feeds", body, status=201)


def moved(callers: Callers) -> None:
    """Dose 2 goes to another day."""
    offer = callers.new_times()[0]["id"]
    move = {"offer": offer, "reason_code": "patient_request"}
    match = {"If-Match": callers.etag(f"/v1/courses/{ANA}")}
    callers.done("nora", f"/v1/courses/{ANA}/reschedule", move, headers=match)


def test_an_address_is_all_a_calendar_program_needs(booked: Callers) -> None:
    answer = booked.client.get(feed(booked)["url"], headers=PLAIN)
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.text.count("BEGIN:VEVENT") == 4


def test_head_tells_all_but_the_body(booked: Callers) -> None:
    url = feed(booked)["url"]
    head, whole = booked.client.head(url, headers=PLAIN), booked.client.get(url, headers=PLAIN)
    for name in ("etag", "last-modified", "content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


def test_a_reader_who_takes_gzip_gets_the_same_file_compressed_under_a_tag_of_its_own(booked: Callers) -> None:
    url = feed(booked)["url"]
    plain = booked.client.get(url, headers=PLAIN)
    with booked.client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_it_already_is_told_so_by_tag_or_by_date(booked: Callers, method: str) -> None:
    url = feed(booked)["url"]
    had = booked.client.get(url, headers=PLAIN).headers
    for known in ({"If-None-Match": had["etag"]}, {"If-Modified-Since": had["last-modified"]}):
        answer = booked.client.request(method, url, headers=PLAIN | known)
        assert (answer.status_code, answer.content) == (HTTPStatus.NOT_MODIFIED, b"")
        assert answer.headers["etag"] == had["etag"]


def test_after_a_change_neither_tag_nor_date_holds(booked: Callers) -> None:
    url = feed(booked)["url"]
    had = booked.client.get(url, headers=PLAIN).headers
    moved(booked)
    for known in (
        {"If-None-Match": had["etag"]},
        {"If-Modified-Since": had["last-modified"]},
        {"If-None-Match": '"x"', "If-Modified-Since": had["last-modified"]},
    ):
        assert booked.client.get(url, headers=PLAIN | known).status_code == HTTPStatus.OK


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Mar 2027 08:00:00 GMT", "Mon, 01 Mar 2027 08:00:00"])
def test_a_date_that_is_none_is_disregarded(booked: Callers, date: str) -> None:
    answer = booked.client.get(feed(booked)["url"], headers=PLAIN | {"If-Modified-Since": date})
    assert answer.status_code == HTTPStatus.OK


def test_a_wrong_a_malformed_and_a_revoked_address_are_answered_in_the_same_bytes(booked: Callers) -> None:
    made = feed(booked)
    token = made["url"].rsplit("/", 1)[1].removesuffix(".ics")
    guessed = [token[:-1] + ("0" if token[-1] != "0" else "1"), "0" * 12 + token[12:], "x", "%00", "ü", "a" * 5000]
    answers = [booked.client.get(f"/calendar/{one}.ics", headers=NUMBER) for one in guessed]
    assert booked.call("nora", "DELETE", f"/v1/calendar-feeds/{made['id']}").status_code == HTTPStatus.NO_CONTENT
    answers.append(booked.client.get(made["url"], headers=NUMBER))
    answers.append(booked.client.get("/calendar/no/feed.ics", headers=NUMBER))
    assert {(one.status_code, one.content, tuple(one.headers.items())) for one in answers} == {
        (HTTPStatus.NOT_FOUND, answers[0].content, tuple(answers[0].headers.items()))
    }


def test_guesses_are_counted_as_refused_keys_are(sparing: Callers) -> None:
    """Three refused credentials in a minute, and whoever sent them waits: even with a good address."""
    good = feed(sparing)["url"]
    for _ in range(3):
        assert sparing.client.get("/calendar/guess.ics").status_code == HTTPStatus.NOT_FOUND
    waits = sparing.client.get(good)
    assert (waits.status_code, waits.headers["retry-after"]) == (HTTPStatus.TOO_MANY_REQUESTS, "60")
    sparing.clock.advance(61)
    assert sparing.client.get(good).status_code == HTTPStatus.OK


def test_no_log_line_holds_an_address(booked: Callers, caplog: pytest.LogCaptureFixture) -> None:
    token = feed(booked)["url"].rsplit("/", 1)[1].removesuffix(".ics")
    with caplog.at_level(logging.DEBUG, logger="marrowline"):
        booked.client.get(f"/calendar/{token}.ics")
        booked.client.get(f"/calendar/{token}0.ics")
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert not any(token in line for line in lines)
    assert all('"/calendar/{token}.ics"' in line for line in lines)


def test_an_address_is_shown_once_and_never_listed(booked: Callers) -> None:
    key = {"Idempotency-Key": "outlook-1"}
    body = {"scope": "patient", "subject": ANA, "label": "Outlook"}
    made = booked.post("nora", "/v1/calendar-feeds", body, headers=key)
    again = booked.post("nora", "/v1/calendar-feeds", body, headers=key)
    assert (made.status_code, again.status_code) == (HTTPStatus.CREATED, HTTPStatus.CONFLICT)
    (listed,) = booked.get("nora", "/v1/calendar-feeds").json()["items"]
    assert listed == {name: value for name, value in made.json().items() if name != "url"}


def test_every_delivery_of_contents_is_on_record_and_no_question_without_an_answer(booked: Callers) -> None:
    made = feed(booked, "pharmacist", NORTH, "phil")
    etag = booked.client.get(made["url"]).headers["etag"]
    assert booked.client.get(made["url"], headers={"If-None-Match": etag}).status_code == HTTPStatus.NOT_MODIFIED
    (entry,) = trail(booked.database, "contents:read")
    assert (entry.actor, entry.role, entry.subject) == ("calendar feed of Phil Pharmacist", "pharmacist", made["id"])


def test_no_planner_may_have_a_pharmacists_calendar(booked: Callers) -> None:
    answer = booked.post("paul", "/v1/calendar-feeds", {"scope": "pharmacist", "subject": NORTH, "label": "x"})
    assert answer.status_code == HTTPStatus.FORBIDDEN


def test_the_same_is_answered_on_both_databases(callers_on_both: Callers) -> None:
    callers_on_both.book()
    url = feed(callers_on_both, "coordinator")["url"]
    first = callers_on_both.client.get(url, headers=PLAIN)
    callers_on_both.clock.now += timedelta(minutes=5)
    assert callers_on_both.post("nora", f"/v1/visits/{ANA}/2/graft/confirm").status_code == HTTPStatus.OK
    second = callers_on_both.client.get(url, headers=PLAIN | {"If-None-Match": first.headers["etag"]})
    assert second.status_code == HTTPStatus.OK
    assert "Confirmed by the patient." in second.text.replace("\r\n ", "")
    assert second.headers["last-modified"] == "Mon, 01 Mar 2027 08:05:00 GMT"
