"""Tables of keeping the plan true: runs, proposed plans and what they change, events, decisions."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from scheduler.persistence.columns import BigId, Row, UtcDateTime

UNDECIDED = text("settled_at IS NULL")
NIGHTLY, WAITING = text("kind = 'nightly'"), text("status = 'waiting'")


class PlanRow(Row, table=True):
    """A plan document as it was made: the same facts and this text give the same plan again."""

    __tablename__ = "plan"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    program: str
    state: str  # proposed, approved, published, superseded, rejected
    document: str = Field(sa_type=Text)  # plan.json
    sha256: str
    made_at: datetime = Field(sa_type=UtcDateTime)
    made_by: str
    version: int = 1


class PlanRunRow(Row, table=True):
    """One attempt to keep the plan true, see reoptimise.runs; it has ended when `ended_at` is set."""

    __tablename__ = "plan_run"
    __table_args__ = (
        Index("uq_plan_run_night", "scope", "local_date", unique=True, sqlite_where=NIGHTLY, postgresql_where=NIGHTLY),
        Index("uq_plan_run_waiting", "scope", unique=True, sqlite_where=WAITING, postgresql_where=WAITING),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    scope: str
    local_date: date  # in the program's time zone
    kind: str  # nightly, asked
    status: str  # waiting, claimed, building, solving, checking, proposed, published, unchanged, failed
    asked_by: str | None = None
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_by: str | None = None  # with `attempt`, who holds the lease
    attempt: int = 0  # counts claims
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heartbeat_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    base_revision: int | None = Field(default=None, sa_type=BigInteger)  # of the board it was worked out from
    reason: str | None = Field(default=None, sa_type=Text)  # why it failed, in words for the plant's side
    result: str | None = Field(default=None, sa_type=Text)  # JSON: counts and bounds


class ProposalRow(Row, table=True):
    """What a proposed plan was worked out from and would change; the plan's own row says what became of it."""

    __tablename__ = "proposal"
    plan: int = Field(primary_key=True, foreign_key="plan.id", sa_type=BigInteger)
    run: int | None = Field(default=None, index=True, sa_type=BigInteger)
    revises: int | None = Field(default=None, sa_type=BigInteger)  # the plan some of whose moves were refused
    revision: int = Field(sa_type=BigInteger)  # of the board
    calendar_revision: int = Field(sa_type=BigInteger)
    changed: str = Field(sa_type=Text)  # JSON: the patients whose courses change
    refused: str = Field(sa_type=Text)  # JSON: the visits that had to keep their times
    losses: str = Field(sa_type=Text)  # JSON, see reoptimise.proposals
    visits: str = Field(sa_type=Text)  # JSON: the columns of its visit changes, written as rows once it is published
    diff: str = Field(sa_type=Text)  # JSON: the whole diff, for the plant
    text: str = Field(sa_type=Text)  # the same in words
    figures: str = Field(sa_type=Text)  # JSON
    waits_for: str | None = Field(default=None, sa_type=Text)  # why a person must approve it
    approve_by: datetime | None = Field(default=None, sa_type=UtcDateTime)  # later it can no longer be carried out


class VisitChangeRow(Row, table=True):
    """What a published plan changed of one visit, made without the plant: all that a site is ever told of a plan."""

    __tablename__ = "visit_change"
    plan: int = Field(primary_key=True, foreign_key="plan.id", sa_type=BigInteger)
    visit: str = Field(primary_key=True)
    told_at: datetime = Field(sa_type=UtcDateTime)
    patient: str
    site: str = Field(index=True)
    kind: str
    dose: int | None = None
    name: str | None = None  # of a follow-up visit
    change: str  # moved, retimed, shifted, dropped, added
    before_start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    before_end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    after_start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    after_end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str | None = None  # supply, site, patient, logistics


class EventRow(Row, table=True):
    """Something that went wrong, as it was reported; never changed."""

    __tablename__ = "event"
    id: str = Field(primary_key=True)
    kind: str = Field(index=True)
    details: str = Field(sa_type=Text)  # JSON: its fields, see domain.events
    patient: str | None = Field(default=None, index=True)
    site: str | None = Field(default=None, index=True)
    reported_at: datetime = Field(sa_type=UtcDateTime, index=True)
    reported_by: str


class DecisionRow(Row, table=True):
    """A dose that the plan cannot keep: somebody has to say what becomes of it. Never deleted."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("uq_decision_open", "course", "dose", unique=True, sqlite_where=UNDECIDED, postgresql_where=UNDECIDED),
    )
    id: str = Field(primary_key=True)
    course: str = Field(foreign_key="course.id", index=True)
    site: str = Field(index=True)
    dose: int
    plan: int | None = Field(default=None, sa_type=BigInteger)  # the plan that gave the dose up
    cause: str = Field(sa_type=Text)  # in words for the plant's side
    neutral: str | None = None  # supply, site, patient, logistics
    raised_at: datetime = Field(sa_type=UtcDateTime)
    remake_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # still inside its window
    deviation_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # outside it, signed
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_by: str | None = None
    outcome: str | None = None  # planned, skipped, ended
    note: str | None = None
    version: int = 1
