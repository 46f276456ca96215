"""Signatures, deviations, weights, plans and openings stay as they were written, except for what has to change."""

import pytest
from sqlalchemy import text

from scheduler.persistence.database import Database
from scheduler.persistence.errors import RowRefused
from scheduler.persistence.tables import (
    ActivityRow,
    AttemptRow,
    CalendarFeedRow,
    CourseRow,
    DeviationRow,
    PatientRow,
    PlanRow,
    UnblindedOpeningRow,
    WebhookMessageRow,
    WebhookRow,
    WeightRow,
)
from tests.persistence.cast import NOW, unit_of_work

TABLES = [
    "signature",
    "deviation",
    "weight",
    "plan",
    "unblinded_opening",
    "attempt",
    "calendar_feed",
    "webhook",
    "webhook_message",
]


@pytest.fixture
def kept(database: Database) -> Database:
    """One row in each table."""
    with unit_of_work(database) as work:
        signed = work.sign("plan/1", {}, meaning="approval")
        add = work.session.add
        add(
            PatientRow(
                id="NOR-001",
                site="North",
                registered_on=NOW.date(),
                weight_kg=61.5,
                registered_at=NOW,
                registered_by="Nora",
            )
        )
        work.session.flush()
        add(CourseRow(id="NOR-001", site="North", coi="X-1", booked_at=NOW, booked_by="Nora"))
        add(WeightRow(patient="NOR-001", weight_kg=61.5, measured_at=NOW, measured_by="Nora"))
        add(PlanRow(program="alsummit", state="proposed", document="{}", sha256="0", made_at=NOW, made_by="Paul"))
        add(
            UnblindedOpeningRow(
                id="o-1", patient="NOR-001", reason="fever", signature=signed, opened_at=NOW, opened_by="Dora"
            )
        )
        feed = {"id": "f-1", "secret_hash": "0", "scope": "site", "subject": "North", "audience": "blinded"}
        add(CalendarFeedRow(**feed, label="Outlook", made_by="Nora", made_at=NOW))
        add(WebhookRow(id="w-1", url="https://a.example", secret="0", label="A", made_by="Nora", made_at=NOW))
        work.session.flush()
        add(WebhookMessageRow(id="m-1", webhook="w-1", sequence=1, content="{}", made_at=NOW))
        work.session.flush()
        add(
            DeviationRow(
                id="d-1",
                course="NOR-001",
                activity="NOR-001/2/injection",
                rule="window",
                reason="fever",
                signature=signed,
                made_at=NOW,
            )
        )
        fill = {"course": "NOR-001", "kind": "fill", "dose": 2, "place": "Plant", "units": "{}"}
        times = {"start_at": NOW, "end_at": NOW}
        add(ActivityRow(id="NOR-001/2/fill", attempt=2, status="open", **fill, **times))
        work.session.flush()
        add(
            AttemptRow(
                activity="NOR-001/2/fill",
                attempt=1,
                status="failed",
                version=2,
                why="lot_failed",
                given_up_at=NOW,
                given_up_by="Paul",
                **fill,
                **times,
            )
        )
        work.commit()
    return database


def refused(database: Database, statement: str) -> None:
    with pytest.raises(RowRefused, match="kept as written"), database.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("table", TABLES)
def test_no_record_is_deleted(kept: Database, table: str) -> None:
    refused(kept, f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "change",
    [
        "signature SET meaning = 'x'",
        "deviation SET reason = 'x'",
        "weight SET weight_kg = 1",
        "plan SET document = 'x'",
        "plan SET state = 'approved', document = 'x'",
        "unblinded_opening SET reason = 'x'",
        "attempt SET status = 'performed'",
        "calendar_feed SET scope = 'pharmacist'",
        "webhook SET site = NULL, url = 'https://b.example'",
        "webhook_message SET content = 'x'",
    ],
)
def test_no_record_is_rewritten(kept: Database, change: str) -> None:
    refused(kept, f"UPDATE {change}")


@pytest.mark.parametrize(
    "change",
    [
        "plan SET state = 'approved', version = 2",
        "unblinded_opening SET alarm_acknowledged_at = '2027-01-04', alarm_acknowledged_by = 'Stan'",
        "calendar_feed SET revoked_at = '2027-01-04'",
        "webhook SET sequence = 2",
        "webhook_message SET attempts = 1, next_at = '2027-01-04'",
    ],
)
def test_what_has_to_change_may_change(kept: Database, change: str) -> None:
    with kept.engine.begin() as connection:
        assert connection.execute(text(f"UPDATE {change}")).rowcount == 1


@pytest.mark.parametrize("same", ["id", "activity, attempt"])
def test_an_attempt_is_not_replaced_by_another_of_the_same_number(kept: Database, same: str) -> None:
    names = [one for one in AttemptRow.model_fields if one != "id" or same == "id"]
    listed = ", ".join(names)
    with pytest.raises(RowRefused), kept.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO attempt ({listed}) SELECT {listed} FROM attempt"))
