"""The commands of a service, from outside: migrate, import, keys, audit, backup, restore, serve."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from scheduler import cli
from scheduler.cli import programs
from scheduler.documents.plan_json import plan_json
from scheduler.documents.plan_reader import plan_from_json
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.persistence.database import open_database
from scheduler.persistence.keys import KeyStore
from scheduler.planning.planner import first_come_first_served_plan
from scheduler.programs import load_program

PROGRAM = "phase1-two-harvests"  # 8 patients of the sites HYU and others, two doses each


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of this test that does not exist yet, and a program clock in the year of the program."""
    address = f"sqlite:///{tmp_path / 'trial.db'}"
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", address)
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", "2027-01-04T09:00:00+09:00")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK_SINCE", "2026-01-05T09:00:00+09:00")
    return address


@pytest.fixture
def run(url: str, capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of the program."""
    facts = load_program(PROGRAM)
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    path.write_text(plan_json(first_come_first_served_plan(facts), facts.network), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def imported_once(plan_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the program and its courses, to be copied."""
    path = tmp_path_factory.mktemp("imported") / "trial.db"
    facts = load_program(PROGRAM)
    database = open_database(f"sqlite:///{path}")
    database.migrate()
    plan = plan_from_json(plan_file.read_text(), "plan")
    programs.imported(database, lambda: datetime(2027, 1, 4, tzinfo=UTC), PROGRAM, facts, plan, plan_file.read_text())
    database.dispose()
    return path


@pytest.fixture
def set_up(imported_once: Path, url: str) -> None:
    """The database with its program and courses."""
    shutil.copyfile(imported_once, url.removeprefix("sqlite:///"))


def dump(url: str) -> str:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        return "\n".join(connection.iterdump())


def test_migrate_creates_the_tables_and_again_changes_nothing(run: Run, url: str) -> None:
    first = run("migrate")
    assert (first.code, first.err) == (0, "")
    assert "from nothing" in first.out
    before = dump(url)
    assert "as they were" in run("migrate").out
    assert dump(url) == before


@pytest.mark.parametrize(
    "command",
    [["import", PROGRAM], ["key", "list"], ["audit", "verify"], ["backup", "file.zip"], ["serve"]],
    ids=lambda command: command[0],
)
def test_a_database_without_tables_is_refused_with_the_remedy(run: Run, command: list[str]) -> None:
    ended = run(*command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("marrowline: database: revision: is at revision none")
    assert ended.err.endswith("Run 'marrowline migrate' first\n")


def test_import_books_a_given_plan_and_again_finds_nothing_new(run: Run, url: str, plan_file: Path) -> None:
    run("migrate")
    first = run("import", PROGRAM, "--plan", str(plan_file))
    assert (first.code, first.err) == (0, "")
    assert first.out == f"{PROGRAM}: program entered, 8 new patients, 8 courses booked\n"
    before = dump(url)
    again = run("import", PROGRAM, "--plan", str(plan_file))
    assert again.out == f"{PROGRAM}: nothing new; program, patients and courses are as they were\n"
    assert dump(url) == before


def test_import_without_a_plan_makes_one_only_while_nobody_has_a_course(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def made(facts: Facts, time_limit: float, seed: int) -> Plan:
        asked.append(time_limit)
        return first_come_first_served_plan(facts)

    monkeypatch.setattr(programs, "made", made)
    run("migrate")
    assert "8 courses booked" in run("import", PROGRAM, "--time-limit", "7").out
    assert "nothing new" in run("import", PROGRAM).out
    assert asked == [7.0]


def test_import_refuses_another_program_and_changes_nothing(run: Run, set_up: None, url: str) -> None:
    before = dump(url)
    ended = run("import", "car-t-three-zones")
    assert (ended.code, ended.out) == (2, "")
    assert f"This database serves the program {PROGRAM}" in ended.err
    assert dump(url) == before


def test_import_refuses_a_plan_of_another_program(run: Run, plan_file: Path) -> None:
    run("migrate")
    ended = run("import", "car-t-three-zones", "--plan", str(plan_file))
    assert ended.code == 2
    assert f"is a plan of {PROGRAM}. Give a plan of car-t-three-zones" in ended.err


def test_import_refuses_a_plan_that_breaks_a_rule_and_enters_nothing(
    run: Run, plan_file: Path, url: str, tmp_path: Path
) -> None:
    run("migrate")
    before = dump(url)
    plan = json.loads(plan_file.read_text())
    plan["courses"][0]["weight_kg"] += 1
    (tmp_path / "bent.json").write_text(json.dumps(plan))
    ended = run("import", PROGRAM, "--plan", str(tmp_path / "bent.json"))
    assert (ended.code, ended.out) == (2, "")
    assert "The plan breaks " in ended.err
    assert dump(url) == before


def test_a_key_is_printed_once_listed_without_its_secret_and_refused_once_revoked(
    run: Run, set_up: None, url: str
) -> None:
    key = run("key", "create", "--role", "coordinator", "--site", "HYU", "--name", "Nora North").out.strip()
    keys = KeyStore(open_database(url))
    nora = keys.identify(key)
    assert nora is not None
    assert (nora.name, nora.role, nora.site) == ("Nora North", "coordinator", "HYU")
    listed = run("key", "list").out
    assert "Nora North" in listed and "in use" in listed
    assert key.split("_")[2] not in listed
    assert run("key", "revoke", nora.key_id).code == 0
    assert keys.identify(key) is None
    assert "revoked" in run("key", "list").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "coordinator", "--name", "Nora"], "belongs to a site"),
        (["--role", "planner", "--site", "HYU", "--name", "Paul"], "belongs to no site"),
        (["--role", "coordinator", "--site", "NORTH", "--name", "Nora"], "'NORTH' is no site of"),
        (["--role", "auditor", "--name", " "], "names nobody"),
        (["--role", "owner", "--name", "Olga"], "'owner' is not one of"),
    ],
)
def test_a_key_that_nobody_could_use_is_refused_and_not_made(
    run: Run, set_up: None, url: str, options: list[str], said: str
) -> None:
    before = dump(url)
    ended = run("key", "create", *options)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert dump(url) == before


def test_a_key_of_a_site_needs_a_program_first(run: Run) -> None:
    run("migrate")
    ended = run("key", "create", "--role", "rater", "--site", "HYU", "--name", "Ana")
    assert ended.code == 2
    assert "marrowline import PROGRAM" in ended.err


def test_revoking_an_unknown_key_is_refused(run: Run, set_up: None) -> None:
    ended = run("key", "revoke", "000000000000")
    assert (ended.code, ended.out) == (2, "")
    assert "Take an id from 'marrowline key list'" in ended.err


def test_the_audit_trail_verifies_and_its_anchor_too(run: Run, set_up: None) -> None:
    ended = run("audit", "verify")
    assert ended.code == 0
    anchor = ended.out.split("Anchor to note down: ")[1].strip()
    # Eight courses booked and the program entered.
    assert anchor.startswith("9:")
    assert run("audit", "verify", "--anchor", anchor).code == 0
    beyond = run("audit", "verify", "--anchor", "10:" + anchor.split(":")[1])
    assert (beyond.code, beyond.out) == (1, "")
    assert "audit entry 10 is missing" in beyond.err


def test_a_changed_audit_entry_is_named_and_ends_with_1(run: Run, set_up: None, url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        triggers = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", ("audit_entry",)
        )
        for (name,) in triggers.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE audit_entry SET actor = 'Mallory' WHERE id = 4")
    ended = run("audit", "verify")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("marrowline: audit entry 4 was changed after it was written")


@pytest.mark.parametrize("text", ["", "9", "9:abc", "x:" + "0" * 64, "0:" + "0" * 64])
def test_an_anchor_of_another_form_is_refused(run: Run, set_up: None, text: str) -> None:
    assert run("audit", "verify", "--anchor", text).code == 2


def lines(dumped: str) -> list[str]:
    """What a database is, without the order of its rows and of the constraints of a table made anew."""
    return sorted(line.strip(", \t") for line in dumped.splitlines())


def test_a_backup_restored_elsewhere_is_the_same_database(
    run: Run, set_up: None, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.zip"
    assert "8 patients, 8 courses" in run("backup", str(file)).out
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    run("migrate")
    assert run("restore", str(file)).code == 0
    assert lines(dump(f"sqlite:///{tmp_path / 'other.db'}")) == lines(dump(url))


def test_backup_and_restore_refuse_what_they_cannot_use(run: Run, set_up: None, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    run("backup", str(file))
    for arguments, said in (
        (["backup", str(file)], "there is such a file"),
        (["restore", str(file)], "is not empty"),
        (["restore", str(tmp_path / "none.zip")], "cannot be read"),
        (["backup", str(tmp_path / "no" / "folder.zip")], "cannot be written"),
    ):
        ended = run(*arguments)
        assert (ended.code, ended.out) == (2, "")
        assert said in ended.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MARROWLINE_DATABASE_URL", "mysql://x/y"), ("MARROWLINE_PORT", "0"), ("MARROWLINE_COLOUR", "red")],
)
def test_settings_that_cannot_be_used_end_with_2_and_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    ended = run("migrate")
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        "migrate",
        "import",
        "serve",
        "key create",
        "key list",
        "key revoke",
        "audit verify",
        "backup",
        "restore",
    ],
)
def test_the_help_of_every_command_gives_an_example(run: Run, command: str) -> None:
    ended = run(*command.split(), "--help")
    assert ended.code == 0
    assert "Example:" in ended.out
    assert f"marrowline {command}" in ended.out


def test_serve_answers_on_the_port_it_was_given_and_ends_when_told_to(run: Run, set_up: None, url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "scheduler", "serve", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "Uvicorn running on" in line:
                    break
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                assert answer.status == 200
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
        # It ends of the signal it was sent, once it has finished what it was doing.
        assert process.wait(20) in (0, -signal.SIGTERM)
        assert "Application shutdown complete" in rest
