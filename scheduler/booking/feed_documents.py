"""What the address of a feed is answered: its file as it is now, made again only after something changed."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from scheduler.booking.feed_events import plant_event, receipt_event, shipment_event, visit_event
from scheduler.booking.feeds import feed_of
from scheduler.booking.identity import units_made
from scheduler.booking.shares import receiving_kinds
from scheduler.booking.site_visits import booked_courses, site_visits
from scheduler.booking.unblinded import contents_at
from scheduler.booking.views import shipment
from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents
from scheduler.calendar_export.ics import ics
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.course import Facts
from scheduler.persistence import audit, feeds, repositories
from scheduler.persistence.bundle import facts_of
from scheduler.persistence.database import Database
from scheduler.persistence.tables import ActivityRow, CourseRow
from scheduler.persistence.tables_told import CalendarFeedRow
from scheduler.persistence.unit_of_work import UnitOfWork

CANCELLED_FOR = timedelta(days=30)
"""How long an event that does not take place is still told, as cancelled: until every calendar program has seen it."""
NEVER = datetime.max.replace(tzinfo=UTC)
COLORS = {
    "site": "steelblue",
    "coordinator": "seagreen",
    "patient": "steelblue",
    "plant": "darkorange",
    "suite": "darkorange",
    "lane": "slategray",
    "pharmacist": "mediumpurple",
}
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Document:
    """A feed's file, the same compressed, and its hash; it holds true until `expires_at` unless something changes."""

    body: bytes
    zipped: bytes
    sha256: str
    expires_at: datetime


@dataclass(frozen=True)
class Served:
    """A document and the second since which it is served as it is.

    Of contents nobody notes that second: it would take a hash of them, kept where no arm may be kept.
    """

    feed: CalendarFeedRow
    document: Document
    since: datetime | None


class Shelf:
    """The documents of a process, made from one state of the database.

    Whether that state is still the present one is told by the audit trail, which grows with every change anywhere. It
    must not be told by the rows a document is made from: a site could then hear from the time an answer takes that
    the plant has worked for a patient.
    """

    def __init__(self, room: int = 64) -> None:
        self._room = room
        self._kept: OrderedDict[tuple[str, str], tuple[int, Document]] = OrderedDict()
        self._lock = Lock()

    def document(self, work: UnitOfWork, feed: CalendarFeedRow) -> Document:
        """The document of a feed as of now."""
        key, state = (feed.scope, feed.subject), audit.last_number(work.session)
        with self._lock:
            found = self._kept.get(key)
            if found is not None and found[0] == state and work.now < found[1].expires_at:
                self._kept.move_to_end(key)
                return found[1]
        made = document_of(work, feed)
        with self._lock:
            self._kept[key] = state, made
            self._kept.move_to_end(key)
            if len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return made


def serve(database: Database, shelf: Shelf, token: str, now: datetime) -> Served | None:
    """What an address is answered; None where it is no feed's, or one's that was revoked."""
    reader = Principal("a calendar program", Role.ADMIN, None, "calendar")
    with UnitOfWork(database, now=now, principal=reader, write=False) as work:
        feed = feed_of(work, token)
        if feed is None:
            return None
        document = shelf.document(work, feed)
    if feed.audience == Audience.PHARMACIST.value:
        return Served(feed, document, None)
    since = feed.content_since
    if since is None or feed.content_hash != document.sha256:
        since = _since_now(database, feed, document, now)
    return Served(feed, document, since)


def record_reading(database: Database, feed: CalendarFeedRow, now: datetime) -> None:
    """Contents were handed to whoever has a pharmacist's address: that is on record, as every reading of them is."""
    reader = Principal(f"calendar feed of {feed.made_by}", Role.PHARMACIST, feed.site, feed.id)
    with UnitOfWork(database, now=now, principal=reader) as work:
        work.audit("contents:read", feed.id)
        work.commit()


def _since_now(database: Database, feed: CalendarFeedRow, document: Document, now: datetime) -> datetime:
    """Enter what is served from now on; seconds count up, because a reader is told no smaller part of one."""
    since = now.replace(microsecond=0)
    if feed.content_since is not None:
        since = max(since, feed.content_since + _SECOND)
    with database.writing() as session:
        feeds.note_content(session, feed.id, document.sha256, since)
    return since


def document_of(work: UnitOfWork, feed: CalendarFeedRow) -> Document:
    """Make a feed's document anew."""
    program = repositories.program(work.session)
    assert program is not None, "a feed is of a program"
    facts = facts_of(program, (), (), None)
    found = _events(work, facts, feed)
    shown = [one for one in found if not one.is_cancelled or one.changed_at + CANCELLED_FOR > work.now]
    expires_at = min((one.changed_at + CANCELLED_FOR for one in shown if one.is_cancelled), default=NEVER)
    name = f"{feed.subject} {feed.scope} · Marrowline"
    body = ics(CalendarOfEvents(name, COLORS[feed.scope], tuple(shown)))
    return Document(body, gzip.compress(body, 3, mtime=0), hashlib.sha256(body).hexdigest(), expires_at)


# --- the events of each scope -----------------------------------------------------------------------------------------


def _events(work: UnitOfWork, facts: Facts, feed: CalendarFeedRow) -> list[CalendarEvent]:
    if feed.scope == "patient":
        row = repositories.course(work.session, feed.subject)
        return _visits(work, facts, [] if row is None else [row], tells=False)
    if feed.scope in ("site", "coordinator"):
        rows = feeds.courses_of_site(work.session, feed.subject)
        return _visits(work, facts, rows, tells=feed.scope == "coordinator")
    if feed.scope == "pharmacist":
        return _receipts(work, facts, feed.subject)
    if feed.scope == "lane":
        return _shipments(work, facts, feeds.activities_on(work.session, feed.subject))
    return _steps(work, facts, feed.subject)


def _visits(work: UnitOfWork, facts: Facts, courses: Sequence[CourseRow], *, tells: bool) -> list[CalendarEvent]:
    found = site_visits(work, facts, courses)
    return [visit_event(facts, one, changed_at, tells_the_patient=tells) for one, changed_at in found]


def _steps(work: UnitOfWork, facts: Facts, subject: str) -> list[CalendarEvent]:
    place, _, unit = subject.partition("/")
    rows = [one for one in feeds.activities_at(work.session, place) if not unit or f'"{unit}"' in one.units]
    booked_at = _booked_at(work, rows)
    return [plant_event(facts, one, one.changed_at or booked_at[one.course]) for one in rows]


def _shipments(work: UnitOfWork, facts: Facts, rows: Sequence[ActivityRow]) -> list[CalendarEvent]:
    names = sorted({one.course for one in rows})
    courses = repositories.courses_named(work.session, names)
    packed = feeds.packed(work.session, names)
    outbound, _ = receiving_kinds(facts.protocol)
    made: list[CalendarEvent] = []
    for row in rows:
        course, pack = courses[row.course], packed.get((row.course, row.dose)) if row.kind in outbound else None
        told = shipment(facts, row, course, pack)
        made.append(shipment_event(facts, told, row.version, row.changed_at or course.booked_at))
    return made


def _receipts(work: UnitOfWork, facts: Facts, site: str) -> list[CalendarEvent]:
    courses = booked_courses(work, feeds.courses_of_site(work.session, site))
    contents = contents_at(work, facts, courses)
    inbound, checks = receiving_kinds(facts.protocol)
    kinds, units = checks or inbound, units_made(work, courses.keys())
    made: list[CalendarEvent] = []
    for name, booked in courses.items():
        for row in booked.activities:
            if row.kind in kinds:
                dose = name, row.dose or 0
                own = units.get(dose, [])
                changed_at = max([row.changed_at or booked.course.booked_at, *(one.made_at for one in own)])
                made.append(receipt_event(facts, row, site, contents.get(dose), [one.id for one in own], changed_at))
    return made


def _booked_at(work: UnitOfWork, rows: Sequence[ActivityRow]) -> dict[str, datetime]:
    courses = repositories.courses_named(work.session, sorted({one.course for one in rows}))
    return {name: one.booked_at for name, one in courses.items()}
