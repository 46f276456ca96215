"""A service on an SQLite file of its own, with a fixed clock and one key for everybody of the cast."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from scheduler.persistence.database import Database
from scheduler.settings import Settings
from tests.api.callers import Callers, answering
from tests.api.cast import FixedClock, Keys, facts, issue_keys
from tests.api.rehearsal import Rehearsals, add_rehearsals
from tests.databases import database, postgres_database, sqlite_database

__all__ = ["database", "postgres_database", "sqlite_database"]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def settings() -> Settings:
    return Settings(failed_keys=3, failed_keys_seconds=60, body_limit_bytes=2_000)


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, clock: FixedClock) -> FastAPI:
    return create_app(settings, database=sqlite_database, clock=clock, facts=facts)


@pytest.fixture
def keys(sqlite_database: Database) -> Keys:
    return issue_keys(sqlite_database)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def rehearsals(app: FastAPI) -> Rehearsals:
    """Routes of these tests: asked for before the client, so that they are there when the first request comes."""
    return add_rehearsals(app)


@pytest.fixture
def callers_on_both(database: Database, tmp_path: Path) -> Iterator[Callers]:
    """The same on SQLite and on PostgreSQL."""
    with answering(database, tmp_path) as answered:
        yield answered


@pytest.fixture
def callers(sqlite_database: Database, tmp_path: Path) -> Iterator[Callers]:
    """A service with the skin program of docs/programs.md, and everybody's key."""
    with answering(sqlite_database, tmp_path) as answered:
        yield answered
