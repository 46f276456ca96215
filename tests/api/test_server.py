"""The service as real processes on a real port."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from scheduler.persistence.database import Database
from tests.api.cast import Keys

START = "from api.server import run; from scheduler.settings import load_settings; run(load_settings())"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(database: Database, workers: int) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    port = free_port()
    environment = os.environ | {
        "MARROWLINE_DATABASE_URL": database.url,
        "MARROWLINE_PORT": str(port),
        "MARROWLINE_WORKERS": str(workers),
        "MARROWLINE_PROGRAM_CLOCK": "2027-01-04T09:00:00+09:00",
    }
    process = subprocess.Popen([sys.executable, "-c", START], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        begun = 0
        while begun < workers:
            line = process.stderr.readline()
            assert line, "the service ended before it began"
            begun += "Application startup complete" in line
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_it_answers_counts_and_ends_when_told_to(sqlite_database: Database, keys: Keys, workers: int) -> None:
    with served(sqlite_database, workers) as (url, process):
        clocks = set()
        for _ in range(6):  # a new connection each, so that both workers get some
            answer = httpx2.get(f"{url}/v1/me", headers=keys.nora)
            assert answer.status_code == 200
            assert "server" not in answer.headers
            clocks.add(answer.json()["clock"]["now"][:13])
        assert clocks == {"2027-01-04T00"}  # the first hour of the program clock, in UTC
        assert httpx2.get(f"{url}/v1/rehearsed/HYU-001", headers=keys.nora).status_code == 404
        figures = httpx2.get(f"{url}/metrics").text
        assert 'marrowline_http_requests_total{method="GET",route="/v1/me",status="200"} 6.0' in figures
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        log = process.stderr.read()
        process.wait(10)
    requests = [line for line in map(json.loads, log.splitlines()) if line["event"] == "request"]
    assert [line["route"] for line in requests].count("/v1/me") == 6
    assert "HYU-001" not in log
    assert "mk_" not in log
