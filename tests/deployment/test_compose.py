"""What is deployed: the Compose file, judged by Compose itself, and the image it is built from."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from scheduler.cli.frame import app

ROOT = Path(__file__).parent.parent.parent
COMPOSE_FILE = ROOT / "docker-compose.yml"
ONE_SHOT = {"migrate"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def compose(file: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The real Compose, without a daemon: `config` needs none."""
    binary = shutil.which("docker-compose", path=str(Path(sys.executable).parent))
    assert binary, "docker-compose is missing: run 'make test', which installs it"
    return subprocess.run([binary, "-f", str(file), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def deployed() -> dict[str, Any]:
    """The Compose file as Compose understands it."""
    ended = compose(COMPOSE_FILE, "config", "--format", "json")
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture(scope="module")
def services(deployed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployed["services"]
    assert set(found) == {"db", "migrate", "api", "worker"}
    return found


def test_compose_accepts_the_file_without_a_word() -> None:
    ended = compose(COMPOSE_FILE, "config", "-q")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("restart: unless-stopped", "restarted: unless-stopped"),
        ("networks: [inside, outside]", "networks: [inside, elsewhere]"),
        ("condition: service_healthy", "condition: service_happy"),
        ("secrets: [db_password]", "secrets: [db_pasword]"),
    ],
)
def test_compose_refuses_a_broken_file(tmp_path: Path, right: str, wrong: str) -> None:
    text = COMPOSE_FILE.read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")
    ended = compose(broken, "config", "-q")
    assert ended.returncode != 0
    assert ended.stderr


def test_every_service_is_read_only_without_root_and_without_further_rights(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert "/tmp" in service["tmpfs"], name


def test_every_service_that_stays_has_a_health_check_and_starts_again(services: dict[str, Any]) -> None:
    for name in set(services) - ONE_SHOT:
        assert services[name]["healthcheck"]["test"][0] == "CMD", name
        assert services[name]["restart"] == "unless-stopped", name
    for name in ONE_SHOT:
        assert services[name]["restart"] == "no"


def test_the_service_begins_after_the_tables_are_there(services: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"]["db"]["condition"] == "service_healthy"
    for name in ("api", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_secrets_are_files_and_no_variable_holds_one(deployed: dict[str, Any]) -> None:
    for secret in deployed["secrets"].values():
        assert set(secret) == {"name", "file"}
        ignored = subprocess.run(["git", "check-ignore", "-q", secret["file"]], cwd=ROOT, check=False)
        assert ignored.returncode == 0
    for name, service in deployed["services"].items():
        assert service["secrets"], name
        for variable in service.get("environment") or {}:
            assert not re.search("PASSWORD$|SECRET|TOKEN|KEY|URL", variable), (name, variable)
        assert "://" not in " ".join(service.get("command") or [])


def test_the_database_is_reached_from_inside_only_and_the_service_from_this_machine_only(
    deployed: dict[str, Any],
) -> None:
    assert deployed["networks"]["inside"]["internal"] is True
    assert set(deployed["services"]["db"]["networks"]) == {"inside"}
    assert set(deployed["services"]["worker"]["networks"]) == {"inside", "outside"}  # it sends messages
    assert "ports" not in deployed["services"]["worker"]
    for name in ("db", "worker"):
        assert "ports" not in deployed["services"][name]
    assert [port["host_ip"] for port in deployed["services"]["api"]["ports"]] == ["127.0.0.1"]


def test_the_service_has_several_workers_and_time_to_finish(services: dict[str, Any]) -> None:
    command = services["api"]["command"]
    assert int(command[command.index("--workers") + 1]) > 1
    # Requests under way get 20 s by default; the container must live longer than that.
    assert services["api"]["stop_grace_period"] == "30s"


def test_every_command_that_is_deployed_exists(services: dict[str, Any]) -> None:
    default = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    for command in (default, *(services[name]["command"] for name in ("api", "migrate", "worker"))):
        name, *options = command
        found = get_command(app).commands[name]  # type: ignore[attr-defined]
        known = {option for parameter in found.params for option in parameter.opts}
        assert {option for option in options if option.startswith("--")} <= known


def test_the_image_is_built_apart_from_what_runs_and_runs_without_root() -> None:
    _, build, final = DOCKERFILE.split("\nFROM ")
    assert "--require-hashes -r requirements.txt" in build
    assert all(line.startswith("python:3.13-slim") for line in (build, final))
    assert "apt-get" not in final
    assert "pip install" not in final
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\\\n +CMD \[", final, re.MULTILINE)
    assert json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", final, re.MULTILINE)[0]) == ["marrowline"]


def test_the_image_holds_every_package_the_project_installs_and_nothing_else() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    let_through = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    listed = re.findall(r"^include = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    packages = set(re.findall(r'"(\w+)\*"', listed[0]))
    assert copied == let_through == packages
