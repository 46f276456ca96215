"""A small program in a database: skin grafts at North and South, made at one plant (docs/programs.md section 1).

The cast: Nora coordinates North and Sam South, Dora is North's doctor, Phil North's pharmacist, Paul plans and Quinn
checks at the plant, Carl drives, Stella knows the arms, Ada audits; Mona monitors North. The patients are ANA at North
and BEN at South. It is Monday 1 March 2027, 08:00 UTC, 09:00 at every place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from scheduler.booking.board import Board
from scheduler.booking.book import book_hold
from scheduler.booking.errors import Refused
from scheduler.booking.find import Ask, find_offers
from scheduler.booking.hold import hold_offer
from scheduler.booking.import_program import import_program
from scheduler.booking.patients import register
from scheduler.booking.record import Outcome, Recorded, record
from scheduler.booking.weights import measure
from scheduler.domain.audience import Principal, Role
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.audit import read
from scheduler.persistence.bundle import bundle_of
from scheduler.persistence.database import Database
from scheduler.persistence.tables import ActivityRow, AuditRow, OfferRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs import load_program
from tests.programs.worked import worked_files

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
VALID, KEPT = timedelta(minutes=15), timedelta(minutes=30)
NORTH, SOUTH, HUB = "NORTH", "SOUTH", "HUB"

NORA = Principal("Nora North", Role.COORDINATOR, NORTH, "nora")
SAM = Principal("Sam South", Role.COORDINATOR, SOUTH, "sam")
DORA = Principal("Dora Doctor", Role.DOCTOR, NORTH, "dora")
PHIL = Principal("Phil Pharmacist", Role.PHARMACIST, NORTH, "phil")
MONA = Principal("Mona Monitor", Role.MONITOR, NORTH, "mona")
PAUL = Principal("Paul Planner", Role.PLANNER, None, "paul")
QUINN = Principal("Quinn Quality", Role.QA, None, "quinn")
CARL = Principal("Carl Courier", Role.COURIER, None, "carl")
STELLA = Principal("Stella Statistics", Role.STATISTICIAN, None, "stella")
ADA = Principal("Ada Auditor", Role.AUDITOR, None, "ada")


MASKED = """
[[limits]]
name = "masked_interval"
from = "biopsy.start"
to = "graft.start"
at_least_days = 10
at_most_days = 14
"""
"""What a protocol needs to be masked when it is planned with the arm: a carrier does not come sooner than cells."""


@dataclass
class House:
    """A database with its program, one board, and a clock that a test sets."""

    database: Database
    board: Board = field(default_factory=Board)
    now: datetime = NOW

    def work(self, who: Principal = NORA, *, write: bool = True) -> UnitOfWork:
        return UnitOfWork(self.database, now=self.now, principal=who, request_id="r-1", write=write)

    @contextmanager
    def doing(self, who: Principal = NORA) -> Iterator[UnitOfWork]:
        """A unit of work that is committed at its end."""
        with self.work(who) as work:
            yield work
            work.commit()

    def registered(self, patient: str, site: str = NORTH, who: Principal | None = None) -> str:
        with self.doing(who or (NORA if site == NORTH else SAM)) as work:
            register(work, self.board, study_id=patient, site=site, registered_on=self.today, weight_kg=61.5)
        return patient

    @property
    def today(self) -> date:
        return self.now.date()

    def offers(self, patient: str, who: Principal = NORA, **asked: object) -> tuple[OfferRow, ...]:
        ask = replace(Ask(), **asked)  # type: ignore[arg-type]
        return find_offers(lambda write: self.work(who, write=write), self.board, patient, ask, valid_for=VALID).offers

    def held(self, offer: str, who: Principal = NORA) -> str:
        with self.doing(who) as work:
            return hold_offer(work, self.board, offer, keep_for=KEPT).id

    def booked(self, patient: str, site: str = NORTH) -> str:
        """Register a patient and book the cheapest course."""
        who = NORA if site == NORTH else SAM
        self.registered(patient, site)
        hold = self.held(self.offers(patient, who)[0].id, who)
        with self.doing(who) as work:
            book_hold(work, self.board, hold)
        return patient

    # --- looking ----------------------------------------------------------------------------------------------

    def activities(self, patient: str) -> dict[str, ActivityRow]:
        with self.work(PAUL, write=False) as work:
            return {one.id: one for one in repositories.activities(work.session, patient)}

    def visits(self, patient: str) -> dict[str, VisitRow]:
        with self.work(PAUL, write=False) as work:
            return {one.id: one for one in repositories.visits_of(work.session, patient)}

    def trail(self, action: str) -> list[AuditRow]:
        with self.database.session() as session:
            return list(read(session, action=action))

    def stays(self) -> set[tuple[int, int, int]]:
        """Unit, begin and end of all that is taken."""
        with self.work(PAUL, write=False) as work:
            revision = occupancy.board(work.session).revision
            return {(one.unit_id, one.begins, one.ends) for one in occupancy.live_stays(work.session, revision)}

    def records(self) -> dict[str, list[str]]:
        """Every row of every table that a refusal must leave as it was, the audit trail included."""
        with self.database.session() as session:
            names = [one for one in SQLModel.metadata.tables if one not in ("answer", "failed_key")]
            return {one: [str(row) for row in session.execute(sa.text(f'SELECT * FROM "{one}"'))] for one in names}

    # --- recording --------------------------------------------------------------------------------------------

    def recorded(self, activity: str, who: Principal, outcome: Outcome = "performed", **details: object) -> Recorded:
        """Record a step at its planned times, an hour after its end."""
        planned = self.activities(activity.split("/")[0])[activity]
        self.now = max(self.now, planned.end_at + timedelta(hours=1))
        times: dict[str, object] = {"start_at": planned.start_at, "end_at": planned.end_at}
        with self.doing(who) as work:
            return record(work, self.board, activity, outcome=outcome, **{**times, **details})  # type: ignore[arg-type]

    def recorded_until(self, activity: str) -> None:
        """Record every step before one as it was planned, the patient weighed two days before each fill."""
        patient = activity.split("/")[0]
        rows = self.activities(patient)
        earlier = [one for one in rows.values() if one.start_at < rows[activity].start_at and one.status == "planned"]
        for one in sorted(earlier, key=lambda each: (each.end_at, each.start_at)):
            if one.kind == "fill":
                self.weighed(patient, one.start_at - timedelta(days=2))
            self.recorded(one.id, self.recorder(one))

    def weighed(self, patient: str, at: datetime, weight_kg: float = 61.5) -> None:
        self.now = max(self.now, at)
        with self.doing(NORA if patient == "ANA" else SAM) as work:
            measure(work, self.board, patient, weight_kg=weight_kg, measured_at=at)

    def recorder(self, one: ActivityRow) -> Principal:
        if one.lane is not None:
            return CARL
        return {NORTH: NORA, SOUTH: SAM, HUB: PAUL}[one.place]


def move_in(
    database: Database,
    folder: Path,
    *,
    capacity: str = "shadow",
    blinded: bool = True,
    limits: str = "",
    tapped: bool = False,
) -> House:
    """Import the program without its patients into an empty database.

    `limits` are further ones of the protocol. With `tapped` every dose is mixed with blood drawn for it.
    """
    files = worked_files()
    files["skin-policy.toml"] = files["skin-policy.toml"].replace('"open"', f'"{capacity}"')
    if blinded:
        files["skin-protocol.toml"] = files["skin-protocol.toml"].replace("blinded = false", "blinded = true")
    if tapped:
        files["skin-protocol.toml"] = with_draw(files["skin-protocol.toml"])
    files["skin-protocol.toml"] += limits or (MASKED if capacity == "lean" else "")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = str(folder / "skin.toml")
    house = House(database)
    with house.doing(PAUL) as work:
        facts = replace(load_program(path, with_patients=False), patients=())
        import_program(work, house.board, bundle_of(path), facts)
    return house


DRAW = """[[steps]]
kind = "draw"
per = "dose"
at = "site"
minutes = 30
uses = ["theatre"]
attended = true

[[steps]]
kind = "draw_transit"
per = "dose"
at = "site -> plant"
arrives_in = "dock"
after = ["draw"]

[[steps]]
kind = "fill"
after = ["draw_transit"]
"""
FRESH = """
[[limits]]
name = "draw_hold"
from = "draw.end"
to = "fill.start"
at_most_hours = 24
"""


def with_draw(protocol: str) -> str:
    """The protocol with a draw of blood, brought to the plant before every fill; a growth may take some days more."""
    protocol = protocol.replace("at_most_days = 14", "at_most_days = 24", 1)
    fill = '[[steps]]\nkind = "fill"\n'
    assert fill in protocol
    return protocol.replace(fill, DRAW, 1) + FRESH


def refused(slug: str, status: int, use: Callable[[], object]) -> Refused:
    """The refusal of something that is refused."""
    with pytest.raises(Refused) as caught:
        use()
    assert (caught.value.slug, caught.value.status) == (slug, status)
    assert caught.value.sentence.endswith(".")
    return caught.value
