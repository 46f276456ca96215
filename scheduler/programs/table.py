"""A strict view of one table of a fact file: typed keys, unknown keys refused, every error with its place."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from scheduler.domain.errors import BadInput

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
ID_REMEDY = "Use up to 40 letters, digits, '-' and '_', beginning with a letter or digit"
LARGEST = 1_000_000
YEARS = range(1990, 2200)
LABEL_KEYS = ("code", "kind", "name", "number", "where")
REQUIRED: Final = object()


def label_of(row: object, index: int) -> str:
    """How an error names one table of a list: by its code, kind, name or number, else by its position from 0."""
    if isinstance(row, Mapping):
        for key in LABEL_KEYS:
            if isinstance(row.get(key), str | int):
                return str(row[key])
    return str(index)


class Table:
    """One table of a fact file.

    Each reader notes the key as known; `finish` refuses whatever no reader asked for. A key without a default is
    required.

    Parameters
    ----------
    where
        The file, as errors show it.
    key
        Dotted name of the table inside the file, empty for the file itself.
    data
        The table with its marks already taken off.
    """

    def __init__(self, where: str, key: str, data: Mapping[str, object]) -> None:
        self.where = where
        self.key = key
        self._data = data
        self._known: set[str] = set()

    def error(self, key: str, problem: str, remedy: str) -> BadInput:
        """A BadInput at a key of this table."""
        return BadInput(self.where, self._dotted(key), problem, remedy)

    def has(self, key: str) -> bool:
        """Whether the key is given; counts as asking for it."""
        self._known.add(key)
        return key in self._data

    def finish(self) -> None:
        """Refuse every key that nobody asked for."""
        for key in self._data:
            if key not in self._known:
                raise self.error(key, "unknown key", self._suggestion(key))

    def raw(self, key: str, default: object = REQUIRED) -> object:
        """The value as the file has it."""
        if self.has(key):
            return self._data[key]
        if default is REQUIRED:
            raise self.error(key, "missing", "Add the key; docs/programs.md shows every key")
        return default

    def text(self, key: str, default: object = REQUIRED) -> str:
        """A non-empty string."""
        value = self.raw(key, default)
        if not isinstance(value, str) or (not value.strip() and default is REQUIRED):
            raise self.error(key, f"{value!r} is not a text", "Write a non-empty text in quotes")
        if not value.isprintable():
            raise self.error(key, f"{value!r} holds a control character", "Write one line of plain text")
        return value

    def optional_text(self, key: str) -> str | None:
        """A non-empty string, or None where the key is absent."""
        return self.text(key) if self.has(key) else None

    def identifier(self, key: str, default: object = REQUIRED) -> str:
        """A text that may stand in ids and file names."""
        value = self.text(key, default)
        if not ID_PATTERN.fullmatch(value):
            raise self.error(key, f"{value!r} is not an id", ID_REMEDY)
        return value

    def one_of(self, key: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.text(key)
        if value not in choices:
            raise self.error(key, f"{value!r} is not one of the known words", f"Write one of: {', '.join(choices)}")
        return value

    def flag(self, key: str, default: object = REQUIRED) -> bool:
        """True or false."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r} is neither true nor false", "Write true or false without quotes")
        return value

    def integer(self, key: str, default: object = REQUIRED, *, low: int = 0, high: int = LARGEST) -> int:
        """A whole number from `low` to `high`, both inclusive."""
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, f"{value!r} is not a whole number", f"Write a whole number from {low} to {high}")
        if not low <= value <= high:
            raise self.error(key, f"{value} is out of range", f"Write a whole number from {low} to {high}")
        return value

    def optional_integer(self, key: str, *, low: int = 0, high: int = LARGEST) -> int | None:
        """A whole number, or None where the key is absent."""
        return self.integer(key, low=low, high=high) if self.has(key) else None

    def number(self, key: str, *, above: float | None = None, low: float = 0.0, high: float = LARGEST) -> float:
        """A finite number from `low` to `high`; greater than `above` where that is given."""
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"{value!r} is not a number", "Write a number without quotes")
        if not math.isfinite(value) or not low <= value <= high or (above is not None and value <= above):
            least = f"at least {low:g}" if above is None else f"greater than {above:g}"
            raise self.error(key, f"{value} is out of range", f"Write a finite number {least} and at most {high:g}")
        return float(value)

    def day(self, key: str) -> date:
        """A calendar date."""
        value = self.raw(key)
        if isinstance(value, datetime) or not isinstance(value, date):
            raise self.error(key, f"{value!r} is not a date", "Write a date without quotes, such as 2027-01-04")
        return self.usable_day(key, value)

    def usable_day(self, key: str, day: date) -> date:
        """The day, if it lies in the years this product reckons with."""
        if day.year not in YEARS:
            raise self.error(key, f"{day} is out of range", f"Write a year from {YEARS.start} to {YEARS.stop - 1}")
        return day

    def texts(self, key: str, default: object = REQUIRED) -> tuple[str, ...]:
        """A list of non-empty texts."""
        values = self._list(key, default)
        if any(not isinstance(value, str) or not value for value in values):
            raise self.error(key, f"{values!r} is not a list of texts", 'Write a list such as ["suite", "fill_crew"]')
        return tuple(str(value) for value in values)

    def integers(self, key: str, default: object = REQUIRED, *, low: int = 1) -> tuple[int, ...]:
        """A list of different whole numbers, none below `low`."""
        values = self._list(key, default)
        found = [value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= low]
        if len(found) != len(values) or len(set(found)) != len(found):
            remedy = f"Write a list such as [1, 2]: each number once, none below {low}"
            raise self.error(key, f"{values!r} is not a list of different whole numbers", remedy)
        return tuple(found)

    def table(self, key: str) -> Table:
        """A table under a key."""
        value = self.raw(key)
        if not isinstance(value, dict):
            raise self.error(key, f"{value!r} is not a table", f"Write [{self._dotted(key)}] with keys under it")
        return Table(self.where, self._dotted(key), value)

    def optional_table(self, key: str) -> Table | None:
        """A table under a key, or None where the key is absent."""
        return self.table(key) if self.has(key) else None

    def tables(self, key: str, default: object = REQUIRED) -> list[Table]:
        """A list of tables, each named in errors by its code, kind, name or number."""
        found = []
        for index, value in enumerate(self._list(key, default)):
            name = f"{self._dotted(key)}[{label_of(value, index)}]"
            if not isinstance(value, dict):
                raise BadInput(self.where, name, f"{value!r} is not a table", f"Write [[{key}]] with keys under it")
            found.append(Table(self.where, name, value))
        return found

    def entries(self) -> list[str]:
        """Every key of a table whose keys are names chosen by its author; all count as asked for."""
        self._known.update(self._data)
        return list(self._data)

    def over(self, defaults: Table | None) -> Table:
        """This table on top of another whose keys stand in where this one has none."""
        return self if defaults is None else Table(self.where, self.key, {**defaults._data, **self._data})

    def _list(self, key: str, default: object) -> list[object]:
        value = self.raw(key, default)
        if isinstance(value, tuple):
            return list(value)
        if not isinstance(value, list):
            raise self.error(key, f"{value!r} is not a list", "Write a list in square brackets")
        return value

    def _dotted(self, key: str) -> str:
        return f"{self.key}.{key}" if self.key and key else self.key or key

    def _suggestion(self, key: str) -> str:
        near = difflib.get_close_matches(key, sorted(self._known), n=1)
        if near:
            return f"Did you mean {near[0]!r}? Otherwise remove it"
        return f"Remove it; known here: {', '.join(sorted(self._known))}"
