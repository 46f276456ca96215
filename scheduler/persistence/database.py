"""One database, SQLite or PostgreSQL: how to connect to it, and what differs between the two."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, QueuePool, create_engine, event, make_url
from sqlalchemy import text as sql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from scheduler.domain.errors import BadInput
from scheduler.persistence.errors import DatabaseBusy, translate_errors

BUSY_SECONDS = 15
"""How long anybody waits for another's lock before `DatabaseBusy`."""

FIXED_WAL = (3, 51, 3)  # several writers could corrupt a WAL file when it was reset in SQLite before this version

RESTED_SECONDS = 1.0
"""A connection to PostgreSQL unused for so long is asked whether it still answers before it is used again."""

_BETWEEN_TRIES = 0.002
_REMEDY = "Write sqlite:///FILE.db or postgresql+psycopg://USER:PASSWORD@HOST/NAME"


class Database:
    """An engine and what differs between SQLite and PostgreSQL.

    A writing session takes the write lock of an SQLite file with its first statement, so that what it has read cannot
    change before it writes; in PostgreSQL it reads what is committed and locks what it must. A reading session sees
    one state of the whole database in both. Reading sessions of SQLite should be short: they can hold up a commit.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url = engine.url.render_as_string(hide_password=False)
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._turn = threading.Lock()
        self._reading = engine if self.is_sqlite else _read_only(engine)
        self._single = engine if self.is_sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writing = engine.execution_options(begin_immediate=True) if self.is_sqlite else engine

    def __repr__(self) -> str:
        """The address without its password."""
        return f"Database({self.engine.url!r})"

    def session(self, *, write: bool = False) -> Session:
        """A session that rolls back unless committed; its rows stay readable after the commit."""
        return Session(self._writing if write else self._reading, expire_on_commit=False)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Writers of one process wait here for an SQLite file: woken at once, in place of SQLite's polling.

        Raises
        ------
        DatabaseBusy
            After `BUSY_SECONDS`.
        """
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A short write transaction of its own, committed at the end of the block unless that raises."""
        with self.turn(), self.session(write=True) as session:
            yield session
            session.commit()

    @contextmanager
    def statement(self, *, write: bool = False) -> Iterator[Session]:
        """A session whose statements are each a transaction of their own: fewer trips where one statement is enough."""
        if write and self.is_sqlite:
            with self.writing() as session:
                yield session
            return
        with Session(self._single, expire_on_commit=False) as session:
            yield session

    def dispose(self) -> None:
        """Close every connection that nobody uses."""
        self.engine.dispose()

    def ping(self) -> None:
        """Return when the database answers; DatabaseUnavailable or DatabaseBusy when not."""
        with self.engine.connect() as connection:
            connection.execute(sql("SELECT 1"))

    # Alembic takes most of a second to import, and most processes never need it: the three that follow import it late.

    def migrate(self) -> None:
        """Bring the tables to the newest revision, whole or not at all; safe when several processes do it at once."""
        from scheduler.persistence import schema

        with self.turn():
            schema.upgrade(self.engine)

    def head(self) -> str:
        """The newest revision this code knows."""
        from scheduler.persistence import schema

        return schema.head()

    def revision(self) -> str | None:
        """The revision the tables are at; None in an empty database."""
        from scheduler.persistence import schema

        with self.engine.connect() as connection:
            return schema.revision(connection)


class _Pool(QueuePool):
    """Connections to share; who waits too long for one hears that the database is busy."""

    def connect(self) -> PoolProxiedConnection:
        """One of the connections, when one is free in time."""
        try:
            return super().connect()
        except PoolTimeout as problem:
            raise DatabaseBusy from problem


def open_database(url: str) -> Database:
    """The database at an address; nothing is connected to yet.

    Parameters
    ----------
    url
        ``sqlite:///path.db`` (a path relative to the working directory; four slashes for an absolute one) or
        ``postgresql+psycopg://user:password@host/name``.

    Raises
    ------
    BadInput
        When the address is neither, or names a folder that does not exist.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as problem:
        raise BadInput("database", "url", "is not the address of a database", _REMEDY) from problem
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return Database(_sqlite(parsed))
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return Database(_postgresql(parsed.set(drivername="postgresql+psycopg")))
    raise BadInput("database", "url", f"{parsed.drivername!r} is not supported", _REMEDY)


def journal_mode(version: tuple[int, int, int]) -> str:
    """The journal an SQLite of this version is safe with."""
    return "WAL" if version >= FIXED_WAL else "DELETE"


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise BadInput("database", "url", "names no file", "Write sqlite:///FILE.db")
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise BadInput("database", "url", f"there is no folder {str(folder)!r}", "Create it, or correct the path")
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        poolclass=_Pool,
        pool_size=40,  # as many as a server has threads: connections to a file cost next to nothing
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    translate_errors(engine)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    raw: Any = connection
    raw.isolation_level = None  # Python begins nothing by itself: `_begin_sqlite` does
    raw.execute(f"PRAGMA journal_mode={journal_mode(sqlite3.sqlite_version_info[:3])}")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get("begin_immediate", False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite's own waiting sleeps ever longer, up to 100 ms, and so passes over those who have waited longest.
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA busy_timeout=0")
    try:
        _wait_to_write(connection, raw)
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")


def _wait_to_write(connection: Connection, raw: Any) -> None:
    give_up_at = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < give_up_at:
        try:
            raw.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                break
        time.sleep(_BETWEEN_TRIES)
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, so that its error is one of ours


def _postgresql(url: URL) -> Engine:
    milliseconds = int(BUSY_SECONDS * 1000)
    options = f"-c timezone=UTC -c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout=60000"
    engine = create_engine(
        url,
        connect_args={"connect_timeout": max(2, int(BUSY_SECONDS))}
        | ({} if "options" in url.query else {"options": options}),
        poolclass=_Pool,
        pool_size=20,
        max_overflow=0,  # a connection beyond the pool would be made and closed for every request
        pool_timeout=BUSY_SECONDS,
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error's text may reach a log, where no patient data belongs
    )
    _ping_rested(engine)
    translate_errors(engine)
    return engine


def _ping_rested(engine: Engine) -> None:
    """Replace a connection that died at rest. One just used is taken as it is: asking each time doubles the trips."""

    def note(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["at_rest_since"] = time.monotonic()

    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info.get("at_rest_since", math.inf) >= RESTED_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as problem:
                raise DisconnectionError from problem

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", ping)


def _read_only(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
