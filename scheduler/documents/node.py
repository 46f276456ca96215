"""A value inside a JSON document that knows its path, so that every refusal can name it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn, TypeVar

from scheduler.domain.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True)
class Node:
    """A value and the path that leads to it, such as ``courses[3].site``; the whole document's path is empty."""

    where: str
    path: str
    value: Any

    def refuse(self, problem: str, remedy: str) -> NoReturn:
        """Raise BadInput about this value."""
        raise BadInput(self.where, self.path or "document", problem, remedy)

    def keys(self, *required: str, optional: tuple[str, ...] = ()) -> Callable[[str], Node]:
        """Require an object with exactly these keys; gives a function from a key to its node (None where absent)."""
        found: dict[str, Any] = self._is(dict, "an object")
        known = required + optional
        for key in found:
            if key not in known:
                self.refuse(f"unknown key {key!r}", f"Known keys are {', '.join(known)}")
        for key in required:
            if key not in found:
                self.refuse(f"key {key!r} is missing", f"Add {key!r}")
        return lambda key: Node(self.where, f"{self.path}.{key}".lstrip("."), found.get(key))

    def items(self) -> list[Node]:
        """The nodes of a list."""
        listed: list[Any] = self._is(list, "a list")
        return [Node(self.where, f"{self.path}[{number}]", value) for number, value in enumerate(listed)]

    def texts_by_key(self) -> dict[str, str]:
        """An object whose keys are free and whose values are texts."""
        found: dict[str, Any] = self._is(dict, "an object")
        return {
            Node(self.where, self.path, key).text(): Node(self.where, f"{self.path}.{key}", value).text()
            for key, value in found.items()
        }

    def text(self) -> str:
        """A text that is not empty and prints on one line."""
        found: str = self._is(str, "a text")
        if not found or not found.isprintable():
            self.refuse(f"{found!r} is empty or holds unprintable characters", "Write a text on one line")
        return found

    def whole(self, least: int = 0) -> int:
        """A whole number of at least `least`."""
        found: int = self._is(int, "a whole number")
        if found < least:
            self.refuse(f"{found} is less than {least}", f"Write {least} or more")
        return found

    def number(self) -> float:
        """A finite number, 0 or more."""
        found: float = self._is((int, float), "a number")
        if not 0 <= found < math.inf:
            self.refuse(f"{found} is not usable", "Write a finite number, 0 or more")
        return float(found)

    def day(self) -> date:
        """A calendar date, ``2027-01-04``."""
        try:
            found = date.fromisoformat(self.text())
        except ValueError:
            found = None
        if found is None or found.isoformat() != self.value:
            self.refuse(f"{self.value!r} is not a date", 'Write it like "2027-01-04"')
        return found

    def instant(self) -> datetime:
        """An instant with its UTC offset, ``2027-02-17T12:30:00+09:00``."""
        example = '"2027-02-17T12:30:00+09:00"'
        try:
            found = datetime.fromisoformat(self.text())
        except ValueError:
            self.refuse(f"{self.value!r} is not a time", f"Write it like {example}")
        if found.utcoffset() is None:
            self.refuse(f"{self.value!r} has no UTC offset", f"Add the offset, as in {example}")
        if not 1900 <= found.year <= 9000:
            self.refuse(f"{self.value!r} is out of range", "Write a year between 1900 and 9000")
        return found

    def one_of(self, *words: str) -> str:
        """One of some words."""
        if self.value not in words:
            self.refuse(f"{_short(self.value)} is not known here", f"Write {' or '.join(words)}")
        return self.text()

    def or_none(self, read: Callable[[Node], T]) -> T | None:
        """None for null or an absent key, else what `read` makes of it."""
        return None if self.value is None else read(self)

    def _is(self, wanted: type | tuple[type, ...], words: str) -> Any:
        if isinstance(self.value, bool) or not isinstance(self.value, wanted):
            self.refuse(f"{_short(self.value)} is not {words}", f"Write {words}")
        return self.value


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
