"""Runs of the plan over HTTP: ask, look, follow; for the plant's side only."""

import json
from datetime import timedelta
from typing import NamedTuple

import pytest
from httpx2 import Response

from api.routers import plan_runs
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.runs import PROGRAM, Claimed, acting, claim_what_waits, fail
from scheduler.reoptimise.shift import Shift, program_zone
from scheduler.reoptimise.worker import Worker
from tests.api.callers import ANA, EVERYBODY, Callers, Json
from tests.api.cast import trail
from tests.reoptimise.cast import HALF_PAST_TWO, LEASE

TOLD = {"planner", "qa", "auditor", "admin"}


class Told(NamedTuple):
    """One server-sent event."""

    event: str
    run: Json


def events(answer: Response) -> list[Told]:
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        found.append(Told(lines["event"], json.loads(lines["data"])))
    return found


def asked(callers: Callers) -> Json:
    return callers.done("paul", "/v1/plan-runs", status=202)


def worked_off(callers: Callers) -> None:
    """A worker comes and does what waits."""
    zone = program_zone(callers.database)
    assert zone is not None
    Shift(callers.database, callers.clock, Worker("Anna"), zone, HALF_PAST_TWO).what_waits()


def taken(callers: Callers) -> Claimed:
    run = claim_what_waits(callers.database, PROGRAM, "Anna", callers.clock.now, LEASE)
    assert run is not None
    return run


def failed(callers: Callers, reason: str) -> None:
    run = taken(callers)
    with UnitOfWork(callers.database, now=callers.clock.now, principal=acting("Anna")) as work:
        fail(work, run, reason, {"violations": 1})
        work.commit()


def test_a_planner_asks_for_a_run_and_a_worker_does_it(callers_on_both: Callers) -> None:
    callers = callers_on_both
    answer = callers.post("paul", "/v1/plan-runs")
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["kind"], shown["status"], shown["asked_by"]) == ("asked", "waiting", "Paul Planner")
    where = answer.headers["location"]
    assert callers.get("paul", where).json() == shown
    worked_off(callers)
    run = callers.get("quinn", where).json()
    assert (run["status"], run["worker"], run["attempt"]) == ("unchanged", "Anna", 1)
    assert run["result"]["violations"] == 0
    assert [entry.actor for entry in trail(callers.database, "plan_run:asked")] == ["Paul Planner"]


def test_asking_twice_while_a_run_waits_gives_one_run(callers: Callers) -> None:
    assert asked(callers)["id"] == asked(callers)["id"]
    assert len(callers.get("paul", "/v1/plan-runs").json()["items"]) == 1


def test_runs_come_in_pages_with_the_newest_first(callers: Callers) -> None:
    """Three were asked for, one after the other; the worker did the night besides when it did the first."""
    for _ in range(3):
        asked(callers)
        worked_off(callers)
    seen, path = [], "/v1/plan-runs?limit=3"
    while path:
        answer = callers.get("alan", path)
        seen.append([one["kind"] for one in answer.json()["items"]])
        path = answer.links.get("next", {}).get("url", "")
    assert seen == [["asked", "asked", "nightly"], ["asked"]]


@pytest.mark.parametrize("path", ["/v1/plan-runs", "/v1/plan-runs/1", "/v1/plan-runs/1/events"])
def test_only_the_plants_side_and_the_administrator_see_runs(callers: Callers, path: str) -> None:
    asked(callers)
    for who, person in EVERYBODY.items():
        status = callers.get(who, path, params={"wait_seconds": "0"} if path.endswith("events") else {}).status_code
        assert status == (200 if person.role.value in TOLD else 403), who


def test_only_a_planner_asks(callers: Callers) -> None:
    for who in EVERYBODY:
        status = callers.post(who, "/v1/plan-runs").status_code
        assert status == (202 if who == "paul" else 403), who


def test_why_a_run_failed_is_told_to_the_plants_side_and_not_to_the_administrator(callers: Callers) -> None:
    """A growth is made for cells only: who may see no arm must not read that one is in the way."""
    run = asked(callers)["id"]
    failed(callers, f"{ANA}/growth cannot be done. Move it.")
    shown = {who: callers.get(who, f"/v1/plan-runs/{run}").json() for who in ("paul", "quinn", "ada", "alan")}
    assert {one["status"] for one in shown.values()} == {"failed"}
    assert [shown[who]["reason"] is None for who in shown] == [False, False, False, True]
    assert [shown[who]["result"] is None for who in shown] == [False, False, False, True]


def test_an_auditors_reading_is_recorded_once_a_stream(callers: Callers) -> None:
    run = asked(callers)["id"]
    callers.get("ada", f"/v1/plan-runs/{run}/events", params={"wait_seconds": "0"})
    assert [entry.subject for entry in trail(callers.database, "record:read")] == [f"run/{run}"]


@pytest.mark.parametrize("path", ["/v1/plan-runs/7", "/v1/plan-runs/7/events"])
def test_a_run_that_does_not_exist_is_404(callers: Callers, path: str) -> None:
    answer = callers.get("paul", path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:marrowline:problem:run-not-found")


def test_a_run_is_followed_until_it_ends(callers: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks the worker does one thing more: it takes the run, then nothing, then it ends it."""
    run = asked(callers)["id"]
    happens = iter([lambda: taken(callers), lambda: None, lambda: end(callers)])

    async def something_happens(_seconds: float) -> None:
        next(happens)()

    monkeypatch.setattr(plan_runs, "pause", something_happens)
    answer = callers.get("paul", f"/v1/plan-runs/{run}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [(one.event, one.run["status"]) for one in events(answer)] == [
        ("run", "waiting"),
        ("run", "claimed"),
        ("end", "unchanged"),
    ]


def end(callers: Callers) -> None:
    """The worker that had the run is gone; another one comes when its lease has run out."""
    callers.clock.advance(LEASE.total_seconds())
    worked_off(callers)


def test_a_run_that_is_over_is_told_at_once(callers: Callers) -> None:
    run = asked(callers)["id"]
    worked_off(callers)
    (told,) = events(callers.get("paul", f"/v1/plan-runs/{run}/events"))
    assert (told.event, told.run["status"]) == ("end", "unchanged")


def test_following_ends_when_its_time_is_up(callers: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    async def nothing_happens(seconds: float) -> None:
        looked.append(seconds)

    monkeypatch.setattr(plan_runs, "pause", nothing_happens)
    run = asked(callers)["id"]
    (told,) = events(callers.get("paul", f"/v1/plan-runs/{run}/events", params={"wait_seconds": "5"}))
    assert (told.event, told.run["status"]) == ("run", "waiting")
    assert sum(looked) == 5
    assert callers.get("paul", f"/v1/plan-runs/{run}/events", params={"wait_seconds": "601"}).status_code == 422


# --- for those who run the service -----------------------------------------------------------------------------------


def test_nights_that_are_overdue_are_reported_and_the_service_is_ready_all_the_same(callers: Callers) -> None:
    worked_off(callers)
    good = callers.clock.now
    for hours, overdue in ((26, False), (27, True)):
        callers.clock.now = good + timedelta(hours=hours)
        answer = callers.client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert answer.json()["nights"] == {"last_good_at": good.isoformat().replace("+00:00", "Z"), "overdue": overdue}


def test_the_figures_tell_how_old_the_last_good_night_is_and_count_failed_runs(callers: Callers) -> None:
    assert 'marrowline_plan_runs_total{kind="nightly",status="failed"} 0.0' in callers.client.get("/metrics").text
    worked_off(callers)
    asked(callers)
    failed(callers, "It broke. Mend it.")
    callers.clock.advance(3600)
    figures = callers.client.get("/metrics").text.splitlines()
    assert {
        "marrowline_nightly_age_seconds 3600.0",
        "marrowline_nightly_overdue 0.0",
        'marrowline_plan_runs_total{kind="nightly",status="unchanged"} 1.0',
        'marrowline_plan_runs_total{kind="asked",status="failed"} 1.0',
    } <= set(figures)
