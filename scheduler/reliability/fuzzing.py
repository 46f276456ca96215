"""Fuzzing: Schemathesis sends what the OpenAPI document allows and what it does not, and judges every answer.

It lives in an environment of its own (`make fuzz` makes it), because its requirements must not become ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler.domain.audience import SITE_ROLES, Role
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.reliability.killing import PROGRAM, STARTS_AT
from scheduler.reliability.service import HOST, Server
from scheduler.reliability.world import new_database, new_key, set_up

COMMAND = os.path.abspath(os.environ.get("SCHEMATHESIS", ".venv-fuzz/bin/schemathesis"))
CONFIG = "schemathesis.toml"
FAILURE_LENGTH = 600
FEW = 1000
OPERATIONS = 40  # about so many there are
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ROLES = (Role.PLANNER, Role.COORDINATOR, Role.PHARMACIST, Role.STATISTICIAN, Role.AUDITOR)


@dataclass(frozen=True)
class Fuzzed:
    """What was sent in how many cases, and what Schemathesis found wrong."""

    cases: int
    seconds: float
    failures: tuple[str, ...]


def fuzz(cases: int, make: Callable[[Facts], Plan], *, roles: tuple[Role, ...] = ROLES, seed: int = 1) -> Fuzzed:
    """Run at least so many cases against a service with a small program booked, in turn with the key of each role.

    Raises
    ------
    BadInput
        When Schemathesis is not installed.
    """
    if not Path(COMMAND).is_file():
        raise BadInput("fuzzing", "SCHEMATHESIS", f"there is no {COMMAND}", "Run 'make fuzz', which installs it")
    began, sent, runs = time.monotonic(), 0, 0
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="marrowline-fuzz-") as name, new_database("SQLite") as url:
        folder = Path(name)
        facts = set_up(url, PROGRAM, STARTS_AT, make)
        (folder / CONFIG).write_text(_config(facts), encoding="utf-8")
        site = facts.network.sites[0].code
        keys = [new_key(url, STARTS_AT, role, site if role in SITE_ROLES else None) for role in roles]
        server = Server(url, STARTS_AT, folder / "log", extra={"MARROWLINE_FAILED_KEYS": "10000"})
        server.start()
        try:
            while sent < cases:
                found = _run(server, keys[runs % len(keys)], folder, seed + runs, cases - sent)
                sent += found.cases
                failures += found.failures
                runs += 1
                if not found.cases:
                    raise RuntimeError("Schemathesis sent nothing")
        finally:
            server.stop()
    return Fuzzed(sent, time.monotonic() - began, tuple(failures))


def _run(server: Server, key: str, folder: Path, seed: int, wanted: int) -> Fuzzed:
    """One run over every operation; more examples of each where many more cases are wanted."""
    report = folder / f"report-{seed}.json"
    examples = max(1, min(100, wanted // OPERATIONS))
    # The phase `coverage` goes through every boundary of every field, some 2,000 cases: too many for a small run.
    phases = "examples,coverage,fuzzing" if wanted > FEW else "examples,fuzzing"
    command = [
        *(COMMAND, "--config-file", str(folder / CONFIG), "run", f"http://{HOST}:{server.port}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--max-examples", str(examples), "--seed", str(seed)),
        *("--checks", ",".join(CHECKS), "--phases", phases, "--continue-on-failure"),
        *("--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off", "--no-color"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    began = time.monotonic()
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not report.is_file():
        raise RuntimeError(f"Schemathesis ended with {ended.returncode}: {(ended.stderr or ended.stdout)[-2000:]}")
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    failures = [json.dumps(one)[:FAILURE_LENGTH] for one in [*told["failures"], *told["errors"]]]
    return Fuzzed(told["test_cases"]["generated"], time.monotonic() - began, tuple(failures))


def _config(facts: Facts) -> str:
    """Ids that exist, so that most of what is sent gets past the first question of a route."""
    patient, site = facts.patients[0].id, facts.network.sites[0].code
    known = {
        "path.patient": patient,
        "path.course": patient,
        "path.visit": f"{patient}/1/injection",
        "path.activity": f"{patient}/1/injection",
        "path.place": facts.network.sites[0].code,
        "path.kind": facts.network.sites[0].resources[0].kind,
        "query.site": site,
        "query.wait_seconds": 0,
    }
    return "[parameters]\n" + "".join(f'"{name}" = {json.dumps(value)}\n' for name, value in known.items())
