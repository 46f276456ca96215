"""The service as processes of its own, and clients that talk to it as a site would."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START_SECONDS = 90.0
STOP_SECONDS = 30.0
HOST = "127.0.0.1"


class Unanswered(Exception):
    """Nobody knows whether the request was carried out."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    status: int
    body: Any
    etag: str | None
    seconds: float


class Client:
    """One person at a screen: one connection, one key."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: object, *, once: str | None = None, version: str | None = None) -> Answer:
        """Send a POST; `once` is its Idempotency-Key, by default a new one.

        Raises
        ------
        Unanswered
            When the connection breaks.
        """
        headers = {"Idempotency-Key": once or secrets.token_hex(16), "Content-Type": "application/json"}
        if version is not None:
            headers["If-Match"] = version
        return self._send("POST", path, json.dumps(body), headers)

    def get(self, path: str) -> Answer:
        """Send a GET; Unanswered when the connection breaks."""
        return self._send("GET", path, None, {})

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        began = time.perf_counter()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(HOST, self._port, timeout=60)
            self._connection.request(method, path, body, {"Authorization": f"Bearer {self._key}", **headers})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise Unanswered(f"{type(problem).__name__}: {problem}") from problem
        seconds = time.perf_counter() - began
        return Answer(response.status, json.loads(text) if text else None, response.headers["ETag"], seconds)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Server:
    """`marrowline serve` on a free port, started and ended as often as one likes, always at the same address.

    Its program clock goes on from `now` at the making of this object, through every start.
    """

    def __init__(
        self, url: str, now: datetime, log: Path, *, workers: int = 1, extra: Mapping[str, str] | None = None
    ) -> None:
        self.port = _free_port()
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MARROWLINE_")}
        self._environment = kept | {
            "MARROWLINE_DATABASE_URL": url,
            "MARROWLINE_PROGRAM_CLOCK": now.isoformat(),
            "MARROWLINE_PROGRAM_CLOCK_SINCE": datetime.now(UTC).isoformat(),
            "MARROWLINE_PORT": str(self.port),
            "MARROWLINE_WORKERS": str(workers),
            "MARROWLINE_LOG_LEVEL": "warning",
            **(extra or {}),
        }

    def start(self) -> float:
        """Start, and wait until it is ready; how many seconds that took.

        Raises
        ------
        RuntimeError
            When it ends at once or does not become ready.
        """
        began = time.monotonic()
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "scheduler", "serve"]
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > began + START_SECONDS:
                raise RuntimeError(f"the service did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        return time.monotonic() - began

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """End it as a power cut would: no process of it hears of it first."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def served(url: str, now: datetime, log: Path, *, workers: int = 1) -> Iterator[Server]:
    """A running service, stopped after the block."""
    server = Server(url, now, log, workers=workers)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
