"""Proposed plans over HTTP: Paul sees what a night wants to change, approves it, refuses some of it; sites are told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from api.service import service_of
from scheduler.reoptimise.shift import Shift, program_zone
from scheduler.reoptimise.worker import Worker
from tests.api.callers import ANA, BEN, EVERYBODY, NORTH, SOUTH, Callers, Json
from tests.api.cast import trail
from tests.reoptimise.cast import HALF_PAST_TWO

DAY = timedelta(days=1)
GRAFT = f"{ANA}/1/graft"
SECOND = f"{ANA}/2/graft"


def night(callers: Callers) -> Json:
    """The night that is due; its run as Paul sees it."""
    zone = program_zone(callers.database)
    assert zone is not None
    worker = Worker("Anna", board=service_of({"app": callers.app}).board)
    Shift(callers.database, callers.clock, worker, zone, HALF_PAST_TWO).due_night()
    run: Json = callers.get("paul", "/v1/plan-runs").json()["items"][0]
    return run


def shut_north(callers: Callers, around: str, before: timedelta, after: timedelta) -> str:
    at = datetime.fromisoformat(callers.get("nora", f"/v1/visits/{around}").json()["start_at"])
    stretch = {"start_at": (at - before).isoformat(), "end_at": (at + after).isoformat()}
    body = {"where": NORTH, "reason": "A burst pipe.", **stretch}
    return str(callers.done("paul", "/v1/closures", body, status=201)["closure"]["id"])


def signed(callers: Callers, who: str = "paul") -> Json:
    return {"signature": callers.signature(who, "approved for publication")}


@pytest.fixture
def proposed(callers: Callers) -> Callers:
    """Ana has confirmed a visit on a day on which her clinic is then closed; the night proposes to move it."""
    callers.book()
    callers.book(BEN, "sam", SOUTH)
    callers.done("nora", f"/v1/visits/{GRAFT}/confirm")
    shut_north(callers, GRAFT, timedelta(hours=10), timedelta(hours=14))
    assert night(callers)["status"] == "proposed"
    return callers


@pytest.fixture
def lost(callers: Callers) -> Callers:
    """North is shut on every day on which dose 2 of Ana could be given; the planner has approved that it is lost."""
    callers.book()
    shut_north(callers, SECOND, 4 * DAY, 10 * DAY)
    assert night(callers)["status"] == "proposed"
    callers.done("paul", "/v1/plans/1/approve", signed(callers))
    return callers


def test_a_planner_reads_what_a_night_proposes_and_approves_it(proposed: Callers) -> None:
    callers = proposed
    run = night(callers)
    shown = callers.get("paul", "/v1/plans/1/proposal").json()
    assert (shown["state"], shown["run"], shown["losses"]) == ("proposed", run["id"], [])
    assert shown["waits_for"] == "It moves 1 visit that a patient has confirmed."
    assert run["result"]["plan"] == 1
    moved = callers.get("paul", "/v1/plans/1/diff").json()["sites"][0]["patients"][0]["changes"]
    assert [one["visit"] for one in moved] == [GRAFT, SECOND]
    assert "first dose: " in callers.get("paul", "/v1/plans/1/diff", params={"as": "text"}).text
    told = callers.done("paul", "/v1/plans/1/approve", signed(callers))
    assert (told["state"], told["version"]) == ("published", 3)
    visit = callers.get("nora", f"/v1/visits/{GRAFT}").json()
    assert (visit["start_at"], visit["reason"], visit["told"]) == (moved[0]["after"]["start"], "site", False)
    assert [one.actor for one in trail(callers.database, "plan:approved")] == ["Paul Planner"]


def test_sites_are_told_what_a_published_plan_changed_and_nothing_before(proposed: Callers) -> None:
    callers = proposed
    assert callers.get("nora", "/v1/changes").json()["items"] == []
    callers.done("paul", "/v1/plans/1/approve", signed(callers))
    items = callers.get("nora", "/v1/changes").json()["items"]
    assert [(one["visit"], one["change"], one["site"]) for one in items] == [
        (GRAFT, "moved", NORTH),
        (SECOND, "moved", NORTH),
    ]
    assert callers.get("sam", "/v1/changes").json()["items"] == []
    assert len(callers.get("quinn", "/v1/changes").json()["items"]) == 2


def test_a_refused_move_makes_another_plan(proposed: Callers) -> None:
    callers = proposed
    answer = callers.post("paul", "/v1/plans/1/revise", {"refused": [SECOND]})
    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/plans/2/proposal")
    shown = answer.json()
    assert (shown["plan"], shown["revises"], shown["refused"]) == (2, 1, [SECOND])
    assert callers.get("paul", "/v1/plans/1/proposal").json()["state"] == "superseded"
    found = callers.post("paul", "/v1/plans/2/revise", {"refused": [GRAFT]})
    assert (found.status_code, found.json()["type"].rpartition(":")[2]) == (409, "refusal-impossible")


def test_a_plan_that_is_turned_down_says_so(proposed: Callers) -> None:
    shown = proposed.done("paul", "/v1/plans/1/reject", {"reason": "The pipe is mended."})
    assert shown["state"] == "rejected"
    again = proposed.post("paul", "/v1/plans/1/approve", signed(proposed))
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "This plan was rejected. Look for the one that is proposed now.",
    )


@pytest.mark.parametrize("route", ["approve", "reject", "revise"])
def test_only_a_planner_says_what_becomes_of_a_plan(proposed: Callers, route: str) -> None:
    body = {"approve": signed(proposed), "reject": {"reason": "No."}, "revise": {"refused": [GRAFT]}}[route]
    for who in EVERYBODY:
        if who != "paul":
            assert proposed.post(who, f"/v1/plans/1/{route}", body).status_code == 403, who


def test_a_signature_of_somebody_else_approves_nothing(proposed: Callers) -> None:
    answer = proposed.post("paul", "/v1/plans/1/approve", signed(proposed, "nora"))
    assert answer.status_code == 403
    assert proposed.get("paul", "/v1/plans/1/proposal").json()["state"] == "proposed"


def test_a_plan_that_nobody_proposed_has_no_proposal(proposed: Callers) -> None:
    for path in ("proposal", "diff"):
        assert proposed.get("paul", f"/v1/plans/99/{path}").status_code == 404


# --- decisions --------------------------------------------------------------------------------------------------------


def test_a_lost_dose_waits_for_a_decision_that_its_site_can_read(lost: Callers) -> None:
    (seen,) = lost.get("dora", "/v1/decisions").json()["items"]
    assert (seen["patient"], seen["dose"], seen["reason"]) == (ANA, 2, "site")
    assert seen["options"] == ["deviation", "skip"]
    assert datetime.fromisoformat(seen["decide_by"]) > lost.clock.now
    assert "cause" not in seen and "plan" not in seen
    (full,) = lost.get("paul", "/v1/decisions").json()["items"]
    assert full["cause"].startswith("closure at NORTH")
    assert lost.get("sam", "/v1/decisions").json()["items"] == []
    assert lost.get("sam", f"/v1/decisions/{seen['id']}").status_code == 404
    visit = lost.get("nora", f"/v1/visits/{SECOND}").json()
    assert (visit["status"], visit["reason"]) == ("open", "site")


def test_a_doctor_gives_a_dose_up_for_good_once_and_signed(lost: Callers) -> None:
    (seen,) = lost.get("dora", "/v1/decisions").json()["items"]
    path = f"/v1/decisions/{seen['id']}/skip"
    body = {"reason": "Ana does not want it.", "signature": lost.signature("dora", "given up for good")}
    assert lost.post("nora", path, {**body, "signature": lost.signature("nora")}).status_code == 403
    assert lost.post("dora", path, body, headers={"If-Match": '"7"'}).status_code == 412
    told = lost.done("dora", path, body)
    assert (told["outcome"], told["options"]) == ("skipped", [])
    assert lost.post("dora", path, body).status_code == 409
    assert lost.get("dora", "/v1/decisions").json()["items"] == []
    assert len(lost.get("dora", "/v1/decisions", params={"settled": "true"}).json()["items"]) == 1


def test_a_dose_given_up_for_good_stays_to_be_seen_as_cancelled_wherever_visits_are(lost: Callers) -> None:
    (seen,) = lost.get("dora", "/v1/decisions").json()["items"]
    body = {"reason": "Ana does not want it.", "signature": lost.signature("dora", "given up for good")}
    feed = lost.done("nora", "/v1/calendar-feeds", {"scope": "site", "subject": "NORTH", "label": "N"}, status=201)
    lost.done("dora", f"/v1/decisions/{seen['id']}/skip", body)
    for who in ("nora", "paul"):
        listed = {one["id"]: one["status"] for one in lost.get(who, "/v1/visits").json()["items"]}
        assert listed[SECOND] == "cancelled"
        assert lost.get(who, f"/v1/visits/{SECOND}").json()["status"] == "cancelled"
        shown = lost.get(who, f"/v1/courses/{ANA}").json()
        assert {one["id"]: one["status"] for one in shown["visits"]}[SECOND] == "cancelled"
        exported = lost.get(who, "/v1/exports/visits?format=csv&site=NORTH").text.splitlines()
        (line,) = [one for one in exported if SECOND in one or "graft,2," in one]
        assert "cancelled" in line
    events = lost.client.get(feed["url"]).text.split("BEGIN:VEVENT")
    (graft,) = [one for one in events if f"{ANA}: graft\\, dose 2" in one]
    assert "STATUS:CANCELLED" in graft
