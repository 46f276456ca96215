"""The people of the house at the telephone: each calls the service with a key of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import text

from api.app import create_app
from scheduler.domain.audience import Principal, Role
from scheduler.persistence.database import Database
from scheduler.persistence.keys import make_key
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.settings import Settings
from tests.api.cast import ADMIN, FixedClock
from tests.booking.house import (
    ADA,
    CARL,
    DORA,
    MONA,
    NORA,
    NORTH,
    NOW,
    PAUL,
    PHIL,
    QUINN,
    SAM,
    SOUTH,
    STELLA,
    move_in,
)

ANA, BEN = "NORTH-001", "SOUTH-001"
TODAY = NOW.date().isoformat()
RITA = Principal("Rita Rater", Role.RATER, NORTH, "rita")
SUE = Principal("Sue Staff", Role.SITE_STAFF, NORTH, "sue")
ALAN = Principal("Alan Admin", Role.ADMIN, None, "alan")
EVERYBODY = {one.key_id: one for one in (NORA, SAM, DORA, PHIL, MONA, PAUL, QUINN, CARL, STELLA, ADA, RITA, SUE, ALAN)}
"""One person a role, and Sam, who coordinates the other site."""

Json = dict[str, Any]


@dataclass
class Callers:
    """A running service with the skin program, its clock, and a key for everybody."""

    client: TestClient
    app: FastAPI
    database: Database
    clock: FixedClock
    keys: dict[str, str] = field(default_factory=dict)

    def call(self, who: str, method: str, path: str, **options: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}"} | options.pop("headers", {})
        answer: Response = self.client.request(method, path, headers=headers, **options)
        return answer

    def get(self, who: str, path: str, **options: Any) -> Response:
        return self.call(who, "GET", path, **options)

    def post(self, who: str, path: str, body: object = None, **options: Any) -> Response:
        return self.call(who, "POST", path, **({} if body is None else {"json": body}), **options)

    def done(self, who: str, path: str, body: object = None, *, status: int = 200, **options: Any) -> Json:
        """What a POST that succeeds is answered."""
        answer = self.post(who, path, body, **options)
        assert answer.status_code == status, answer.text
        shown: Json = answer.json()
        return shown

    def signature(self, who: str, meaning: str = "override of a window") -> Json:
        return {"key": self.keys[who], "meaning": meaning}

    # --- the usual way ----------------------------------------------------------------------------------------

    def register(self, patient: str = ANA, who: str = "nora", site: str = NORTH) -> Json:
        content = {"id": patient, "site": site, "registered_on": self.today, "weight_kg": 61.5}
        return self.done(who, "/v1/patients", content, status=201)

    def offers(self, patient: str = ANA, who: str = "nora", **wish: object) -> list[Json]:
        found: list[Json] = self.done(who, f"/v1/patients/{patient}/offers", wish)["offers"]
        return found

    def hold(self, offer: str, who: str = "nora") -> Json:
        return self.done(who, "/v1/holds", {"offer": offer}, status=201)

    def book(self, patient: str = ANA, who: str = "nora", site: str = NORTH) -> Json:
        """Register, and book the cheapest course."""
        self.register(patient, who, site)
        held = self.hold(self.offers(patient, who)[0]["id"], who)
        return self.done(who, "/v1/bookings", {"hold": held["id"]}, status=201)

    def new_times(self, patient: str = ANA, who: str = "nora", **wish: object) -> list[Json]:
        found: list[Json] = self.done(who, f"/v1/courses/{patient}/offers", {"dose": 2, **wish})["offers"]
        return found

    def etag(self, path: str, who: str = "nora") -> str:
        return self.get(who, path).headers["etag"]

    def steps(self, patient: str) -> dict[str, Json]:
        """Every step of a booked course, as the planner sees it."""
        shown = self.get("paul", f"/v1/courses/{patient}").json()
        return {one["id"]: one for one in shown["steps"]}

    def record_until(self, last: str) -> None:
        """Record every step up to one as it was planned, the patient weighed two days before each fill."""
        patient = last.split("/")[0]
        steps = self.steps(patient)
        earlier = [one for one in steps.values() if one["start_at"] <= steps[last]["start_at"]]
        for one in sorted(earlier, key=lambda each: (each["end_at"], each["start_at"])):
            if one["status"] == "planned":
                if one["kind"] == "fill":
                    self.weigh(patient, datetime.fromisoformat(one["start_at"]) - timedelta(days=2))
                self.record(one)

    def weigh(self, patient: str, at: datetime) -> None:
        self.clock.now = max(self.clock.now, at)
        who = self._of(patient)
        content = {"weight_kg": 61.5, "measured_at": at.isoformat()}
        self.done(who, f"/v1/patients/{patient}/weights", content, status=201)

    def record(self, step: Json, **details: object) -> Json:
        """Record a step as it was planned, an hour after its end."""
        self.clock.now = max(self.clock.now, datetime.fromisoformat(step["end_at"]) + timedelta(hours=1))
        who = "paul" if step["lane"] or step["place"] == "HUB" else self._of(step["id"].split("/")[0])
        content = {"outcome": "performed", "start_at": step["start_at"], "end_at": step["end_at"], **details}
        return self.done(who, f"/v1/activities/{step['id']}/record", content)

    @property
    def today(self) -> str:
        return self.clock.now.date().isoformat()

    @staticmethod
    def _of(patient: str) -> str:
        return "nora" if patient.startswith(NORTH) else "sam"

    # --- what the database holds --------------------------------------------------------------------------------

    def records(self) -> Json:
        """Every row of every table that a refusal must leave as it was; the audit trail is counted by itself."""
        with self.database.session() as session:
            names = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
            kept = sorted(set(names) - {"audit_entry", "answer", "failed_key", "sqlite_sequence"})
            return {name: session.execute(text(f'SELECT * FROM "{name}"')).all() for name in kept}

    def lines(self) -> int:
        """How many lines the audit trail has."""
        with self.database.session() as session:
            return int(session.execute(text("SELECT count(*) FROM audit_entry")).scalar_one())


@contextmanager
def answering(
    database: Database, folder: Path, *, settings: Settings | None = None, **program: Any
) -> Iterator[Callers]:
    """Import the skin program into an empty database and answer calls."""
    move_in(database, folder, **program)
    clock = FixedClock()
    clock.now = NOW
    settings = settings or Settings(body_limit_bytes=100_000, failed_keys=1000)
    app = create_app(settings, database=database, clock=clock)
    with TestClient(app) as client:
        callers = Callers(client, app, database, clock)
        callers.keys = issue(database)
        yield callers


def issue(database: Database) -> dict[str, str]:
    """A key for everybody, by the name they are called by."""
    with UnitOfWork(database, now=NOW, principal=ADMIN) as work:
        made = {short: make_key(work, name=who.name, role=who.role, site=who.site) for short, who in EVERYBODY.items()}
        work.commit()
    return made


__all__ = ["ANA", "BEN", "EVERYBODY", "NORTH", "SOUTH", "TODAY", "Callers", "Json", "answering"]
