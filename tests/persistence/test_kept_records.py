"""Signatures, deviations, weights, plans and openings stay as they were written, except for what has to change."""

from typing import Any

import pytest
from sqlalchemy import text

from scheduler.persistence.database import Database
from scheduler.persistence.errors import RowRefused
from scheduler.persistence.tables import (
    ActivityRow,
    AttemptRow,
    CourseRow,
    DeviationRow,
    PatientRow,
    UnblindedOpeningRow,
    WeightRow,
)
from scheduler.persistence.tables_coldchain import (
    CustodyRow,
    DispositionRow,
    DonationRow,
    DoseUnitRow,
    LoggerRow,
    LotRow,
    NoticeRow,
    ReleaseRow,
    ReplacementRow,
    ScanRow,
)
from scheduler.persistence.tables_plans import PlanRow
from scheduler.persistence.tables_told import CalendarFeedRow, WebhookMessageRow, WebhookRow
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
        "webhook SET audience = 'plant'",
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


COLD = (
    *("donation", "lot", "dose_unit", "scan", "custody", "logger_file", "disposition", "replacement"),
    *("lot_release", "notice"),
)


@pytest.fixture
def followed(kept: Database) -> Database:
    """One row in each table of the cold chain."""
    with unit_of_work(kept) as work:
        signed = work.sign("release/r-1", {}, meaning="release of a lot")
        fill: dict[str, Any] = {"activity": "NOR-001/2/fill", "attempt": 2}
        made: dict[str, Any] = {"made_at": NOW, "made_by": "Paul"}
        decided: dict[str, Any] = {"reason": "tested", "signature": signed, "decided_at": NOW, "decided_by": "Quinn"}
        judged: dict[str, Any] = {
            "verdict": "review",
            "details": "{}",
            "proposal": "use",
            "sha256": "0",
            "content": "at,celsius",
        }
        times: dict[str, Any] = {"packed_at": NOW, "received_at": NOW, "uploaded_at": NOW, "uploaded_by": "Phil"}
        parties: dict[str, Any] = {"from_holder": "plant", "to_holder": "Carl", "place": "Plant"}
        seen: dict[str, Any] = {"happened_at": NOW, "recorded_at": NOW, "recorded_by": "Carl"}
        told: dict[str, Any] = {
            "kind": "lot_failed",
            "urgent": True,
            "role": "doctor",
            "sentence": "x",
            "raised_at": NOW,
        }
        scanned: dict[str, Any] = {
            "unit": "u-1",
            "step": "checked",
            "place": "North",
            "scanned_at": NOW,
            "scanned_by": "Nora",
        }
        told_only: dict[str, Any] = {"text": "x", "figures": "{}"}
        for row in (
            DonationRow(id="d-1", course="NOR-001", **fill, **made),
            LotRow(id="l-1", course="NOR-001", dose=2, **fill, **made),
            DoseUnitRow(id="u-1", lot="l-1", course="NOR-001", dose=2, number=1, made_at=NOW),
            ScanRow(id="s-1", patient="NOR-001", **scanned),
            CustodyRow(id="c-1", **fill, step="packed", **parties, **seen),
            LoggerRow(id="f-1", **fill, lot="l-1", **judged, **times),
            DispositionRow(id="p-1", logger_file="f-1", decision="use", **decided),
            ReplacementRow(id="r-1", logger_file="f-1", revision=1, visits="[]", losses="[]", **told_only, **made),
            ReleaseRow(id="r-1", lot="l-1", stage="final", passed=True, **decided),
            NoticeRow(id="n-1", patient="NOR-001", **told),
        ):
            work.session.add(row)
            work.session.flush()
        work.commit()
    return kept


@pytest.mark.parametrize("table", COLD)
def test_nothing_of_the_cold_chain_is_deleted_rewritten_or_written_twice(followed: Database, table: str) -> None:
    refused(followed, f"DELETE FROM {table}")
    refused(followed, f"UPDATE {table} SET id = 'x'")
    with followed.engine.begin() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1


def test_of_a_notice_only_its_acknowledgement_is_written_later(followed: Database) -> None:
    refused(followed, "UPDATE notice SET sentence = 'y'")
    with followed.engine.begin() as connection:
        change = "UPDATE notice SET acknowledged_at = '2027-01-04', acknowledged_by = 'Dora'"
        assert connection.execute(text(change)).rowcount == 1


@pytest.mark.parametrize(
    "again",
    [
        "donation (id, course, activity, attempt, made_at, made_by) "
        "SELECT 'x', course, activity, attempt, made_at, made_by",
        "lot (id, course, dose, activity, attempt, made_at, made_by) "
        "SELECT 'x', course, dose, activity, attempt, made_at, made_by",
        "lot_release (id, lot, stage, passed, reason, signature, decided_at, decided_by) "
        "SELECT 'x', lot, stage, passed, reason, signature, decided_at, decided_by",
        "disposition (id, logger_file, decision, reason, signature, decided_at, decided_by) "
        "SELECT 'x', logger_file, decision, reason, signature, decided_at, decided_by",
    ],
)
def test_what_is_said_once_is_not_said_again(followed: Database, again: str) -> None:
    with pytest.raises(RowRefused), followed.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {again} FROM {again.split()[0]}"))
