"""Exports over HTTP: files and pages for the caller's own sites."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from scheduler.documents.week_page import POLICY
from tests.api.callers import ANA, NORTH, SOUTH, Callers


@pytest.mark.parametrize(
    ("made_as", "media_type", "begins"),
    [
        ("ics", "text/calendar; charset=utf-8", b"BEGIN:VCALENDAR\r\n"),
        ("csv", "text/csv; charset=utf-8", b"site,patient,visit,"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    ],
)
def test_visits_come_in_each_format_as_a_file(callers: Callers, made_as: str, media_type: str, begins: bytes) -> None:
    callers.book()
    answer = callers.get("nora", f"/v1/exports/visits?format={made_as}")
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="visits.{made_as}"'
    assert answer.content.startswith(begins)


def test_a_week_is_a_page_that_a_browser_shows_with_its_style_and_nothing_else(callers: Callers) -> None:
    callers.book()
    answer = callers.get("nora", f"/v1/exports/week?site={NORTH}&from=2027-03-08&lang=ko")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert ANA in answer.text


@pytest.mark.parametrize("path", ["visits?format=csv&site=", "week?site="])
def test_another_site_is_not_there(callers: Callers, path: str) -> None:
    answer = callers.get("nora", f"/v1/exports/{path}{SOUTH}")
    assert (answer.status_code, answer.json()["type"]) == (
        HTTPStatus.NOT_FOUND,
        "urn:marrowline:problem:site-not-found",
    )


@pytest.mark.parametrize(
    "query",
    [
        "visits",
        "visits?format=pdf",
        "visits?format=csv&from=2027-03-02&to=2027-03-01",
        f"week?site={NORTH}&lang=de",
        f"week?site={NORTH}&from=soon",
        "week",
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(callers: Callers, query: str) -> None:
    assert callers.get("nora", f"/v1/exports/{query}").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
