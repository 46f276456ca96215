"""Tables for a spreadsheet: text stays text, whatever it begins with, and the same tables give the same bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime

import pytest

from scheduler.documents.sheets import Sheet, sheets_csv, sheets_xlsx

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
BAD = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "http://a.example", "007"]


def sheet(*rows: tuple[str | int | None, ...], name: str = "NORTH") -> Sheet:
    return Sheet(name, ("patient", "dose"), rows)


def part(book: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return archive.read(name).decode()


@pytest.mark.parametrize("text", BAD)
def test_no_cell_of_a_workbook_is_a_formula_a_link_or_a_number(text: str) -> None:
    book = sheets_xlsx([sheet((text, 1))], NOW)
    page, strings = part(book, "xl/worksheets/sheet1.xml"), part(book, "xl/sharedStrings.xml")
    assert '<c r="A2" t="s">' in page
    assert "<f>" not in page and "hyperlink" not in page
    assert text.strip() in strings
    assert re.search(r'<c r="B2"><v>1</v></c>', page)


@pytest.mark.parametrize("text", BAD[:6])
def test_a_cell_of_a_csv_that_would_be_a_formula_begins_with_a_quote(text: str) -> None:
    read = list(csv.reader(io.StringIO(sheets_csv([sheet((text, None))]), newline="")))
    assert read == [["patient", "dose"], [f"'{text}", ""]]


def test_a_csv_has_the_rows_of_all_sheets_under_one_header() -> None:
    assert sheets_csv([sheet(("ANA", 1)), sheet(("BEN", 2), name="SOUTH")]) == "patient,dose\r\nANA,1\r\nBEN,2\r\n"


def test_a_workbook_has_a_sheet_for_each_table_under_a_name_that_spreadsheets_accept() -> None:
    names = ["NORTH", "a/b:c[d]*?", "x" * 40, "x" * 41]
    listed = part(sheets_xlsx([sheet(name=name) for name in names], NOW), "xl/workbook.xml")
    assert re.findall(r'<sheet name="([^"]*)"', listed) == ["NORTH", "a-b-c-d---", "x" * 27 + " 3", "x" * 27 + " 4"]


def test_the_same_tables_give_the_same_bytes() -> None:
    assert sheets_xlsx([sheet(("ANA", 1))], NOW) == sheets_xlsx([sheet(("ANA", 1))], NOW)
