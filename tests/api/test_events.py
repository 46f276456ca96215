"""Events over HTTP: who reports what, and what each is told of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.api.callers import ANA, BEN, EVERYBODY, NORTH, SOUTH, Callers, Json
from tests.booking.house import HUB

DAY = timedelta(days=1)
FIRST = f"{ANA}/1/graft"
REPORTERS = {"nora", "sam", "sue", "dora", "phil", "paul", "quinn", "carl"}
VIEW = {"event", "kind", "visits", "outcome", "decisions"}


@pytest.fixture
def booked(callers: Callers) -> Callers:
    callers.book()
    callers.book(BEN, "sam", SOUTH)
    return callers


def at(callers: Callers, visit: str) -> datetime:
    return datetime.fromisoformat(callers.get("paul", f"/v1/visits/{visit}").json()["start_at"])


def down(callers: Callers, where: str, around: str, resource: str | None = None) -> Json:
    begins = at(callers, around).replace(hour=0, minute=0)
    body: Json = {"kind": "out_of_service", "where": where, "reason": "Water in the cellar."}
    body |= {"start_at": begins.isoformat(), "end_at": (begins + DAY).isoformat()}
    return body if resource is None else {**body, "resource": resource}


def test_a_planner_is_answered_whom_it_hits_and_the_repair(booked: Callers) -> None:
    answer = booked.post("paul", "/v1/events", down(booked, HUB, FIRST, "suite"))
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["location"] == f"/v1/events/{shown['event']}"
    assert (shown["kind"], [one["id"] for one in shown["visits"]]) == ("out_of_service", [FIRST])
    assert (shown["outcome"], shown["decisions"]) == ("published", [])
    assert (shown["repair"]["state"], shown["repair"]["approve_by"], shown["repair"]["losses"]) == (
        "published",
        None,
        [],
    )
    kept = booked.get("paul", answer.headers["location"]).json()
    assert (kept["kind"], kept["reported_by"], kept["details"]["where"]) == ("out_of_service", "Paul Planner", HUB)
    assert [one["id"] for one in booked.get("quinn", "/v1/events").json()["items"]] == [shown["event"]]


def test_a_coordinator_is_told_of_the_own_site_alone(booked: Callers) -> None:
    """What the plant lacks hits Ben at South; a closure of North on a day on which nobody comes says nothing of it."""
    booked.done("paul", "/v1/closures", {**without_kind(down(booked, HUB, f"{BEN}/1/graft", "suite"))}, status=201)
    far = (booked.clock.now + 300 * DAY).isoformat(), (booked.clock.now + 301 * DAY).isoformat()
    body = {"kind": "out_of_service", "where": NORTH, "reason": "Paint.", "start_at": far[0], "end_at": far[1]}
    shown = booked.done("nora", "/v1/events", body, status=201)
    assert shown.keys() == VIEW
    assert (shown["visits"], shown["outcome"], shown["decisions"]) == ([], "in_order", [])
    # The repair it led to is there all the same.
    assert booked.get("paul", "/v1/plans/1/proposal").json()["figures"]["patients"] != []


def without_kind(body: Json) -> Json:
    return {name: value for name, value in body.items() if name != "kind"}


def test_a_coordinator_whose_visits_move_is_told_that_they_did(booked: Callers) -> None:
    shown = booked.done("nora", "/v1/events", down(booked, NORTH, FIRST), status=201)
    assert ([one["id"] for one in shown["visits"]], shown["outcome"]) == ([FIRST], "published")
    assert shown["visits"][0]["start_at"] == booked.get("nora", f"/v1/visits/{FIRST}").json()["start_at"]


def test_what_waits_for_a_planner_is_waiting_for_a_site_and_tells_the_planner_until_when(booked: Callers) -> None:
    booked.done("nora", f"/v1/visits/{FIRST}/confirm")
    shown = booked.done("nora", "/v1/events", down(booked, NORTH, FIRST), status=201)
    assert shown["outcome"] == "waiting"
    proposal = booked.get("paul", "/v1/plans/1/proposal").json()
    assert proposal["waits_for"] == "It moves 1 visit that a patient has confirmed."
    approve_by = datetime.fromisoformat(proposal["approve_by"])
    booked.clock.now = approve_by + timedelta(minutes=1)
    body = {"signature": booked.signature("paul", "approved for publication")}
    late = booked.post("paul", "/v1/plans/1/approve", body)
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (409, "too-late")


def test_a_courier_names_a_shipment_and_is_told_no_more_than_that_it_is_on_record(booked: Callers) -> None:
    booked.record_until(f"{ANA}/1/pack")
    transit = booked.steps(ANA)[f"{ANA}/1/transit"]
    begins = datetime.fromisoformat(transit["start_at"])
    stretch = {"from": (begins - DAY).isoformat(), "to": (begins + DAY).isoformat()}
    listed = booked.get("carl", "/v1/shipments", params=stretch).json()["items"]
    (shipment,) = [one for one in listed if one["pick_up_at"] == transit["start_at"]]
    booked.clock.now = begins + timedelta(hours=1)
    body = {"kind": "shipment_lost", "activity": shipment["id"], "at": booked.clock.now.isoformat()}
    shown = booked.done("carl", "/v1/events", body, status=201)
    assert shown.keys() == {"event", "kind"}
    visit = booked.get("nora", f"/v1/visits/{FIRST}").json()
    assert visit["reason"] == "logistics"
    unknown = booked.post("carl", "/v1/events", {**body, "activity": f"{ANA}/1/transit"})
    assert unknown.status_code == 404


def test_only_those_who_may_see_something_go_wrong_report_it(booked: Callers) -> None:
    body = {"kind": "visit_postponed", "visit": f"{BEN}/1/graft", "not_before": "2027-05-01", "reason": "A fever."}
    for who in sorted(EVERYBODY.keys() - REPORTERS):
        assert booked.post(who, "/v1/events", body).status_code == 403, who
    for who in sorted(EVERYBODY):
        answer = booked.get(who, "/v1/events")
        assert answer.status_code == (200 if who in {"paul", "quinn", "ada"} else 403), who


WRONG: list[tuple[str, Json, int]] = [
    ("paul", {"kind": "nothing_at_all"}, 422),
    ("paul", {"kind": "lot_failed", "activity": f"{ANA}/1/fill"}, 422),
    ("paul", {"kind": "lot_failed", "activity": "../../etc", "at": "2027-03-01T08:00:00Z"}, 422),
    ("paul", {"kind": "lot_failed", "activity": f"{ANA}/1/fill", "at": "2027-03-01T08:00:00"}, 422),
    ("nora", {"kind": "lot_failed", "activity": f"{ANA}/1/fill", "at": "2027-03-01T08:00:00Z"}, 404),
    ("nora", {"kind": "patient_left", "patient": BEN, "reason_code": "death"}, 404),
    ("nora", {"kind": "patient_left", "patient": ANA, "reason_code": "bored"}, 422),
    ("paul", {"kind": "holiday", "on": "2027-02-01", "name": "Election"}, 422),
    ("paul", {"kind": "holiday", "on": "2027-03-22", "name": "Election", "places": []}, 422),
    ("quinn", {"kind": "read_out", "patient": ANA, "dose": 1, "reason": "Fine."}, 422),
]


@pytest.mark.parametrize(("who", "body", "status"), WRONG)
def test_what_cannot_be_is_refused_and_changes_nothing(booked: Callers, who: str, body: Json, status: int) -> None:
    before = booked.records()
    answer = booked.post(who, "/v1/events", body)
    assert answer.status_code == status, answer.text
    assert booked.records() == before
