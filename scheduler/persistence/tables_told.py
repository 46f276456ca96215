"""Tables of who is told what: calendars people subscribe to, and messages to other computers."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from scheduler.persistence.columns import Row, UtcDateTime

WAITS = text("ended_at IS NULL")


class CalendarFeedRow(Row, table=True):
    """An address that a calendar program may read: what it shows is fixed; only a hash of its secret is kept."""

    __tablename__ = "calendar_feed"
    id: str = Field(primary_key=True)
    secret_hash: str
    scope: str  # site, coordinator, patient, plant, suite, lane, pharmacist
    subject: str  # a site, patient, plant, PLANT/UNIT or courier lane
    audience: str
    site: str | None = Field(default=None, index=True)  # whose people may manage it; None for the plant's side
    label: str
    made_by: str
    made_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    content_hash: str | None = None  # of what was served last
    content_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebhookRow(Row, table=True):
    """Where changes are told to another computer; `sequence` is the number of its last message.

    Fixed when it is made: the blinded are told of visits, the plant of steps.
    """

    __tablename__ = "webhook"
    id: str = Field(primary_key=True)
    url: str
    secret: str  # signs every message, so that it must be kept as it is
    audience: str = Field(default="blinded", sa_column_kwargs={"server_default": "blinded"})  # blinded, plant
    site: str | None = Field(default=None, index=True)  # whose visits; None for every site's, and for the plant
    label: str
    made_by: str
    made_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sequence: int = Field(default=0, sa_type=BigInteger)


class WebhookMessageRow(Row, table=True):
    """One message to one webhook, written with the change it tells of and delivered later; never deleted."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        Index("uq_webhook_message_webhook_sequence", "webhook", "sequence", unique=True),
        Index("ix_webhook_message_waiting", "webhook", sqlite_where=WAITS, postgresql_where=WAITS),
    )
    id: str = Field(primary_key=True)
    webhook: str = Field(foreign_key="webhook.id")
    sequence: int = Field(sa_type=BigInteger)
    content: str = Field(sa_type=Text)  # JSON: the body, as it is signed and sent
    made_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # real time; None: at once
    last_status: int | None = None  # what the receiver answered last; None where nobody did
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # real time; None while it waits
    delivered: bool = False
