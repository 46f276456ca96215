"""Fact files that extend others: what is dropped, what is laid over what."""

from __future__ import annotations

from pathlib import Path

from scheduler.domain.errors import BadInput
from scheduler.programs.files import read_unmarked, reference
from scheduler.programs.table import Table

MERGED_BY = {
    "places": "code",
    "lanes": "code",
    "steps": "kind",
    "limits": "name",
    "doses": "number",
    "arms": "name",
    "follow_ups": "name",
}
Tables = dict[str, object]


def read_facts(path: Path, folder: Path) -> Table:
    """The top table of a fact file, marks checked and taken off, laid over the file it extends, if any.

    Parameters
    ----------
    path
        The file to read.
    folder
        Where the shipped files of the same kind lie; ``extends`` names one of them, or a path relative to `path`.
    """
    where, tables = _extended(path, folder, ())
    return Table(where, "", tables)


def _extended(path: Path, folder: Path, seen: tuple[Path, ...]) -> tuple[str, Tables]:
    """The file as errors name it, and its tables laid over those of the file it extends."""
    if path.resolve() in seen:
        raise BadInput(str(path), "extends", "the files extend each other in a circle", "Remove one 'extends'")
    tables = read_unmarked(path)
    base, without = tables.pop("extends", None), tables.pop("without", {})
    if base is None and without:
        raise BadInput(str(path), "without", "drops parts of no file", "Add extends = 'NAME' or remove 'without'")
    if base is None:
        return str(path), tables
    if not isinstance(base, str) or not base.isprintable():
        raise BadInput(str(path), "extends", f"{base!r} is not a name", "Name a shipped file or a path")
    where, below = _extended(reference(base, folder, path), folder, (*seen, path.resolve()))
    return f"{path} (extends {where})", _merged(_dropped(str(path), below, without), tables)


def _dropped(where: str, base: Tables, without: object) -> Tables:
    if not isinstance(without, dict):
        raise BadInput(where, "without", f"{without!r} is not a table", "Write without = { steps = ['NAME'] }")
    left = dict(base)
    for key, names in without.items():
        rows = _rows(base.get(key))
        if key not in MERGED_BY or rows is None or not isinstance(names, list):
            remedy = f"Write a list of names under one of: {', '.join(sorted(MERGED_BY))}"
            raise BadInput(where, f"without.{key}", f"{names!r} cannot be dropped", remedy)
        known = [row.get(MERGED_BY[key]) for row in rows]
        for name in names:
            if name not in known:
                remedy = f"Name some of: {', '.join(map(str, known))}"
                raise BadInput(where, f"without.{key}", f"{name!r} is not in the file extended", remedy)
        left[key] = [row for row in rows if row.get(MERGED_BY[key]) not in names]
    return left


def _merged(base: Tables, top: Tables) -> Tables:
    """`top` over `base`: tables key by key, known lists by their id, closures appended, anything else replaced."""
    result = dict(base)
    for key, value in top.items():
        below = base.get(key)
        rows, rows_below = _rows(value), _rows(below)
        if isinstance(value, dict) and isinstance(below, dict):
            result[key] = _merged(below, value)
        elif key in MERGED_BY and rows is not None and rows_below is not None:
            result[key] = _merged_rows(rows_below, rows, MERGED_BY[key])
        elif key == "closures" and rows is not None and rows_below is not None:
            result[key] = rows_below + rows
        else:
            result[key] = value
    return result


def _rows(value: object) -> list[Tables] | None:
    """The value as a list of tables, or None where it is none."""
    if not isinstance(value, list) or any(not isinstance(row, dict) for row in value):
        return None
    return value


def _merged_rows(base: list[Tables], top: list[Tables], id_key: str) -> list[Tables]:
    rows = list(base)
    known = [row.get(id_key) for row in base]
    for row in top:
        name = row.get(id_key)
        if name is not None and name in known:
            rows[known.index(name)] = _merged(rows[known.index(name)], row)
        else:
            rows.append(row)
    return rows
