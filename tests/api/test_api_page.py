"""docs/api.md holds: its curl lines work one after the other, and its table of routes is that of the application."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from api.app import create_app
from scheduler.booking.board import Board
from scheduler.booking.import_program import import_program
from scheduler.domain.audience import Role
from scheduler.persistence.bundle import bundle_of
from scheduler.persistence.database import Database
from scheduler.persistence.keys import make_key
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs import load_program
from scheduler.settings import Settings
from tests.api.cast import ADMIN, FixedClock

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BEGINS = datetime(2027, 3, 1, 0, 0, tzinfo=UTC)  # 09:00 in Seoul, when the program clock of the demonstration begins
READERS = {role.value for role in Role} - {"courier", "statistician", "admin"}


class Line(NamedTuple):
    """A curl line of the page."""

    method: str
    path: str
    headers: dict[str, str]
    data: str | None


def curl_lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def read(line: str, variables: dict[str, str]) -> Line:
    """What a shell would make of a line."""
    words = shlex.split(re.sub(r"'?\$([A-Z]+)'?", lambda found: variables[found[1]], line))
    assert words[0] == "curl"
    method, headers, data, path = "", {}, None, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = next(rest)
        elif word == "-d":
            data = next(rest)
        elif word not in ("-s", "-i"):
            path = word
    return Line(method or ("GET" if data is None else "POST"), path, headers, data)


@pytest.fixture
def app(sqlite_database: Database) -> FastAPI:
    clock = FixedClock()
    clock.now = BEGINS
    return create_app(Settings(), database=sqlite_database, clock=clock)


@pytest.fixture
def variables(sqlite_database: Database) -> dict[str, str]:
    with UnitOfWork(sqlite_database, now=BEGINS, principal=ADMIN) as work:
        facts = replace(load_program("alsummit", with_patients=False), patients=())
        import_program(work, Board(), bundle_of("alsummit"), facts)
        key = make_key(work, name="Nora", role=Role.COORDINATOR, site="HYU")
        work.commit()
    return {"AUTH": f"Authorization: Bearer {key}", "API": "/v1", "TODAY": "2027-03-01"}


def remember(variables: dict[str, str], path: str, answer: Response) -> None:
    """What the page tells its reader to copy from an answer."""
    if "etag" in answer.headers and "/courses/" in path:
        variables["ETAG"] = answer.headers["etag"].replace('"', '\\"')
    shown = answer.json()
    if "offers" in shown:
        variables["OFFER"] = shown["offers"][-1]["id"]
    if path.endswith("/holds"):
        variables["HOLD"] = shown["id"]


def test_the_curl_lines_of_the_page_work_one_after_the_other(app: FastAPI, variables: dict[str, str]) -> None:
    asked: list[str] = []
    with TestClient(app) as client:
        for text in curl_lines():
            line = read(text, variables)
            answer = client.request(line.method, line.path, headers=line.headers, content=line.data)
            assert answer.status_code in (200, 201), (text, answer.text)
            remember(variables, line.path, answer)
            asked.append(line.path.rsplit("/", 1)[-1].partition("?")[0])
    assert asked == [
        "me",
        "patients",
        "offers",
        "holds",
        "bookings",
        "HYU-901",
        "visits",
        "confirm",
        "offers",
        "reschedule",
        "cancel",
    ]


def documented(app: FastAPI) -> Iterator[tuple[str, set[str]]]:
    everybody = {role.value for role in Role}
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/"):
                yield f"{method.upper()} {path}", set(operation.get("x-roles", everybody))


def tabled() -> Iterator[tuple[str, set[str]]]:
    rows = re.findall(r"^\| `([A-Z]+ /v1/\S+)` \| [^|]+ \| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for route, roles in rows:
        named = set(roles.split(", "))
        if named == {"everybody"}:
            named = {role.value for role in Role}
        yield route, (named - {"readers"}) | READERS if "readers" in named else named


def test_the_table_of_routes_and_roles_is_that_of_the_application(app: FastAPI) -> None:
    assert dict(tabled()) == dict(documented(app))
