"""Tables for a spreadsheet: CSV of one table, XLSX with a sheet for each; no cell is ever taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import xlsxwriter

from scheduler.documents.plan_csv import safe_cell

XLSX_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_MEDIA_TYPE = "text/csv; charset=utf-8"
_LONGEST_NAME = 31  # of a sheet
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", "-"))
_WIDEST = 60

Cell = str | int | float | None


@dataclass(frozen=True)
class Sheet:
    """A named table; every row has a cell for each column."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def sheets_csv(sheets: Sequence[Sheet]) -> str:
    """The rows of sheets with the same columns as one table (RFC 4180)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")  # also so that a carriage return within a cell is quoted
    table.writerow(sheets[0].columns)
    for sheet in sheets:
        table.writerows([safe_cell("" if cell is None else str(cell)) for cell in row] for row in sheet.rows)
    return text.getvalue()


def sheets_xlsx(sheets: Sequence[Sheet], made_at: datetime) -> bytes:
    """A workbook with a sheet for each table; the same bytes for the same tables and instant."""
    content = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(content, plain) as book:
        book.set_properties({"title": "Marrowline", "created": made_at.replace(tzinfo=None)})
        heading = book.add_format({"bold": True, "bottom": 1})
        for number, sheet in enumerate(sheets, 1):
            _fill(book.add_worksheet(_name(sheet.name, number)), sheet, heading)
    return content.getvalue()


def _fill(page: xlsxwriter.worksheet.Worksheet, sheet: Sheet, heading: object) -> None:
    for column, title in enumerate(sheet.columns):
        page.write_string(0, column, title, heading)
        longest = max((len(str(row[column])) for row in sheet.rows if row[column] is not None), default=0)
        page.set_column(column, column, min(_WIDEST, max(longest, len(title)) + 2))
    for number, row in enumerate(sheet.rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                page.write_string(number, column, cell)  # whatever it begins with
            elif cell is not None:
                page.write_number(number, column, cell)
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, max(1, len(sheet.rows)), len(sheet.columns) - 1)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)


def _name(wanted: str, number: int) -> str:
    """A name that spreadsheets accept, told apart by its number where it had to be cut."""
    name = wanted.translate(_FORBIDDEN)
    return name if 0 < len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 4]} {number}"
