"""How long calendar feeds take: made anew, and asked for again while nothing has changed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient

from api.app import create_app
from api.bookings import booked_of
from scheduler.booking.feed_documents import document_of
from scheduler.booking.feeds import Scope
from scheduler.booking.shares import Booked
from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.persistence import feeds
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.tables import ActivityRow, CourseRow, PatientRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.world import PLANNER, new_database, new_key, set_up
from scheduler.settings import Settings

EVENTS = 5_000
BUILDS, ASKED = 5, 50
NOW = datetime.fromisoformat("2027-03-01T09:00:00+09:00")


@dataclass(frozen=True)
class FeedTimes:
    """One feed of one kind of database: its events, and the times in seconds; `cpu` is the part of `made` computing."""

    database: str
    scope: str
    events: int
    kilobytes: float
    made: float
    cpu: float
    unchanged: float


def time_feeds(kind: str, program: str, make: Callable[[Facts], Plan], *, events: int = EVENTS) -> Iterator[FeedTimes]:
    """A site's feed and its plant's, each with at least so many events: the site's courses, entered again and again."""
    with new_database(kind) as url:
        facts = set_up(url, program, NOW, make)
        key = new_key(url, NOW, Role.PLANNER)
        database = open_database(url)
        site, plant = facts.network.sites[0].code, facts.network.plants[0].code
        try:
            _multiply(database, site, events)
            yield _timed(kind, database, key, "coordinator", site)
            yield _timed(kind, database, key, "plant", plant)
        finally:
            database.dispose()


def _timed(kind: str, database: Database, key: str, scope: Scope, subject: str) -> FeedTimes:
    app = create_app(Settings(), database=database, clock=lambda: NOW)
    with TestClient(app) as client:
        body = {"scope": scope, "subject": subject, "label": "campaign"}
        made = client.post("/v1/calendar-feeds", json=body, headers={"Authorization": f"Bearer {key}"}).json()
        first = client.get(made["url"])
        known = {"If-None-Match": first.headers["etag"]}
        asked = []
        for _ in range(ASKED):
            begins = time.perf_counter()
            assert client.get(made["url"], headers=known).status_code == 304
            asked.append(time.perf_counter() - begins)
    builds = [_built(database, made["id"]) for _ in range(BUILDS)]
    count, size = first.text.count("BEGIN:VEVENT"), len(first.content) / 1000
    made, cpu = (statistics.median(times) for times in zip(*builds, strict=True))
    return FeedTimes(kind, scope, count, size, made, cpu, statistics.median(asked))


def _built(database: Database, feed: str) -> tuple[float, float]:
    """Seconds to make a document from the database, and of computing in them."""
    with UnitOfWork(database, now=NOW, principal=PLANNER, write=False) as work:
        row = feeds.feed(work.session, feed)
        assert row is not None
        begins, computing = time.perf_counter(), time.process_time()
        document_of(work, row)
        return time.perf_counter() - begins, time.process_time() - computing


def _multiply(database: Database, site: str, events: int) -> None:
    """Enter a site's courses again under other study ids until it has so many visits; nothing is taken for them."""
    with UnitOfWork(database, now=NOW, principal=PLANNER) as work:
        booked = [booked_of(work, one) for one in feeds.courses_of_site(work.session, site)]
        visits = sum(len(one.visits) for one in booked)
        for number in range(1, -(-events // visits)):
            for one in booked:
                _again(work, f"{one.course.id}{number:03d}", one)
        work.commit()


def _again(work: UnitOfWork, name: str, booked: Booked) -> None:
    known = booked.course.id
    work.session.add(PatientRow(**booked.patient.model_dump() | {"id": name}))
    work.session.flush()
    work.session.add(CourseRow(**booked.course.model_dump() | {"id": name, "coi": f"{booked.course.coi}-{name}"}))
    work.session.flush()
    work.session.add_all(ActivityRow(**_renamed(one, known, name)) for one in booked.activities)
    work.session.flush()
    work.session.add_all(VisitRow(**_renamed(one, known, name)) for one in booked.visits)
    work.session.flush()


def _renamed(row: ActivityRow | VisitRow, known: str, name: str) -> dict[str, Any]:
    return row.model_dump() | {"id": row.id.replace(known, name, 1), "course": name}
