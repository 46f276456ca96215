"""Every shipped program's plan as a file: written, read back and checked from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler import cli
from scheduler.documents.plan_json import plan_json
from scheduler.documents.plan_reader import read_plan
from tests.programs_planned.conftest import Planned


def test_check_accepts_the_written_plan(planned: Planned, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plan_json(planned.plan, planned.facts.network), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(path)])
    assert ended.value.code in (0, None)
    assert "obey every rule" in capfd.readouterr().out


def test_the_written_plan_reads_back_as_it_was(planned: Planned, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plan_json(planned.plan, planned.facts.network), encoding="utf-8")
    assert read_plan(path) == planned.plan
