"""Files appear whole or not at all."""

import os
from pathlib import Path

import pytest

from scheduler.documents import files
from scheduler.documents.files import write_all
from scheduler.domain.errors import BadInput


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir() if path.is_file()}


def test_texts_are_written_into_a_directory_made_for_them(tmp_path: Path) -> None:
    write_all(tmp_path / "a" / "b", {"one": "1\n", "two": "zwei ü\n"})
    assert contents(tmp_path / "a" / "b") == {"one": "1\n", "two": "zwei ü\n"}


def test_texts_replace_those_of_an_earlier_run(tmp_path: Path) -> None:
    write_all(tmp_path, {"one": "old"})
    write_all(tmp_path, {"one": "new"})
    assert contents(tmp_path) == {"one": "new"}


def test_a_full_disk_leaves_the_earlier_files_and_no_temporary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path, {"one": "old", "two": "old"})
    calls: list[int] = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(BadInput, match="No space left on device"):
        write_all(tmp_path, {"one": "new", "two": "new"})
    assert contents(tmp_path) == {"one": "old", "two": "old"}


def test_a_text_that_cannot_be_encoded_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_all(tmp_path, {"one": "good", "two": "\ud800"})
    assert contents(tmp_path) == {}


def test_a_directory_in_the_place_of_a_file_stops_all_files(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    with pytest.raises(BadInput, match="two is a directory"):
        write_all(tmp_path, {"one": "1", "two": "2"})
    assert contents(tmp_path) == {}


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(BadInput, match="cannot write here: File exists"):
        write_all(tmp_path / "out", {"one": "1"})


def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BadInput, match="read-only"):
        write_all(tmp_path, {"one": "1"})
