"""A shadow program's plan knows no arm, and a site's view shows none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from scheduler import cli
from scheduler.programs import load_program
from tests.programs_planned.conftest import Small
from tests.programs_planned.small import ARMS, plan_of, small_plan, text_of, write_program

SWAPPED = {**ARMS, "HYU-001": ARMS["HYU-002"], "HYU-002": ARMS["HYU-001"]}
ALL_CONTROL = dict.fromkeys(ARMS, "control")
SITES = ["HYU", "SNU", "SMC", "KUA", "PNY"]


@pytest.mark.parametrize("arms", [None, SWAPPED, ALL_CONTROL], ids=["list deleted", "two swapped", "all control"])
def test_a_shadow_plan_is_the_same_to_the_byte_whatever_the_arms(
    small: Small, tmp_path: Path, arms: Mapping[str, str] | None
) -> None:
    other = plan_of(write_program(tmp_path, arms))
    assert text_of(other) == text_of(small_plan(small.program.parent))


def test_the_same_seed_gives_the_same_plan(small: Small) -> None:
    assert text_of(plan_of(small.program)) == text_of(small_plan(small.program.parent))


def test_a_shadow_program_never_learns_its_arms(small: Small) -> None:
    assert load_program(str(small.program)).arms is None


def view(capfd: pytest.CaptureFixture[str], plan_json: Path, program: Path, site: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["export", str(plan_json), "--audience", f"site:{site}", "--program", str(program)])
    out = capfd.readouterr().out
    assert ended.value.code in (0, None)
    return out


@pytest.mark.parametrize("site", SITES)
def test_swapping_two_arms_changes_no_byte_of_a_sites_view(
    small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str], site: str
) -> None:
    swapped = write_program(tmp_path, SWAPPED)
    assert view(capfd, small.plan_json, small.program, site) == view(capfd, small.plan_json, swapped, site)


HIDDEN = [
    r"active",
    r"comparator",
    r"suite",
    r"\blots?\b",
    r"incubator",
    r"\barms?\b",
    *sorted(set(ARMS.values())),
    r"YONGIN",
    r"culture",
    r"expansion",
    r"volume",
    r"weight",
]


@pytest.mark.parametrize("site", SITES)
def test_a_sites_view_has_no_word_of_arms_or_of_the_plant(
    small: Small, capfd: pytest.CaptureFixture[str], site: str
) -> None:
    text = view(capfd, small.plan_json, small.program, site)
    assert f'"audience": "site:{site}"' in text
    assert [word for word in HIDDEN if re.search(word, text, re.IGNORECASE)] == []


def test_a_sites_view_shows_its_own_patients_and_no_others(small: Small, capfd: pytest.CaptureFixture[str]) -> None:
    text = view(capfd, small.plan_json, small.program, "SNU")
    assert set(re.findall(r"[A-Z]{3}-\d{3}", text)) == {"SNU-001", "SNU-002"}
