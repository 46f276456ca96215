"""A program kept in the database gives the facts that its files gave."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.domain.calendars import Closure
from scheduler.domain.errors import BadInput
from scheduler.domain.intervals import Interval
from scheduler.persistence.bundle import Bundle, bundle_of, facts_of
from scheduler.persistence.tables import ProgramRow
from scheduler.programs import load_program, shipped_programs
from scheduler.programs.library import another_shelf, shelf
from tests.persistence.cast import NOW

MINE = """
extends = "base.toml"
name = "mine"
"""
BASE = """
name = "base"
title = "A program beside its own policy"
starts_on = 2027-01-04
protocol = "alsummit"
network = "alsummit"
policy = "policies/mine.toml"
patients = "patients-nobody-has.csv"
randomisation = "arms-nobody-has.csv"
"""


def row(bundle: Bundle) -> ProgramRow:
    return ProgramRow(
        name=bundle.name,
        title=bundle.title,
        starts_on=bundle.starts_on,
        files=bundle.text,
        sha256=bundle.sha256,
        imported_at=NOW,
        imported_by="Ada Admin",
    )


def own_program(folder: Path, policy: str = 'extends = "lean"\nname = "mine"\nmax_wait_days = 77\n') -> Path:
    (folder / "policies").mkdir(parents=True)
    (folder / "mine.toml").write_text(MINE)
    (folder / "base.toml").write_text(BASE)
    (folder / "policies" / "mine.toml").write_text(policy)
    return folder / "mine.toml"


@pytest.mark.parametrize("name", [program.name for program in shipped_programs()])
def test_every_shipped_program_reads_back_as_it_was(name: str) -> None:
    facts = load_program(name)
    assert facts_of(row(bundle_of(name)), facts.patients, (), facts.arms) == facts


def test_neither_patients_nor_arms_are_in_the_bundle() -> None:
    bundle = bundle_of("alsummit-lean")
    assert sorted(bundle.files) == [
        "shelf/networks/alsummit-24.toml",
        "shelf/networks/alsummit.toml",
        "shelf/networks/holidays-kr.csv",
        "shelf/policies/lean.toml",
        "shelf/policies/shadow.toml",
        "shelf/programs/alsummit-lean.toml",
        "shelf/protocols/alsummit.toml",
    ]
    assert "HYU-001" not in bundle.text


def test_a_program_of_ones_own_is_kept_with_all_it_extends(tmp_path: Path) -> None:
    bundle = bundle_of(str(own_program(tmp_path)))
    assert {"own/mine.toml", "own/base.toml", "own/policies/mine.toml"} < set(bundle.files)
    assert bundle.program == "own/mine.toml"
    facts = facts_of(row(bundle), (), (), None)
    assert (facts.program, facts.policy.max_wait_days) == ("mine", 77)


def test_the_hash_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    here, there = own_program(tmp_path / "here"), own_program(tmp_path / "there" / "deeper")
    assert bundle_of(str(here)).sha256 == bundle_of(str(there)).sha256


def test_the_facts_are_those_of_the_day_even_when_the_product_ships_others_now(tmp_path: Path) -> None:
    kept = row(bundle_of("alsummit"))
    with another_shelf(tmp_path):
        assert facts_of(kept, (), (), None).program == "alsummit"
        assert shelf() == tmp_path


def test_closures_declared_while_the_program_runs_join_those_of_the_files() -> None:
    during = Interval(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC))
    declared = Closure("HYU", during, "temporary holiday")
    kept = row(bundle_of("alsummit"))
    before = facts_of(kept, (), (), None).network.closures
    assert facts_of(kept, (), (declared,), None).network.closures == (*before, declared)
    assert facts_of(kept, (), (), None).network.closures == before


def test_a_program_that_cannot_be_used_is_refused_with_its_own_file(tmp_path: Path) -> None:
    program = own_program(tmp_path, policy='name = "mine"\ncapacity = "unlimited"\n')
    with pytest.raises(BadInput, match="capacity") as refused:
        bundle_of(str(program))
    assert refused.value.where.startswith(str(tmp_path))


def test_a_program_that_names_a_file_by_its_full_path_cannot_be_kept(tmp_path: Path) -> None:
    by_full_path = f'extends = "{shelf() / "policies" / "lean.toml"}"\nname = "mine"\n'
    program = own_program(tmp_path, policy=by_full_path)
    with pytest.raises(BadInput, match=r"cannot be kept in the database .*lies outside the program"):
        bundle_of(str(program))
