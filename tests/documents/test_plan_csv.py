"""plan.csv: a row an activity, and nothing a spreadsheet would run."""

import csv
import io
from dataclasses import replace

import pytest

from scheduler.documents.plan_csv import COLUMNS, plan_csv, safe_cell
from tests.domain.world import NETWORK, valid_plan


def test_every_activity_has_one_row_in_the_order_of_the_plan() -> None:
    plan = valid_plan()
    rows = list(csv.DictReader(io.StringIO(plan_csv(plan, NETWORK))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["activity"] for row in rows] == [one.id for course in plan.courses for one in course.activities]
    fill = next(row for row in rows if row["activity"] == "ANA/1/fill")
    assert fill["units"] == "cold_store=cold_store-1 fill_crew=fill_crew-1 suite=suite-1"
    assert (fill["volume_ml"], fill["syringes"], fill["start"]) == ("6.0", "2", "2027-02-17T12:30:00+09:00")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_a_spreadsheet_would_run_gets_a_quote_in_front(start: str) -> None:
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


def test_a_harmless_cell_stays_as_it_is() -> None:
    assert safe_cell("ANA/1/fill") == "ANA/1/fill"


def test_a_patient_id_that_is_a_formula_is_made_harmless_in_its_row() -> None:
    plan = valid_plan()
    course = replace(plan.courses[0], patient='=HYPERLINK("x")')
    rows = list(csv.reader(io.StringIO(plan_csv(replace(plan, courses=(course,)), NETWORK))))
    assert {row[0] for row in rows[1:]} == {'\'=HYPERLINK("x")'}
