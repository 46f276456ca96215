"""Every table; those of the cold chain are in `tables_coldchain`.

Rows are not the domain: `mapping` turns them into domain values and back.
Instants are aware and UTC; stays are half-open ``[begins, ends)`` in whole seconds since 1970, because a database can
exclude overlaps of integers. Nothing is deleted but idempotency answers: what ends gets an instant or a revision.
The tables whose names begin with ``unblinded_`` are read by `persistence.unblinded` alone.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlmodel import Field

# Their tables belong to the metadata.
from scheduler.persistence import tables_coldchain as tables_coldchain
from scheduler.persistence import tables_plans as tables_plans
from scheduler.persistence import tables_told as tables_told
from scheduler.persistence.columns import BigId, Row, UtcDateTime
from scheduler.persistence.columns import metadata as metadata  # with every table in it

COUNTING = text("status IN ('held', 'booked')")


class ProgramRow(Row, table=True):
    """The one program this database serves: its files as text, so that the same facts can always be read again."""

    __tablename__ = "program"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)
    id: int = Field(default=1, primary_key=True)
    name: str
    title: str
    starts_on: date
    files: str = Field(sa_type=Text)  # JSON: path relative to the bundle -> text, see persistence.bundle
    sha256: str
    imported_at: datetime = Field(sa_type=UtcDateTime)
    imported_by: str


class BoardRow(Row, table=True):
    """One row that every change of stays locks and counts up, so that readers can fetch what changed since."""

    __tablename__ = "board"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)
    id: int = Field(default=1, primary_key=True)
    revision: int = Field(default=0, sa_type=BigInteger)
    calendar_revision: int = Field(default=0, sa_type=BigInteger)  # counts closures and hindrances


class PatientRow(Row, table=True):
    """The person treated, by study id."""

    __tablename__ = "patient"
    id: str = Field(primary_key=True)
    site: str = Field(index=True)
    registered_on: date
    weight_kg: float
    status: str = "registered"  # registered, booked, withdrawn, completed
    registered_at: datetime = Field(sa_type=UtcDateTime)
    registered_by: str
    version: int = 1


class CourseRow(Row, table=True):
    """One patient's booked treatment; `coi` is its opaque chain-of-identity id."""

    __tablename__ = "course"
    id: str = Field(primary_key=True, foreign_key="patient.id")  # the patient's id: one course each
    site: str = Field(index=True)
    plant: str | None = None
    coi: str = Field(unique=True)
    status: str = "booked"  # booked, cancelled, completed
    restarted: str = Field(default="[]", sa_column_kwargs={"server_default": "[]"})  # JSON: doses made from the bank
    booked_at: datetime = Field(sa_type=UtcDateTime)
    booked_by: str
    version: int = 1


class ActivityRow(Row, table=True):
    """One planned step of a booked course; the actual times are beside the planned ones, never in their place.

    An ``open`` step must be made again and has no time yet: its times are void, it is no part of the plan and holds no
    stays. A ``given_up`` step is no step of its course any more. What either was before is in `AttemptRow`.
    """

    __tablename__ = "activity"
    __table_args__ = (CheckConstraint("end_at >= start_at", name="ends_after_start"),)
    id: str = Field(primary_key=True)  # HYU-001/1/fill
    course: str = Field(foreign_key="course.id", index=True)
    kind: str
    dose: int | None = None
    place: str = Field(index=True)
    units: str = "{}"  # JSON: resource -> unit
    start_at: datetime = Field(sa_type=UtcDateTime, index=True)
    end_at: datetime = Field(sa_type=UtcDateTime)
    lane: str | None = None
    volume_ml: float | None = None
    syringes: int | None = None
    status: str = "planned"  # planned, performed, late, failed, cancelled, open, given_up
    attempt: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # which one this is
    actual_start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    actual_end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_by: str | None = None
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # None: not since it was booked
    version: int = 1


class AttemptRow(Row, table=True):
    """An activity as it was when it was given up: what was planned, what was done, and why it must be made again."""

    __tablename__ = "attempt"
    __table_args__ = (Index("uq_attempt_activity_attempt", "activity", "attempt", unique=True),)
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    activity: str = Field(foreign_key="activity.id")
    attempt: int
    course: str = Field(foreign_key="course.id", index=True)
    kind: str
    dose: int | None = None
    place: str
    units: str
    start_at: datetime = Field(sa_type=UtcDateTime)
    end_at: datetime = Field(sa_type=UtcDateTime)
    lane: str | None = None
    volume_ml: float | None = None
    syringes: int | None = None
    status: str  # planned, performed, late, failed
    actual_start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    actual_end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_by: str | None = None
    version: int
    why: str
    given_up_at: datetime = Field(sa_type=UtcDateTime)
    given_up_by: str


class VisitRow(Row, table=True):
    """What the patient was told of one attended step; its id is the activity's and outlives every move.

    Of an ``open`` visit the patient has to hear that the date told no longer holds; a new one follows.
    """

    __tablename__ = "visit"
    id: str = Field(primary_key=True, foreign_key="activity.id")
    course: str = Field(foreign_key="course.id", index=True)
    site: str = Field(index=True)
    on_date: date = Field(index=True)
    start_at: datetime = Field(sa_type=UtcDateTime)
    end_at: datetime = Field(sa_type=UtcDateTime)
    status: str = "planned"  # planned, performed, late, failed, cancelled, open
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_by: str | None = None
    told_version: int | None = None  # the version of which the patient was told, by confirm or acknowledge
    reason: str | None = None  # why it is not as it first was: supply, site, patient, logistics
    changed_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class WeightRow(Row, table=True):
    """A measured weight; a fill needs one at most 7 days old."""

    __tablename__ = "weight"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    patient: str = Field(foreign_key="patient.id", index=True)
    weight_kg: float
    measured_at: datetime = Field(sa_type=UtcDateTime)
    measured_by: str
    activity: str | None = None


class UnitRow(Row, table=True):
    """One concrete unit: a suite, a room, an incubator position, or a place on a courier lane (kind ``lane``)."""

    __tablename__ = "unit"
    __table_args__ = (Index("uq_unit_place_kind_name", "place", "kind", "name", unique=True),)
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    place: str  # place code, or lane code for kind lane
    kind: str
    name: str


class StayRow(Row, table=True):
    """One unit taken for one activity over ``[begins, ends)``; two live stays of a unit never overlap.

    The database itself forbids overlaps (see the migration). `live` is false once released. A stay of a hold carries
    the second at which the hold ends; it is as if released from then on, whether or not anybody has said so.
    """

    __tablename__ = "stay"
    __table_args__ = (
        CheckConstraint("begins < ends", name="has_length"),
        Index("ix_stay_unit_id_begins", "unit_id", "begins", sqlite_where=text("live")),
        Index("ix_stay_expires", "expires", sqlite_where=text("live"), postgresql_where=text("live")),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    unit_id: int = Field(foreign_key="unit.id", sa_type=BigInteger)
    begins: int = Field(sa_type=BigInteger)
    ends: int = Field(sa_type=BigInteger)
    course: str = Field(index=True)
    activity: str
    resource: str  # the use this stay serves, such as suite; lane for a departure
    hold: str | None = Field(default=None, index=True)
    expires: int | None = Field(default=None, sa_type=BigInteger)
    live: bool = True
    changed_revision: int = Field(sa_type=BigInteger, index=True)


class OfferRow(Row, table=True):
    """A complete course somebody may hold; the plant's part never leaves `course`."""

    __tablename__ = "offer"
    id: str = Field(primary_key=True)
    patient: str = Field(foreign_key="patient.id", index=True)
    site: str
    course: str = Field(sa_type=Text)  # JSON, see persistence.mapping
    replaces: str = "[]"  # JSON: activity ids a reschedule gives up
    moves: str = "[]"  # JSON: other patients' activities that a tier-1 offer moves
    breaks: str = "[]"  # JSON: rules that only an override may break
    tier: int = 0
    first_dose_on: date
    cost: str  # JSON: three levels
    made_at: datetime = Field(sa_type=UtcDateTime)
    made_by: str
    valid_until: datetime = Field(sa_type=UtcDateTime)
    course_version: int | None = None  # of the course a reschedule starts from
    status: str = "open"  # open, booked; whether it is held, its holds say


class HoldRow(Row, table=True):
    """An offer kept for somebody until `expires_at`.

    An offer has many over time and only one that still counts: the database refuses a second one. A hold that has run
    out is ``expired`` only once its patient's dates are held again; until then `expires_at` alone says so.
    """

    __tablename__ = "hold"
    __table_args__ = (Index("uq_hold_offer", "offer", unique=True, sqlite_where=COUNTING, postgresql_where=COUNTING),)
    id: str = Field(primary_key=True)
    offer: str = Field(foreign_key="offer.id")
    patient: str = Field(foreign_key="patient.id", index=True)
    site: str
    held_at: datetime = Field(sa_type=UtcDateTime)
    held_by: str
    expires_at: datetime = Field(sa_type=UtcDateTime)
    status: str = "held"  # held, booked, released, expired


class ClosureRow(Row, table=True):
    """A stretch in which a place, a resource, a unit, or a lane does not work, declared while the program runs."""

    __tablename__ = "closure"
    id: str = Field(primary_key=True)
    where: str = Field(index=True)
    resource: str | None = None
    unit: str | None = None
    start_at: datetime = Field(sa_type=UtcDateTime)
    end_at: datetime = Field(sa_type=UtcDateTime)
    reason: str
    declared_at: datetime = Field(sa_type=UtcDateTime)
    declared_by: str
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1


class HindranceRow(Row, table=True):
    """A stretch from which something keeps steps of one patient, declared while the program runs."""

    __tablename__ = "hindrance"
    id: str = Field(primary_key=True)
    patient: str = Field(foreign_key="patient.id", index=True)
    kinds: str | None = None  # JSON: kinds of step; none for everything that is attended
    dose: int | None = None
    start_at: datetime = Field(sa_type=UtcDateTime)
    end_at: datetime = Field(sa_type=UtcDateTime)
    reason: str
    neutral: str  # supply, site, patient, logistics
    declared_at: datetime = Field(sa_type=UtcDateTime)
    declared_by: str
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1


class DeviationRow(Row, table=True):
    """Something done outside its window, signed."""

    __tablename__ = "deviation"
    id: str = Field(primary_key=True)
    course: str = Field(foreign_key="course.id", index=True)
    activity: str
    rule: str
    reason: str
    signature: str = Field(foreign_key="signature.id")
    made_at: datetime = Field(sa_type=UtcDateTime)


class KeyRow(Row, table=True):
    """An API key: only a hash of the secret is kept."""

    __tablename__ = "api_key"
    id: str = Field(primary_key=True)
    secret_hash: str
    name: str
    role: str
    site: str | None = None
    made_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FailedKeyRow(Row, table=True):
    """A refused credential, counted per origin to slow down guessing."""

    __tablename__ = "failed_key"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    origin: str = Field(index=True)
    failed_at: datetime = Field(sa_type=UtcDateTime, index=True)


class AnswerRow(Row, table=True):
    """What a request with an Idempotency-Key was answered; without a status it is still being worked on."""

    __tablename__ = "answer"
    key: str = Field(primary_key=True)  # the caller's key id and the header together, hashed
    request_hash: str
    status: int | None = None
    body: str | None = Field(default=None, sa_type=Text)
    headers: str = "{}"
    begun_at: datetime = Field(sa_type=UtcDateTime, index=True)


class AuditRow(Row, table=True):
    """One line of the audit trail, chained to the one before by hash; never changed, never deleted."""

    __tablename__ = "audit_entry"
    id: int = Field(primary_key=True, sa_type=BigId)  # without gaps: given by the writer, under the chain's lock
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    role: str
    site: str | None = None
    action: str = Field(index=True)  # course:booked
    subject: str = Field(index=True)
    reason: str | None = None
    before: str | None = Field(default=None, sa_type=Text)  # JSON
    after: str | None = Field(default=None, sa_type=Text)  # JSON
    request_id: str | None = None
    previous_hash: str
    hash: str = Field(unique=True)


class SignatureRow(Row, table=True):
    """An electronic signature: printed name, time and meaning, bound to the hash of the record signed."""

    __tablename__ = "signature"
    id: str = Field(primary_key=True)
    record: str
    record_hash: str
    signer: str
    role: str
    meaning: str
    signed_at: datetime = Field(sa_type=UtcDateTime)
    hash: str


class UnblindedArmRow(Row, table=True):
    """Which arm a patient was randomised to."""

    __tablename__ = "unblinded_arm"
    patient: str = Field(primary_key=True)
    arm: str
    imported_at: datetime = Field(sa_type=UtcDateTime)
    imported_by: str


class UnblindedOpeningRow(Row, table=True):
    """An emergency unblinding of one patient, with the alarm to the sponsor's unblinded side."""

    __tablename__ = "unblinded_opening"
    id: str = Field(primary_key=True)
    patient: str
    reason: str
    signature: str = Field(foreign_key="signature.id")
    opened_at: datetime = Field(sa_type=UtcDateTime)
    opened_by: str
    alarm_acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    alarm_acknowledged_by: str | None = None
