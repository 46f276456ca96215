"""The worked program of docs/programs.md as files, and ways to bend it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scheduler.domain.errors import BadInput
from scheduler.programs import load_program

PAGE = Path(__file__).parents[2] / "docs" / "programs.md"


def worked_files() -> dict[str, str]:
    """The files of docs/programs.md section 1, by name."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^```(?:toml|csv) (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def write_worked(folder: Path) -> Path:
    """Write the worked program; its program file."""
    for name, text in worked_files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "skin.toml"


def bend(folder: Path, name: str, old: str, new: str) -> Path:
    """Write the worked program with one text in one file replaced once; its program file."""
    program = write_worked(folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text, f"{name} does not hold {old!r}"
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return program


def refusal(program: Path) -> BadInput:
    """The BadInput with which a program is refused; its four parts are all there."""
    with pytest.raises(BadInput) as caught:
        load_program(str(program))
    assert caught.value.where
    assert caught.value.key
    assert caught.value.problem
    assert caught.value.remedy
    return caught.value
