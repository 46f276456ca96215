"""What a program that is kept elsewhere needs: which files were read, other files in place of the shipped ones."""

import shutil
from pathlib import Path

import pytest

from scheduler.domain.errors import BadInput
from scheduler.programs import load_program
from scheduler.programs.files import recorded
from scheduler.programs.library import another_shelf, shelf


def test_without_patients_everything_else_is_read_the_same() -> None:
    facts, bare = load_program("alsummit-lean"), load_program("alsummit-lean", with_patients=False)
    assert (bare.patients, bare.arms) == ((), None)
    assert (bare.protocol, bare.network, bare.policy) == (facts.protocol, facts.network, facts.policy)


def test_without_patients_neither_they_nor_their_arms_are_opened() -> None:
    with recorded() as read:
        load_program("alsummit-lean", with_patients=False)
    folders = {path.parent.name for path in read}
    assert folders == {"programs", "protocols", "networks", "policies"}


def test_every_file_read_is_noted_with_its_text() -> None:
    with recorded() as read:
        load_program("alsummit-lean")
    assert {path.name for path in read} == {
        "alsummit-lean.toml",
        "alsummit.toml",
        "alsummit-24.toml",
        "holidays-kr.csv",
        "lean.toml",
        "shadow.toml",
        "alsummit.csv",
    }
    assert all(path.read_text(encoding="utf-8") == text for path, text in read.items())


def test_nothing_is_noted_afterwards() -> None:
    with recorded() as read:
        pass
    load_program("alsummit")
    assert read == {}


def test_names_mean_files_of_another_shelf_while_it_is_there(tmp_path: Path) -> None:
    shutil.copytree(shelf(), tmp_path / "shelf")
    policy = tmp_path / "shelf" / "policies" / "shadow.toml"
    policy.write_text(
        policy.read_text(encoding="utf-8").replace('name = "shadow"', 'name = "another"'), encoding="utf-8"
    )
    with another_shelf(tmp_path / "shelf"):
        assert load_program("alsummit").policy.name == "another"
    assert load_program("alsummit").policy.name == "shadow"


def test_a_shelf_that_lacks_a_file_does_not_fall_back_on_the_shipped_one(tmp_path: Path) -> None:
    with another_shelf(tmp_path), pytest.raises(BadInput, match="no shipped program is called 'alsummit'"):
        load_program("alsummit")
