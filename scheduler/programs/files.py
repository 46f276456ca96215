"""Reading fact files: text, TOML with its marks, and CSV."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from pathlib import Path

from scheduler.domain.errors import BadInput
from scheduler.programs.table import Table, label_of

MARKS = ("H", "M", "A")
_RECORD: ContextVar[dict[Path, str] | None] = ContextVar("_RECORD", default=None)


@contextmanager
def recorded() -> Iterator[dict[Path, str]]:
    """While the block runs, every file that is read is noted: its path as opened, and its text."""
    read: dict[Path, str] = {}
    token = _RECORD.set(read)
    try:
        yield read
    finally:
        _RECORD.reset(token)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file."""
    text = _text(path)
    record = _RECORD.get()
    if record is not None:
        record[path] = text
    return text


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        remedy = "Check the name and that you may read it"
        raise BadInput(str(path), "file", f"cannot be read ({problem.strerror or problem})", remedy) from problem
    except UnicodeDecodeError as problem:
        reason = f"byte {problem.start} is not UTF-8"
        raise BadInput(str(path), "file", reason, "Save the file as UTF-8 text") from problem
    except ValueError as problem:
        raise BadInput(repr(str(path)), "file", f"is no file name ({problem})", "Correct the name") from problem


def read_toml(path: Path) -> dict[str, object]:
    """The tables of a TOML file as written, marks and sources included."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError as problem:
        raise BadInput(str(path), "file", f"is not TOML: {problem}", "Correct the line named") from problem
    except RecursionError as problem:
        raise BadInput(str(path), "file", "is nested too deeply", "Write fewer tables inside tables") from problem


def read_unmarked(path: Path) -> dict[str, object]:
    """The tables of a TOML file with every mark and source checked and taken off."""
    tables = read_toml(path)
    _check_mark(str(path), "", tables)
    bare = {key: value for key, value in tables.items() if key not in ("mark", "source")}
    return {key: _without_marks(str(path), key, value) for key, value in bare.items()}


def reference(name: str, folder: Path, beside: Path, suffix: str = ".toml") -> Path:
    """The file a reference means: a path relative to the file that holds it, or the name of a shipped file."""
    if is_path(name, suffix):
        return beside.parent / name
    return folder / f"{name}{suffix}"


def is_path(name: str, suffix: str = ".toml") -> bool:
    """Whether a reference is a path rather than the name of a shipped file."""
    return name.endswith(suffix) or "/" in name or "\\" in name


def read_rows(path: Path, header: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with exactly this header, each with its place; lines beginning with # are comments."""
    lines = [(number, line) for number, line in enumerate(read_text(path).splitlines(), 1) if _has_data(line)]
    if not lines or tuple(_cells(str(path), lines[0][1])) != header:
        found = lines[0][1] if lines else "nothing"
        raise BadInput(str(path), "header", f"{found!r} is not the header", f"Begin with {','.join(header)}")
    for number, line in lines[1:]:
        where = f"{path}, line {number}"
        cells = _cells(where, line)
        if len(cells) != len(header):
            raise BadInput(where, "row", f"{line!r} has {len(cells)} cells", f"Write {len(header)}: {','.join(header)}")
        yield where, dict(zip(header, cells, strict=True))


def read_day(where: str, key: str, text: str) -> date:
    """A date as CSV files write it."""
    try:
        day = date.fromisoformat(text)
    except ValueError as problem:
        raise BadInput(where, key, f"{text!r} is not a date", "Write it as 2027-01-04") from problem
    return Table(where, "", {}).usable_day(key, day)


def _has_data(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _cells(where: str, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line]))]
    except csv.Error as problem:
        raise BadInput(where, "row", f"is not CSV ({problem})", "Separate plain cells by commas") from problem


def _without_marks(where: str, key: str, value: object) -> object:
    """The value with marks and sources checked and removed, and ``{ value = ... }`` tables replaced by their value."""
    if isinstance(value, list):
        return [_without_marks(where, f"{key}[{label_of(one, index)}]", one) for index, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    _check_mark(where, key, value)
    if "value" in value:
        extra = sorted(set(value) - {"value", "mark", "source"})
        if extra:
            remedy = "Beside 'value' only 'mark' and 'source' may stand"
            raise BadInput(where, f"{key}.{extra[0]}", "unknown key", remedy)
        return value["value"]
    bare = {name: inner for name, inner in value.items() if name not in ("mark", "source")}
    return {name: _without_marks(where, f"{key}.{name}", inner) for name, inner in bare.items()}


def _check_mark(where: str, key: str, table: Mapping[str, object]) -> None:
    mark, source = table.get("mark"), table.get("source")
    dotted = f"{key}." if key else ""
    if mark is None and source is None:
        return
    if not isinstance(mark, str) or mark not in MARKS:
        remedy = "Write H (stated by a source), M (one inference) or A (assumed)"
        raise BadInput(where, f"{dotted}mark", f"{mark!r} is not a mark", remedy)
    if not isinstance(source, str) or not source.strip():
        raise BadInput(where, f"{dotted}source", f"{source!r} is not a source", "Say where the number comes from")
    if mark == "A" and "assumed" not in source:
        raise BadInput(where, f"{dotted}source", f"{source!r} does not say 'assumed'", "Write 'assumed: ...'")
