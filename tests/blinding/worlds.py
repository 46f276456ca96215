"""Two worlds that differ in nothing but the arms of two patients, and everything that was said in each.

ANA and CLEO are treated at North, BEN at South. In the first world ANA gets cells and CLEO the carrier, in the
second it is the other way round; BEN gets cells in both. Ids that are drawn by lot are counted here, so that they are
the same. A world is planned without the arms (shadow) or with them (lean); in a lean one the patients of North come one
after the other, so that neither finds taken what the other's arm needs.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import chain, count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from fastapi.testclient import TestClient
from httpx2 import Response

from api.app import create_app
from api.logs import JsonLines
from api.service import service_of
from scheduler.reoptimise.shift import Shift, program_zone
from scheduler.reoptimise.worker import Worker
from scheduler.settings import Settings
from tests.api.callers import ANA, BEN, NORTH, SOUTH, Callers, Json, issue
from tests.api.cast import FixedClock
from tests.booking.house import NOW, move_in
from tests.databases import new_sqlite

CLEO = "NORTH-002"
CSV = {"Content-Type": "text/csv"}
FIRST = {ANA: "cells", CLEO: "carrier", BEN: "cells"}
SWAPPED = {ANA: "carrier", CLEO: "cells", BEN: "cells"}
RECEIVER = {"url": "https://receiver.example/visits", "label": "Trial office"}
STRETCH = {"from": "2027-03-01T00:00:00Z", "to": "2027-03-31T00:00:00Z"}


class Story(NamedTuple):
    """What may differ from one kind of world to another.

    Bounds of the dates asked for by patient, what shuts, and for how many days North is flooded in the end. The lot
    that failed is reported at once, or while North is flooded so that it cannot be made again in time.
    """

    wishes: dict[str, Json]
    shut: str
    makes_again: bool
    flooded_days: int


PRESSED = Story({}, "suite", True, 3)
"""Everybody as soon as possible, and the suite closes: where nothing is planned with the arm, that tells nothing."""

ONE_BY_ONE = Story(
    {ANA: {"not_before": "2027-04-03", "count": 1}, CLEO: {"not_before": "2027-05-01"}}, "qc_bench", False, 60
)
"""Neither of North finds taken what the other's arm needs, and what closes serves every dose: the dates are the same
whatever a dose holds."""


class Said(NamedTuple):
    """One request and its whole answer."""

    who: str
    method: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass
class World(Callers):
    """A service with its arms, and a transcript of all that was said."""

    arms: dict[str, str] = field(default_factory=dict)
    transcript: list[Said] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def call(self, who: str, method: str, path: str, **options: Any) -> Response:
        answer = super().call(who, method, path, **options)
        timed = {"content-length"} if path == "/metrics" else set()
        headers = tuple(sorted(one for one in answer.headers.items() if one[0] not in timed))
        self.transcript.append(Said(who, method, path, answer.status_code, headers, _timeless(path, answer.text)))
        return answer

    def randomise(self, who: str = "stella") -> Response:
        content = "".join(["patient,arm\n", *(f"{patient},{arm}\n" for patient, arm in self.arms.items())])
        return self.call(who, "POST", "/v1/randomisation", content=content, headers=CSV)

    def move(self, patient: str, who: str = "nora") -> Response:
        """Put dose 2 on a later day of its window."""
        on = self.get(who, f"/v1/visits/{patient}/2/graft").json().get("on", "2027-04-01")
        later = (date.fromisoformat(on) + timedelta(days=1)).isoformat()
        found = self.post(who, f"/v1/courses/{patient}/offers", {"dose": 2, "not_before": later}).json()
        offer = found["offers"][0]["id"] if found.get("offers") else "off_0"
        match = {"If-Match": self.get(who, f"/v1/courses/{patient}").headers.get("etag", '"1"')}
        move = {"offer": offer, "reason_code": "supply"}
        return self.post(who, f"/v1/courses/{patient}/reschedule", move, headers=match)

    def tell(self, step: Json, outcome: str) -> None:
        """Record a step as planned, by whoever does it, whatever the answer is."""
        self.clock.now = max(self.clock.now, datetime.fromisoformat(step["end_at"]) + timedelta(hours=1))
        who = "paul" if step["lane"] or step["place"] == "HUB" else "nora"
        content = {"outcome": outcome, "start_at": step["start_at"], "end_at": step["end_at"]}
        self.post(who, f"/v1/activities/{step['id']}/record", content)


def _timeless(path: str, body: str) -> str:
    """An answer without what depends on how fast the machine is."""
    if path != "/metrics":
        return body
    counts = (line for line in body.splitlines() if line.startswith("marrowline_http_requests_total"))
    return "\n".join(sorted(counts))


def live(world: World, story: Story = PRESSED) -> None:
    """The same in any world, keyed by dose: booked, moved, a lot failed, closed, hindered, all events, mistakes."""
    world.post("nora", "/v1/webhooks", RECEIVER)
    world.register(ANA)
    world.register(CLEO)
    world.register(BEN, "sam", SOUTH)
    world.randomise()
    offers = world.offers(ANA, **{"count": 3, **story.wishes.get(ANA, {})})
    held = world.hold(offers[0]["id"])
    world.post("nora", "/v1/holds", {"offer": offers[0]["id"]})
    world.post("nora", "/v1/bookings", {"hold": held["id"]})
    for patient, who in ((CLEO, "nora"), (BEN, "sam")):
        cheapest = world.offers(patient, who, **story.wishes.get(patient, {}))[0]
        world.post(who, "/v1/bookings", {"hold": world.hold(cheapest["id"], who)["id"]})
    world.post("nora", f"/v1/visits/{ANA}/1/graft/confirm")
    for patient in (ANA, CLEO):
        world.move(patient)
    _treat(world)
    _follow(world)
    if story.makes_again:
        _give_up(world)
    _close(world, story.shut)
    _keep_away(world)
    _night(world)
    _go_wrong(world, story)
    ended = {"reason_code": "withdrawn_consent"}
    world.post("sam", f"/v1/courses/{BEN}/cancel", ended, headers={"If-Match": world.etag(f"/v1/courses/{BEN}", "sam")})
    _err(world)


def _treat(world: World) -> None:
    """Dose 1 of both as planned, but CLEO's lot fails at the fill: whatever it would have held."""
    steps = _told_of_each(world.steps(ANA), world.steps(CLEO))
    last = max(steps[f"{patient}/1/graft"]["end_at"] for patient in (ANA, CLEO))
    due = [one for one in steps.values() if one["end_at"] <= last and one["dose"] in (None, 1)]
    for one in sorted(due, key=lambda each: (each["end_at"], each["start_at"], each["id"])):
        if one["kind"] == "fill":
            world.weigh(one["id"].split("/")[0], datetime.fromisoformat(one["start_at"]) - timedelta(days=1))
        world.tell(one, "failed" if one["id"] == f"{CLEO}/1/fill" else "performed")


def _carry(world: World) -> None:
    """Every shipment so far changes hands, and its logger showed 20 degrees."""
    for one in world.get("carl", "/v1/shipments", params=STRETCH).json()["items"]:
        path = f"/v1/shipments/{one['id']}"
        for step, who, place, at in (
            ("packed", "paul", "HUB", one["pick_up_at"]),
            ("handed_over", "carl", "HUB", one["pick_up_at"]),
            ("received", "nora", NORTH, one["drop_at"]),
        ):
            body = {"step": step, "from_holder": who, "to_holder": "the next", "place": place, "happened_at": at}
            world.post(who, f"{path}/custody", body)
        world.call("phil", "POST", f"{path}/logger", content=f"at,celsius\n{one['pick_up_at']},20\n", headers=CSV)


def _follow(world: World) -> None:
    """Quality releases every lot there is, and both fail afterwards; units are scanned for the right and the wrong."""
    _carry(world)
    for patient in (ANA, CLEO):
        for lot in world.get("quinn", f"/v1/courses/{patient}/lots").json()["lots"]:
            for stage, passed in (("before_sterility", True), ("final", False)):
                body = {"stage": stage, "passed": passed, "reason": "As tested."}
                signed = body | {"signature": world.signature("quinn", "release of a lot")}
                world.post("quinn", f"/v1/lots/{lot['id']}/releases", signed)
        for unit in world.get("phil", "/v1/units", params={"course": ANA}).json()["items"]:
            body = {"patient": patient, "step": "bedside", "place": NORTH}
            world.post("nora", f"/v1/units/{unit['id']}/scan", body)
    world.get("dora", "/v1/notices")


def _give_up(world: World) -> None:
    """CLEO's lot is reported as failed, whatever it would have held; the planner approves how it is made again."""
    body = {"kind": "lot_failed", "activity": f"{CLEO}/1/fill", "at": world.clock.now.isoformat()}
    assert world.post("paul", "/v1/events", body).status_code == 201
    _approve(world)


def _told_of_each(*courses: dict[str, Json]) -> dict[str, Json]:
    """The steps of some courses. What not all of them have is told of each, as done in minutes when its fill begins.

    So the plant tells as often and at the same hours of a course with cells as of one without.
    """
    steps = {name: one for course in courses for name, one in course.items()}
    names = [[name.split("/", 1)[1] for name in course] for course in courses]
    for course in courses:
        patient = next(iter(course)).split("/")[0]
        lacked = [name for name in dict.fromkeys(chain(*names)) if not all(name in listed for listed in names)]
        for minute, name in enumerate(lacked):
            dose, _, kind = name.rpartition("/")
            fill = course[f"{patient}/{dose or 1}/fill"]
            at = (datetime.fromisoformat(fill["start_at"]) + timedelta(minutes=minute)).isoformat()
            own = {"id": f"{patient}/{name}", "kind": kind, "dose": int(dose) if dose else None}
            steps[f"{patient}/{name}"] = {**fill, **own, "start_at": at, "end_at": at}
    return steps


def _close(world: World, shut: str) -> None:
    begins = world.clock.now + timedelta(days=2)
    stretch = {"start_at": begins.isoformat(), "end_at": (begins + timedelta(days=20)).isoformat()}
    own = world.post("nora", "/v1/closures", {"where": NORTH, "resource": "theatre", "reason": "Repairs.", **stretch})
    world.post("paul", "/v1/closures", {"where": "HUB", "resource": shut, "reason": "Filters.", **stretch})
    for patient in (ANA, CLEO):
        world.post("nora", f"/v1/courses/{patient}/offers", {"dose": 2})
    world.call("nora", "DELETE", own.headers["location"])


def _night(world: World) -> None:
    """A night finds what the closures hit, and the planner approves what it proposes."""
    zone = program_zone(world.database)
    assert zone is not None
    worker = Worker("the nightly worker", board=service_of({"app": world.app}).board)
    Shift(world.database, world.clock, worker, zone, time(2, 30)).due_night()
    _approve(world)


def _approve(world: World) -> None:
    """The planner approves all that is proposed, and North looks what became of it."""
    for plan in world.get("paul", "/v1/plans").json()["items"]:
        body = {"signature": world.signature("paul", "approved for publication")}
        world.post("paul", f"/v1/plans/{plan['id']}/approve", body)
    world.get("nora", "/v1/changes")
    world.get("nora", "/v1/visits")
    world.get("dora", "/v1/decisions")


def _go_wrong(world: World, story: Story) -> None:
    """Everything that can be reported, of either patient of North."""
    now = world.clock.now

    def stretch(after: int, days: int) -> Json:
        begins = now + timedelta(days=after)
        return {"start_at": begins.isoformat(), "end_at": (begins + timedelta(days=days)).isoformat()}

    def reported(who: str, kind: str, **event: object) -> None:
        world.post(who, "/v1/events", {"kind": kind, **event})

    reported("nora", "out_of_service", where=NORTH, reason="Flooded.", **stretch(1, story.flooded_days))
    _approve(world)
    if not story.makes_again:
        _give_up(world)
    reported("paul", "holiday", on=(now + timedelta(days=200)).date().isoformat(), name="Election")
    reported("nora", "half_capacity", site=NORTH, reason="A strike.", **stretch(210, 1))
    far = (now + timedelta(days=90)).date().isoformat()
    for patient in (ANA, CLEO):
        reported("nora", "lot_failed", activity=f"{patient}/2/fill", at=now.isoformat())
        reported("carl", "shipment_lost", activity=f"{patient}/2/transit", at=now.isoformat())
        reported("quinn", "read_out", patient=patient, dose=2, ready_from=stretch(2, 1)["end_at"], reason="Day 3.")
        reported("nora", "visit_postponed", visit=f"{patient}/2/graft", not_before=far, reason="A journey.")
    _approve(world)
    reported("nora", "patient_left", patient=CLEO, reason_code="withdrawn_consent")


def _keep_away(world: World) -> None:
    """Both of North are away for some days, and the cells of both are said to be late."""
    begins = world.clock.now + timedelta(days=2)
    week, month = (
        {"start_at": begins.isoformat(), "end_at": (begins + timedelta(days=days)).isoformat()} for days in (7, 30)
    )
    for patient in (ANA, CLEO):
        own = world.post("nora", "/v1/hindrances", {"patient": patient, "reason": "A journey.", **week})
        world.post("paul", "/v1/hindrances", {"patient": patient, "kinds": ["fill"], "reason": "Slow.", **month})
        world.post("nora", f"/v1/courses/{patient}/offers", {"dose": 2})
        world.call("nora", "DELETE", own.headers["location"])


def _err(world: World) -> None:
    """One mistake of every kind, about either patient."""
    for patient in (ANA, CLEO):
        world.post("nora", "/v1/patients", {"id": patient, "site": NORTH, "registered_on": "2027-03-01"})
        world.post("nora", f"/v1/patients/{patient}/offers", {})
        world.post("nora", f"/v1/courses/{patient}/offers", {"dose": 1})
        world.post("nora", f"/v1/courses/{patient}/cancel", {"reason_code": "other"})
        world.post("nora", f"/v1/courses/{patient}/cancel", {"reason_code": "other"}, headers={"If-Match": '"99"'})
        world.post("dora", f"/v1/patients/{patient}/unblinding", {"reason": "No signature."})
        for step in ("1/fill", "1/regrowth", "2/thaw", "2/regrowth", "growth", "1/graft", "2/graft"):
            at = {"start_at": "2027-03-02T08:00:00Z", "end_at": "2027-03-02T09:00:00Z"}
            for who in ("nora", "phil", "paul"):
                world.post(who, f"/v1/activities/{patient}/{step}/record", {"outcome": "performed", **at})


@contextmanager
def world_with(arms: dict[str, str], folder: Path, **program: Any) -> Iterator[World]:
    """A service of its own, with the ids of a world counted from 1; `program` as `move_in` takes it."""
    folder.mkdir()
    database = new_sqlite(folder / "marrowline.db")
    numbers = count(1)

    def token_hex(length: int = 32) -> str:
        return f"{next(numbers):0{2 * length}x}"

    def choice(letters: Sequence[str]) -> str:
        return Random(next(numbers)).choice(letters)

    with patch.object(secrets, "token_hex", token_hex), patch.object(secrets, "choice", choice):
        clock = FixedClock()
        clock.now = NOW
        move_in(database, folder, **program)
        app = create_app(Settings(failed_keys=1000), database=database, clock=clock)
        with TestClient(app) as client:
            world = World(client, app, database, clock, issue(database), arms)
            with _listening(world.log):
                yield world
    database.dispose()


@contextmanager
def _listening(lines: list[str]) -> Iterator[None]:
    """Keep every log line of the product, without the clock of the machine."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            fields = {key: value for key, value in getattr(record, "fields", {}).items() if key != "ms"}
            record.created, record.fields = 0.0, fields
            lines.append(JsonLines().format(record))

    logger, listener = logging.getLogger("marrowline"), Listener()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(listener)
