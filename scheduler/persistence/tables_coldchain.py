"""Tables of what becomes of a dose between fill and patient. Every row stays as it was written.

They are read by `persistence.custody` alone: there is a lot and a unit for every dose, whatever it holds, but a blinded
reader has no use for either.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from scheduler.persistence.columns import Row, UtcDateTime


class DonationRow(Row, table=True):
    """What was taken from a patient in one attempt of one harvest."""

    __tablename__ = "donation"
    __table_args__ = (Index("uq_donation_activity_attempt", "activity", "attempt", unique=True),)
    id: str = Field(primary_key=True)
    course: str = Field(foreign_key="course.id", index=True)
    activity: str = Field(foreign_key="activity.id")
    attempt: int
    made_at: datetime = Field(sa_type=UtcDateTime)
    made_by: str


class LotRow(Row, table=True):
    """One dose in manufacture: one attempt of one fill."""

    __tablename__ = "lot"
    __table_args__ = (Index("uq_lot_activity_attempt", "activity", "attempt", unique=True),)
    id: str = Field(primary_key=True)
    course: str = Field(foreign_key="course.id", index=True)
    dose: int
    activity: str = Field(foreign_key="activity.id")
    attempt: int
    made_at: datetime = Field(sa_type=UtcDateTime)
    made_by: str


class DoseUnitRow(Row, table=True):
    """One syringe of a lot; `expires_at` is the end of its shelf life, None without one."""

    __tablename__ = "dose_unit"
    id: str = Field(primary_key=True)
    lot: str = Field(foreign_key="lot.id", index=True)
    course: str = Field(foreign_key="course.id", index=True)
    dose: int
    number: int
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    made_at: datetime = Field(sa_type=UtcDateTime)


class ScanRow(Row, table=True):
    """A unit met a patient or a hand-over: let pass, or refused with the reason."""

    __tablename__ = "scan"
    id: str = Field(primary_key=True)
    unit: str = Field(index=True)  # as it was read: it may be one that nobody made
    patient: str = Field(foreign_key="patient.id", index=True)
    step: str
    place: str
    refused: str | None = None  # wrong-unit, dose-given, expired, quarantined, unreleased
    scanned_at: datetime = Field(sa_type=UtcDateTime)
    scanned_by: str


class CustodyRow(Row, table=True):
    """A shipment changed hands, or was checked."""

    __tablename__ = "custody"
    __table_args__ = (Index("uq_custody_activity_attempt_step", "activity", "attempt", "step", unique=True),)
    id: str = Field(primary_key=True)
    activity: str = Field(foreign_key="activity.id")
    attempt: int
    lot: str | None = Field(default=None, foreign_key="lot.id", index=True)
    step: str  # packed, handed_over, received, checked
    from_holder: str
    to_holder: str
    place: str
    celsius: float | None = None
    happened_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    recorded_by: str


class LoggerRow(Row, table=True):
    """A logger's file with its verdict."""

    __tablename__ = "logger_file"
    id: str = Field(primary_key=True)
    activity: str = Field(foreign_key="activity.id", index=True)
    attempt: int
    lot: str | None = Field(default=None, foreign_key="lot.id", index=True)  # None on the way to the plant
    verdict: str
    details: str = Field(sa_type=Text)  # JSON: the whole verdict
    proposal: str  # use, discard, decide
    sha256: str
    content: str = Field(sa_type=Text)
    packed_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    uploaded_at: datetime = Field(sa_type=UtcDateTime)
    uploaded_by: str


class DispositionRow(Row, table=True):
    """What a person of quality decided on a verdict that was not in-range, signed."""

    __tablename__ = "disposition"
    __table_args__ = (Index("uq_disposition_logger_file", "logger_file", unique=True),)
    id: str = Field(primary_key=True)
    logger_file: str = Field(foreign_key="logger_file.id")
    decision: str  # use, discard
    reason: str
    signature: str = Field(foreign_key="signature.id")
    decided_at: datetime = Field(sa_type=UtcDateTime)
    decided_by: str


class ReplacementRow(Row, table=True):
    """What making a dose again would come to, worked out while its units are in quarantine; nothing of it is in force.

    Worked out again it is another row; the latest one counts.
    """

    __tablename__ = "replacement"
    id: str = Field(primary_key=True)
    logger_file: str = Field(foreign_key="logger_file.id", index=True)
    revision: int = Field(sa_type=BigInteger)  # of the board it was worked out from
    visits: str = Field(sa_type=Text)  # JSON: the columns of its visit changes
    losses: str = Field(sa_type=Text)  # JSON, see reoptimise.proposals
    text: str = Field(sa_type=Text)  # the whole diff in words, for the plant
    figures: str = Field(sa_type=Text)  # JSON, for the plant
    made_at: datetime = Field(sa_type=UtcDateTime)
    made_by: str


class ReleaseRow(Row, table=True):
    """What a person of quality says of a lot at one of two stages, signed."""

    __tablename__ = "lot_release"
    __table_args__ = (Index("uq_lot_release_lot_stage", "lot", "stage", unique=True),)
    id: str = Field(primary_key=True)
    lot: str = Field(foreign_key="lot.id")
    stage: str  # before_sterility, final
    passed: bool
    reason: str
    signature: str = Field(foreign_key="signature.id")
    decided_at: datetime = Field(sa_type=UtcDateTime)
    decided_by: str


class NoticeRow(Row, table=True):
    """Something one role, at one site or for all, must see; only its acknowledgement is written later."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_role_site", "role", "site"),)
    id: str = Field(primary_key=True)
    kind: str
    urgent: bool
    role: str
    site: str | None = None
    patient: str
    dose: int | None = Field(default=None)
    sentence: str = Field(sa_type=Text)
    raised_at: datetime = Field(sa_type=UtcDateTime)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: str | None = None
