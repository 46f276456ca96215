"""Logger files: CSV and JSON, read line by line, however long they are.

A CSV file has the two columns ``at`` and ``celsius``, or ``at`` and ``fahrenheit``; a JSON file is a list of objects
with the same two keys. Each time carries its UTC offset. A temperature that is empty or no finite number is a reading
that is missing; anything else that cannot be read is refused with its place, and so is the whole file.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, TextIO

from scheduler.domain.errors import BadInput
from scheduler.domain.excursions import Reading

UNITS = ("celsius", "fahrenheit")
EMPTY = frozenset({"", "nan", "null", "none", "-", "--", "n/a"})
YEARS = range(2000, 2100)
BLOCK = 65536
LONGEST_ENTRY = 1000
"""Characters of one line of CSV or one object of JSON; a logger writes some 40."""


def readings(file: BinaryIO, name: str) -> Iterator[Reading]:
    """The readings of a file in its own order, each as soon as it is read.

    Parameters
    ----------
    file
        The file, at its beginning; JSON if its first sign is a bracket, else CSV.
    name
        What errors call it.

    Raises
    ------
    BadInput
        At the first line or entry that cannot be used.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        begin = text.read(1)
        while begin.isspace():
            begin = text.read(1)
        yield from _json(text, name) if begin == "[" else _csv(_lines(begin, text, name), name)
    except UnicodeDecodeError as problem:
        raise BadInput(name, "encoding", "this is not UTF-8 text", "Export the readings as CSV in UTF-8") from problem
    finally:
        text.detach()


# --- CSV --------------------------------------------------------------------------------------------------------------


def _lines(begin: str, text: TextIO, name: str) -> Iterator[str]:
    """The lines of a file whose first sign was read already; none is ever held that is longer than a logger's."""
    number = 1
    line = begin + text.readline(LONGEST_ENTRY)
    while line:
        if len(line) > LONGEST_ENTRY:
            raise BadInput(name, f"line {number}", "is too long", "Export the readings as CSV with two columns")
        yield line
        number += 1
        line = text.readline(LONGEST_ENTRY + 1)


def _csv(lines: Iterator[str], name: str) -> Iterator[Reading]:
    rows = csv.reader(lines)
    try:
        unit, first = _columns(next(rows, []), name)
        for row in rows:
            if row:
                yield _row(row, unit, first, f"line {rows.line_num}", name)
    except csv.Error as problem:
        raise BadInput(name, f"line {rows.line_num}", str(problem), "Export the readings as CSV again") from problem


def _columns(header: list[str], name: str) -> tuple[str, int]:
    """The unit, and which of the two columns has the temperature."""
    found = [one.strip().lower() for one in header]
    for unit in UNITS:
        if sorted(found) == sorted(("at", unit)):
            return unit, found.index(unit)
    shown = ",".join(header)[:80]
    raise BadInput(name, "line 1", f"{shown!r} is not the header", "Begin with at,celsius or at,fahrenheit")


def _row(row: list[str], unit: str, column: int, where: str, name: str) -> Reading:
    if len(row) != 2:
        raise BadInput(name, where, f"has {len(row)} columns", "Write a time and a temperature with a decimal point")
    written = row[column].strip()
    if written.lower() in EMPTY:
        return Reading(_instant(row[1 - column].strip(), where, name), None)
    try:
        value = float(written.replace("_", "?"))  # Python would read 4_6 as 46
    except ValueError:
        raise _no_number(written, where, name) from None
    return Reading(_instant(row[1 - column].strip(), where, name), _celsius(value, unit))


# --- JSON -------------------------------------------------------------------------------------------------------------


def _json(text: TextIO, name: str) -> Iterator[Reading]:
    """The entries of a list whose opening bracket was read already."""
    for number, entry in enumerate(_entries(text, name), 1):
        yield _entry(entry, f"reading {number}", name)


def _entries(text: TextIO, name: str) -> Iterator[object]:
    """The objects of the list, one after the other: never more of the file in memory than a block and an entry."""
    decoder, rest, number = json.JSONDecoder(), "", 0
    while True:
        rest = rest.lstrip()
        if not rest and not (rest := text.read(BLOCK).lstrip()):
            raise _broken("the list has no end", number, name)
        if rest[0] == "]":
            return _nothing_after(rest[1:], text, name)
        if number:
            rest = _after_comma(rest, text, number, name)
        while "}" not in rest and len(rest) <= LONGEST_ENTRY and (more := text.read(BLOCK)):
            rest += more
        end = rest.find("}") + 1
        if not rest.startswith("{") or not 0 < end <= LONGEST_ENTRY:
            raise _broken("is no flat object", number + 1, name)
        try:
            entry, _ = decoder.raw_decode(rest[:end])
        except (ValueError, RecursionError):
            raise _broken("is no flat object", number + 1, name) from None
        number, rest = number + 1, rest[end:]
        yield entry


def _after_comma(rest: str, text: TextIO, number: int, name: str) -> str:
    if rest[0] != ",":
        raise _broken("a comma is missing after it", number, name)
    rest = rest[1:].lstrip()
    while not rest and (more := text.read(BLOCK)):
        rest = more.lstrip()
    return rest


def _nothing_after(rest: str, text: TextIO, name: str) -> None:
    while not rest.strip():
        rest = text.read(BLOCK)
        if not rest:
            return
    raise BadInput(name, "end", "something follows the list", "Send one JSON list of readings")


def _broken(problem: str, number: int, name: str) -> BadInput:
    remedy = 'Write a list of objects such as {"at": "2027-02-17T09:00:00+09:00", "celsius": 4.6}'
    return BadInput(name, f"reading {number}", problem, remedy)


def _entry(entry: object, where: str, name: str) -> Reading:
    unit = next((one for one in UNITS if isinstance(entry, dict) and set(entry) == {"at", one}), None)
    if unit is None or not isinstance(entry, dict):
        raise BadInput(name, where, "has other keys", "Give each reading at and celsius, or at and fahrenheit")
    at, value = entry["at"], entry[unit]
    instant = _instant(at if isinstance(at, str) else "", where, name)
    if value is None:
        return Reading(instant, None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_number(str(value), where, name)
    try:
        return Reading(instant, _celsius(float(value), unit))
    except OverflowError:
        return Reading(instant, None)


# --- one reading ------------------------------------------------------------------------------------------------------


def _instant(written: str, where: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        remedy = "Write it as 2027-02-17T09:00:00+09:00"
        raise BadInput(name, where, f"{written[:40]!r} is no time", remedy) from None
    if found.tzinfo is None:
        raise BadInput(name, where, f"{written[:40]!r} has no UTC offset", "Export the times with it, or in UTC with Z")
    if found.year not in YEARS:
        raise BadInput(name, where, f"{written[:40]!r} is not in this century", "Set the logger's clock and say so")
    return found.astimezone(UTC)


def _celsius(value: float, unit: str) -> float | None:
    if not math.isfinite(value):
        return None
    return value if unit == "celsius" else (value - 32) * 5 / 9


def _no_number(written: str, where: str, name: str) -> BadInput:
    return BadInput(name, where, f"{written[:40]!r} is no number", "Write degrees with a decimal point, such as 4.6")
