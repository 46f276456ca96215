"""The demonstration as somebody starts it: planned, booked, served, with a line that works."""

import json
import os
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import icalendar

from scheduler.domain.audience import Role

COMMAND = [sys.executable, "-m", "scheduler", "demo", "--program", "phase1-two-harvests", "--time-limit", "1"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARROWLINE_")}
    return kept | more


def test_without_serving_it_ends_after_the_figures_and_one_course(tmp_path: Path) -> None:
    command = [*COMMAND, "--out", str(tmp_path)]
    ended = subprocess.run(command, env=environment(DEMO_SERVE="0"), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "16 planned for 8 patients, 0 unplanned" in ended.stdout  # two doses each
    assert "HYU-001 at HYU" in ended.stdout
    assert not (tmp_path / "marrowline.db").exists()


def test_it_serves_the_booked_trial_and_prints_a_line_that_works(tmp_path: Path) -> None:
    command = [*COMMAND, "--out", str(tmp_path)]
    (tmp_path / "marrowline.db").write_text("of an earlier demonstration")
    with subprocess.Popen(
        command,
        env=environment(DEMO_PORT=str(free_port())),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            printed: list[str] = []
            for line in process.stdout:
                printed.append(line)
                if line.startswith("  curl "):
                    break
            program, silent, option, header, url = shlex.split(printed[-1])
            assert (program, silent, option) == ("curl", "-s", "-H")
            name, _, value = header.partition(": ")
            with urllib.request.urlopen(urllib.request.Request(url, headers={name: value}), timeout=30) as answer:
                visits = json.load(answer)["items"]
            (address,) = [line.strip() for line in printed if line.endswith(".ics\n")]
            with urllib.request.urlopen(address, timeout=30) as answer:
                calendar = icalendar.Calendar.from_ical(answer.read())
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
        assert process.wait(30) == 0, rest
    text = "".join(printed)
    # The program begins on Mon 2027-01-04; eight weeks later it is Mon 2027-03-01.
    assert "it is Mon 2027-03-01 09:00 (Asia/Seoul)" in text
    assert "Booked: 8 courses of 8 patients" in text
    assert [line.split()[0] for line in printed if " mk_" in line and "curl" not in line] == [
        role.value for role in Role
    ]
    assert isinstance(visits, list)
    assert len(calendar.walk("VEVENT")) > 0
    with sqlite3.connect(tmp_path / "marrowline.db") as connection:
        assert connection.execute("SELECT count(*) FROM course").fetchone() == (8,)


def test_a_port_in_use_is_refused_before_anything_is_planned(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [*COMMAND, "--out", str(tmp_path / "out")]
        ended = subprocess.run(command, env=environment(DEMO_PORT=port), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "DEMO_PORT" in ended.stderr
    assert not (tmp_path / "out").exists()
