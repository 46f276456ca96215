"""Why not, over HTTP: who is told what, and what cannot be asked. Nothing is ever changed by asking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from scheduler.persistence.database import Database
from tests.api.callers import ANA, Callers, Json, answering
from tests.databases import sqlite_database

__all__ = ["sqlite_database"]

SATURDAY = "2027-04-24"


@pytest.fixture
def callers(sqlite_database: Database, tmp_path: Path) -> Iterator[Callers]:
    with answering(sqlite_database, tmp_path) as found:
        yield found


def on_of(callers: Callers, dose: int = 2) -> date:
    """The date for which a dose of ANA is booked."""
    return date.fromisoformat(callers.get("nora", f"/v1/visits/{ANA}/{dose}/graft").json()["on"])


def why(callers: Callers, who: str, on: str, **more: object) -> Json:
    return callers.done(who, "/v1/why-not", {"patient": ANA, "on": on, "dose": 2, "seconds": 60, **more})


def test_the_planner_is_told_the_course_its_cost_and_what_else_moves(callers: Callers) -> None:
    callers.book()
    on = on_of(callers)
    found = why(callers, "paul", on.isoformat())
    assert (found["answer"], found["moved"], found["others"]) == ("yes", [], [])
    assert found["cost"] == found["cost_now"]
    grafts = {one["id"]: one["start_at"][:10] for one in found["steps"] if one["kind"] == "graft"}
    assert grafts[f"{ANA}/2/graft"] == on.isoformat()


def test_a_follow_up_visit_can_be_asked_about_too(callers: Callers) -> None:
    """On its own date nothing moves; on a Saturday the clinic is closed."""
    callers.book()
    visit = f"{ANA}/month-3/follow_up"
    on = date.fromisoformat(callers.get("nora", f"/v1/visits/{visit}").json()["on"])
    asked = {"dose": None, "follow_up": "month-3"}
    found = why(callers, "paul", on.isoformat(), **asked)
    assert (found["answer"], found["moved"]) == ("yes", [])
    assert {one["id"]: one["start_at"][:10] for one in found["steps"]}[visit] == on.isoformat()
    saturday = on + timedelta(days=5 - on.weekday())
    closed = why(callers, "nora", saturday.isoformat(), **asked)
    assert (closed["answer"], closed["reason"], closed["visits"]) == ("no", "site", [])


def test_a_site_is_told_its_visits_and_nothing_of_the_plant(callers: Callers) -> None:
    callers.book()
    on = on_of(callers)
    found = why(callers, "nora", on.isoformat())
    assert found.keys() == {"patient", "visit", "on", "answer", "visits", "reason", "en", "ko"}
    assert (found["answer"], found["reason"]) == ("yes", None)
    assert {one["kind"] for one in found["visits"]} <= {"biopsy", "graft", "follow_up"}
    assert found["en"].endswith("graft, dose 2: possible.")
    assert found["ko"].endswith("2회차: 가능합니다.")


def test_a_site_is_told_a_neutral_reason_in_both_languages(callers: Callers) -> None:
    callers.book()
    found = why(callers, "nora", SATURDAY)
    assert (found["answer"], found["reason"], found["visits"]) == ("no", "site", [])
    assert found["en"] == "Sat 24 Apr 2027: graft, dose 2: not possible, because of the site."
    assert found["ko"] == "2027년 4월 24일(토) graft, 2회차: 불가능합니다. 사유: 기관."


def test_without_time_nothing_is_decided_for_anybody(callers: Callers) -> None:
    callers.book()
    for who in ("paul", "quinn", "nora", "dora"):
        assert why(callers, who, SATURDAY, seconds=0)["answer"] == "undecided"
        late = callers.done(who, "/v1/why-so-late", {"patient": ANA, "seconds": 0})
        assert (late["answer"], late["earliest_on"]) == ("undecided", None)
        assert ("parts" in late) == (who in ("paul", "quinn"))


def test_asking_changes_nothing_and_an_auditors_question_is_recorded(callers: Callers) -> None:
    callers.book()
    before, lines = callers.records(), callers.lines()
    why(callers, "paul", SATURDAY, seconds=0)
    why(callers, "nora", on_of(callers).isoformat())
    assert callers.lines() == lines
    why(callers, "ada", SATURDAY, seconds=0)
    assert callers.lines() == lines + 1
    assert callers.records() == before


def test_a_patient_without_a_course_can_be_asked_about(callers: Callers) -> None:
    callers.register()
    found = callers.done("paul", "/v1/why-not", {"patient": ANA, "on": "2027-03-01", "dose": 1, "seconds": 0})
    assert (found["answer"], found["cost_now"]) == ("undecided", None)
    assert callers.done("nora", "/v1/why-so-late", {"patient": ANA, "seconds": 0})["booked_on"] is None


@pytest.mark.parametrize(
    ("who", "body", "status", "slug"),
    [
        ("paul", {"patient": "NORTH-999"}, 404, "patient-not-found"),
        ("sam", {}, 404, "patient-not-found"),
        ("paul", {"dose": 7}, 404, "visit-not-found"),
        ("paul", {"step": "fill"}, 422, "not-a-visit"),
        ("paul", {"step": "dance"}, 404, "visit-not-found"),
        ("paul", {"on": "2027-02-28"}, 422, "date-past"),
        ("paul", {"on": "2031-01-01"}, 422, "date-too-far"),
        ("paul", {"follow_up": "month-3"}, 422, "visit-unclear"),
        ("paul", {"dose": None, "follow_up": "month-99"}, 404, "visit-not-found"),
        ("nora", {"others": "may_move"}, 403, "not-your-role"),
        ("quinn", {"others": "may_move"}, 403, "not-your-role"),
        ("mona", {}, 403, "not-your-role"),
        ("carl", {}, 403, "not-your-role"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_in_words_and_changes_nothing(
    callers: Callers, who: str, body: Json, status: int, slug: str
) -> None:
    callers.book()
    before = callers.records()
    answer = callers.post(who, "/v1/why-not", {"patient": ANA, "on": "2027-04-20", "dose": 2, **body})
    assert answer.status_code == status, answer.text
    assert answer.json()["type"].endswith(f":{slug}")
    assert answer.json()["detail"].endswith(".")
    assert callers.records() == before


def test_a_dose_that_was_given_and_a_course_that_ended_cannot_be_asked_about(callers: Callers) -> None:
    callers.book()
    callers.record_until(f"{ANA}/1/graft")
    later = (callers.clock.now.date() + timedelta(days=5)).isoformat()
    given = callers.post("paul", "/v1/why-not", {"patient": ANA, "on": later, "dose": 1})
    assert (given.status_code, given.json()["type"].rpartition(":")[2]) == (409, "already-performed")
    path = f"/v1/courses/{ANA}"
    ended = {"reason_code": "withdrawn_consent"}
    assert callers.post("nora", f"{path}/cancel", ended, headers={"If-Match": callers.etag(path)}).status_code == 200
    gone = callers.post("paul", "/v1/why-not", {"patient": ANA, "on": later, "dose": 2})
    assert gone.status_code == 409


def test_a_visit_that_counts_from_a_dose_not_booked_cannot_be_asked_about(callers: Callers) -> None:
    callers.register()
    asked = {"patient": ANA, "on": "2027-07-14", "follow_up": "month-3"}
    answer = callers.post("paul", "/v1/why-not", asked)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "anchor-missing")


def test_where_plans_know_the_arm_a_site_is_told_what_calendars_decide_and_nothing_else(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """A Saturday, the day of her registration, and a day on which it depends."""
    with answering(sqlite_database, tmp_path, capacity="lean") as callers:
        callers.register()
        told = {
            on: (found["answer"], found["reason"], found["visits"])
            for on in (SATURDAY, "2027-03-01", "2027-04-20")
            for found in [why(callers, "nora", on, dose=1)]
        }
        assert told[SATURDAY] == ("no", "site", [])
        assert told["2027-03-01"][0] == "no"
        assert told["2027-04-20"] == ("undecided", None, [])
        late = callers.post("nora", "/v1/why-so-late", {"patient": ANA})
        assert late.json()["type"].endswith(":not-randomised")
