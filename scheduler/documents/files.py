"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from scheduler.domain.errors import BadInput


def prepare(directory: Path) -> None:
    """Create the directory if need be; BadInput when files cannot be written there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unwritable(directory, PermissionError("it is read-only"))


def write_all(directory: Path, texts: Mapping[str, str | bytes]) -> None:
    """Write every text (UTF-8) and every sequence of bytes under its file name, or leave the directory as it was.

    All of them are first written in full under temporary names in the same directory and brought to the disk; only
    then are they renamed. BadInput when that fails.
    """
    prepare(directory)
    suffix = f".{secrets.token_hex(4)}.tmp"
    temporary = {name: directory / f".{name}{suffix}" for name in texts}
    try:
        for name, text in texts.items():
            _refuse_directory(directory / name)
            _write(temporary[name], text)
        for name, path in temporary.items():
            path.replace(directory / name)
        _sync(directory)
    except OSError as error:
        raise _unwritable(directory, error) from error
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _write(path: Path, text: str | bytes) -> None:
    with path.open("xb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())


def _refuse_directory(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path.name} is a directory")


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(directory: Path, error: OSError) -> BadInput:
    reason = error.strerror or str(error)
    return BadInput(
        str(directory), "out", f"cannot write here: {reason}", "Name a directory you may write to, with room"
    )
