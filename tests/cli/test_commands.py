"""The command line from outside: what it prints, what it writes and how it ends."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from scheduler import cli
from scheduler.cli import demo, plans
from scheduler.documents.plan_json import plan_json
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan, Unplanned
from scheduler.planning.progress import Progress
from tests.domain.world import FACTS, NETWORK, bent, restated, valid_plan


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in a world whose every program is the small one."""

    def load(name: str) -> Facts:
        if name != FACTS.program:
            raise BadInput("program", "name", f"no shipped program is called {name!r}", "Name one that exists")
        return FACTS

    def call(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    monkeypatch.setattr(plans, "load_program", load)
    return call


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[Plan], None]:
    """Let the planner come to a given plan."""

    def arrange(plan: Plan) -> None:
        def make_plan(facts: Facts, *, seed: int, time_limit: float, progress: Callable[[Progress], None]) -> Plan:
            progress(Progress("first plan", 0.1, plan.cost))
            progress(Progress("improving", 0.5, plan.cost, plan.bound))
            progress(Progress("improving", 1.0, plan.cost, plan.bound))
            return replace(plan, seed=seed)

        planner = ModuleType("scheduler.planning.planner")
        planner.make_plan = make_plan  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "scheduler.planning.planner", planner)

    return arrange


def with_unplanned_booster() -> Plan:
    ana, ben = valid_plan().courses
    left = replace(ana, activities=tuple(one for one in ana.activities if one.dose != 3))
    reasons = ("fill must fall on 11-25 Jun; the plant is closed 11-26 Jun",)
    return restated(replace(valid_plan(), courses=(left, ben), unplanned=(Unplanned("ANA", 3, reasons),)), FACTS)


def late_injection() -> Plan:
    plan = valid_plan()
    injection = plan.courses[0].find("injection", 1)
    assert injection is not None
    length = injection.end_at - injection.start_at
    return bent(plan, FACTS, injection.id, start_at=injection.end_at, end_at=injection.end_at + 2 * length)


@pytest.fixture
def plan_file(tmp_path: Path) -> Callable[[Plan], str]:
    """Write a plan to a file and give its path."""

    def write(plan: Plan) -> str:
        path = tmp_path / "plan.json"
        path.write_text(plan_json(plan, NETWORK), encoding="utf-8")
        return str(path)

    return write


def test_plan_writes_three_files_and_tells_the_figures(
    run: Run, planned: Callable[[Plan], None], tmp_path: Path
) -> None:
    planned(valid_plan())
    ended = run("plan", "small", "--out", str(tmp_path / "out"), "--seed", "7")
    assert ended.code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plan.json", "plan.csv", "summary.json"}
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["seed"] == 7
    assert "6 planned for 2 patients, 0 unplanned" in ended.out


def test_plan_tells_each_new_stage_once_where_no_terminal_listens(
    run: Run, planned: Callable[[Plan], None], tmp_path: Path
) -> None:
    planned(valid_plan())
    ended = run("plan", "small", "--out", str(tmp_path))
    stages = [line.split(" cost")[0] for line in ended.err.splitlines()]
    assert stages == ["Planning small: first plan", "Planning small: improving"]
    assert "\x1b" not in ended.out + ended.err


def test_plan_with_an_unplanned_dose_is_written_and_ends_with_1(
    run: Run, planned: Callable[[Plan], None], tmp_path: Path
) -> None:
    planned(with_unplanned_booster())
    ended = run("plan", "small", "--out", str(tmp_path))
    assert ended.code == 1
    assert "ANA, dose 3: unplanned; fill must fall on 11-25 Jun; the plant is closed 11-26 Jun" in ended.out
    assert (tmp_path / "plan.json").exists()


def test_plan_never_writes_what_the_rules_refuse(run: Run, planned: Callable[[Plan], None], tmp_path: Path) -> None:
    planned(late_injection())
    ended = run("plan", "small", "--out", str(tmp_path / "out"))
    assert ended.code == 1
    assert "duration: broken 1 time" in ended.out
    assert "nothing was written" in ended.err
    assert list((tmp_path / "out").iterdir()) == []


def test_plan_refuses_a_directory_it_cannot_write_before_it_plans(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = run("plan", "small", "--out", str(tmp_path / "file"))
    assert (ended.code, ended.out) == (2, "")
    assert "cannot write here" in ended.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_plan_refuses_a_time_limit_that_is_no_length_of_time(run: Run, tmp_path: Path, seconds: str) -> None:
    ended = run("plan", "small", "--out", str(tmp_path), "--time-limit", seconds)
    assert ended.code == 2
    assert ended.err.startswith("marrowline: --time-limit")


def test_bad_input_is_one_line_on_standard_error_and_ends_with_2(run: Run, tmp_path: Path) -> None:
    ended = run("plan", "smal", "--out", str(tmp_path))
    assert ended == (2, "", "marrowline: program: name: no shipped program is called 'smal'. Name one that exists\n")


def test_check_accepts_a_plan_that_obeys_every_rule(run: Run, plan_file: Callable[[Plan], str]) -> None:
    ended = run("check", plan_file(valid_plan()))
    assert (ended.code, ended.err) == (0, "")
    assert "2 courses obey every rule" in ended.out


def test_check_names_the_rule_a_plan_breaks_and_ends_with_1(run: Run, plan_file: Callable[[Plan], str]) -> None:
    ended = run("check", plan_file(late_injection()), "small")
    assert ended.code == 1
    assert "duration: broken 1 time" in ended.out
    assert "ANA/1/injection" in ended.out


def test_check_ends_with_1_for_an_unplanned_dose(run: Run, plan_file: Callable[[Plan], str]) -> None:
    ended = run("check", plan_file(with_unplanned_booster()))
    assert ended.code == 1
    assert "ANA, dose 3: unplanned" in ended.out


def test_check_refuses_a_file_that_is_no_plan(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"format": ')
    for path in (tmp_path / "plan.json", tmp_path / "none.json", tmp_path):
        ended = run("check", str(path))
        assert (ended.code, ended.out) == (2, "")
        assert len(ended.err.splitlines()) == 1


def test_show_tells_one_course_and_the_shelf_life_left(run: Run, plan_file: Callable[[Plan], str]) -> None:
    ended = run("show", plan_file(valid_plan()), "--patient", "ANA")
    assert ended.code == 0
    assert "ANA at NORTH, registered Mon 2027-01-04, 60.5 kg" in ended.out
    fill = next(line for line in ended.out.splitlines() if " fill " in line)
    assert fill.split()[:4] == ["Wed", "2027-02-17", "12:30", "15:00"]
    assert "Dose 1: 19 h of the 48 h shelf life used, 29 h left" in ended.out
    assert "BEN" not in ended.out


def test_show_refuses_a_patient_without_a_course(run: Run, plan_file: Callable[[Plan], str]) -> None:
    ended = run("show", plan_file(valid_plan()), "--patient", "CHARLIE")
    assert ended.code == 2
    assert "has no course of 'CHARLIE'. Name a patient of the plan: ANA, BEN" in ended.err


def test_show_refuses_a_place_the_program_does_not_have(run: Run, plan_file: Callable[[Plan], str]) -> None:
    path = plan_file(valid_plan())
    Path(path).write_text(Path(path).read_text().replace('"place": "NORTH"', '"place": "EAST"'))
    ended = run("show", path, "--patient", "ANA")
    assert ended.code == 2
    assert "network small has no place 'EAST'" in ended.err


def test_export_writes_the_view_of_a_site(run: Run, plan_file: Callable[[Plan], str], tmp_path: Path) -> None:
    out = tmp_path / "north.json"
    ended = run("export", plan_file(valid_plan()), "--audience", "site:NORTH", "--out", str(out))
    assert ended == (0, "", "")
    assert json.loads(out.read_text())["audience"] == "site:NORTH"
    assert run("export", plan_file(valid_plan()), "--audience", "site:NORTH").out == out.read_text()


def test_export_refuses_an_audience_it_does_not_know(run: Run, plan_file: Callable[[Plan], str]) -> None:
    for audience in ("plant", "site:", "site:EAST", ""):
        ended = run("export", plan_file(valid_plan()), "--audience", audience)
        assert (ended.code, ended.out) == (2, "")


def test_export_keeps_back_a_plan_that_breaks_a_rule(
    run: Run, plan_file: Callable[[Plan], str], tmp_path: Path
) -> None:
    out = tmp_path / "north.json"
    ended = run("export", plan_file(late_injection()), "--audience", "site:NORTH", "--out", str(out))
    assert ended.code == 1
    assert not out.exists()


def test_the_view_of_a_site_cannot_be_written_over_a_directory(
    run: Run, plan_file: Callable[[Plan], str], tmp_path: Path
) -> None:
    (tmp_path / "north.json").mkdir()
    out = str(tmp_path / "north.json")
    assert run("export", plan_file(valid_plan()), "--audience", "site:NORTH", "--out", out).code == 2


def test_many_violations_of_one_rule_are_counted_and_cut_short(run: Run, plan_file: Callable[[Plan], str]) -> None:
    ana, ben = valid_plan().courses
    doubled = replace(ana, activities=tuple(replace(one, id=f"X{one.id}") for one in ana.activities))
    ended = run("check", plan_file(replace(valid_plan(), courses=(doubled, ben))))
    assert ended.code == 1
    assert any(line.strip().startswith("and ") and line.endswith(" more") for line in ended.out.splitlines())


def test_programs_lists_every_shipped_program(run: Run) -> None:
    ended = run("programs")
    assert ended.code == 0
    names = {line.split()[0] for line in ended.out.splitlines() if line.split()}
    assert {"alsummit", "alsummit-lean", "phase1-two-harvests"} <= names


def test_demo_plans_shows_figures_and_one_course(
    run: Run, planned: Callable[[Plan], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(valid_plan())
    monkeypatch.setattr(demo, "load_program", lambda name: FACTS)
    ended = run("demo", "--no-serve", "--out", str(tmp_path))
    assert ended.code == 0
    assert "Pairs on target day" in ended.out
    assert "ANA at NORTH" in ended.out
    assert (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("command", ["plan", "check", "programs", "show", "export", "demo"])
def test_the_help_of_every_command_gives_an_example(run: Run, command: str) -> None:
    ended = run(command, "--help")
    assert ended.code == 0
    assert f"Example: marrowline {command}" in ended.out


def test_an_unknown_option_ends_with_2(run: Run) -> None:
    assert run("plan", "--colour", "red").code == 2


def test_a_full_disk_under_the_output_is_one_line_on_standard_error_and_ends_with_2() -> None:
    with open("/dev/full", "w") as full:
        listing = [sys.executable, "-m", "scheduler", "programs"]
        ended = subprocess.run(listing, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "marrowline: standard output: No space left on device. Make room or name another place\n"


def test_the_help_comes_without_loading_the_solver() -> None:
    script = "import sys, scheduler.cli; print('ortools' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
