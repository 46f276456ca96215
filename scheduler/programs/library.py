"""Where the shipped fact files lie, and which programs there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from scheduler.domain.errors import BadInput
from scheduler.programs.extends import read_facts
from scheduler.programs.files import is_path

_SHELF: ContextVar[Path | None] = ContextVar("_SHELF", default=None)


@dataclass(frozen=True)
class ProgramInfo:
    """A shipped program: the name the command line takes, what it is, and its file."""

    name: str
    title: str
    path: Path


def shipped(kind: str) -> Path:
    """The folder of shipped files of one kind, such as ``protocols``."""
    return shelf() / kind


def shelf() -> Path:
    """The folder of everything shipped, or what stands in for it while `another_shelf` lasts."""
    return _SHELF.get() or Path(str(resources.files("fixtures")))


@contextmanager
def another_shelf(folder: Path) -> Iterator[None]:
    """While the block runs, names of shipped files mean files of this folder: the ones of the day they were kept."""
    token = _SHELF.set(folder)
    try:
        yield
    finally:
        _SHELF.reset(token)


def shipped_names(kind: str, suffix: str = ".toml") -> str:
    """The names of the shipped files of one kind, as a message lists them."""
    return ", ".join(path.stem for path in _files(kind, suffix))


def shipped_programs() -> list[ProgramInfo]:
    """The programs that come with the product, by name."""
    found = []
    for path in _files("programs"):
        table = read_facts(path, shipped("programs"))
        found.append(ProgramInfo(table.text("name"), table.text("title"), path))
    return found


def program_path(name_or_path: str) -> Path:
    """The file of a program given by its shipped name or by a path.

    Raises
    ------
    BadInput
        If it is no path and no shipped program has the name.
    """
    if is_path(name_or_path) or Path(name_or_path).is_file():
        return Path(name_or_path)
    path = shipped("programs") / f"{name_or_path}.toml"
    if not path.is_file():
        remedy = f"Name one of {shipped_names('programs')}, or give the path of a .toml file"
        raise BadInput("program", "name", f"no shipped program is called {name_or_path!r}", remedy)
    return path


def _files(kind: str, suffix: str = ".toml") -> list[Path]:
    return sorted(shipped(kind).glob(f"*{suffix}"), key=lambda path: path.stem)
