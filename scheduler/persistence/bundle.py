"""A program's files, kept in the database as text, and the facts read from them again.

The patients and the randomisation list are not among them: they have tables of their own.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path, PurePosixPath

from scheduler.domain.calendars import Closure
from scheduler.domain.course import Facts, Patient
from scheduler.domain.errors import BadInput
from scheduler.persistence.audit import canonical, sha256
from scheduler.persistence.tables import ProgramRow
from scheduler.programs import load_program
from scheduler.programs.files import recorded
from scheduler.programs.library import another_shelf, program_path, shelf

_SHELF, _OWN = "shelf", "own"


@dataclass(frozen=True)
class Bundle:
    """Everything a program is read from but its patients and arms.

    Attributes
    ----------
    program
        Which of the files is the program file.
    files
        Text by path: files that came with the product under ``shelf/``, others under ``own/``.
    """

    name: str
    title: str
    starts_on: date
    program: str
    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """The bundle as one text, for `ProgramRow.files`."""
        return canonical({"program": self.program, "files": self.files})

    @property
    def sha256(self) -> str:
        """The hash of `text`: the same for the same facts, wherever their files lie."""
        return sha256(self.text)


def bundle_of(name_or_path: str) -> Bundle:
    """Collect the files of a program that can be used.

    Parameters
    ----------
    name_or_path
        As `load_program` takes it.

    Raises
    ------
    BadInput
        When the program cannot be used, or not without files beside the bundle.
    """
    program = Path(os.path.abspath(program_path(name_or_path)))
    with recorded() as read:
        facts = load_program(str(program), with_patients=False)
    texts = {Path(os.path.abspath(path)): text for path, text in read.items()}
    keys = _keys(list(texts))
    files = {keys[path]: text for path, text in texts.items()}
    bundle = Bundle(facts.program, facts.title, facts.starts_on, keys[program], files)
    _read_back(program, bundle.text)
    return bundle


def facts_of(
    row: ProgramRow, patients: tuple[Patient, ...], closures: tuple[Closure, ...], arms: Mapping[str, str] | None
) -> Facts:
    """The facts of the program of this database, as of now.

    Parameters
    ----------
    row
        The program; its files are read once in a process.
    patients
        Everybody the facts are about.
    closures
        Declared while the program runs; those of the program's files are added.
    arms
        Arm by patient where the policy plans with it, else None.
    """
    facts = _facts(row.files)
    network = replace(facts.network, closures=facts.network.closures + closures)
    return replace(facts, network=network, patients=patients, arms=arms)


@lru_cache(maxsize=4)
def _facts(text: str) -> Facts:
    content = json.loads(text)
    with tempfile.TemporaryDirectory(prefix="marrowline-") as name:
        folder = Path(name)
        for key, file in content["files"].items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file, encoding="utf-8", newline="")
        with another_shelf(folder / _SHELF), recorded() as read:
            facts = load_program(str(folder / content["program"]), with_patients=False)
        for path in read:
            if not Path(os.path.abspath(path)).is_relative_to(folder):
                raise BadInput(
                    str(path), "file", "lies outside the program", "Name it by a path relative to the program"
                )
        return facts


def _keys(paths: list[Path]) -> dict[Path, str]:
    """Where each file lies in the bundle; how own files lie to each other stays the same."""
    library = Path(os.path.abspath(shelf()))
    own = [path for path in paths if not path.is_relative_to(library)]
    root = Path(os.path.commonpath([path.parent for path in own])) if own else library
    return {path: _key(path, library, _SHELF) or _key(path, root, _OWN) for path in paths}


def _key(path: Path, root: Path, folder: str) -> str:
    return str(PurePosixPath(folder, *path.relative_to(root).parts)) if path.is_relative_to(root) else ""


def _read_back(program: Path, text: str) -> None:
    try:
        _facts(text)
    except BadInput as problem:
        reason = f"cannot be kept in the database ({problem.key}: {problem.problem})"
        remedy = "Name files that come with the product by name, and other files by a path relative to this one"
        raise BadInput(str(program), "file", reason, remedy) from problem
