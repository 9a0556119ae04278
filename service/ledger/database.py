"""Connections to the ledger's database with time limits, and its errors as sentences."""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.database_url import DatabaseUrl

BUSY_SECONDS = 2  # for another connection's lock
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10
READERS = 4  # connections for reading; more readers wait up to BUSY_SECONDS

_POSTGRESQL_SETTINGS = (
    f"SET statement_timeout = '{STATEMENT_SECONDS}s'",
    f"SET lock_timeout = '{BUSY_SECONDS}s'",
    "SET idle_in_transaction_session_timeout = '60s'",
)
_SQLITE_SETTINGS = ("PRAGMA synchronous = NORMAL",)


def writing_engine(database: DatabaseUrl) -> Engine:
    """Return an engine for one writer; a new SQLite file is only readable by its owner."""
    if database.kind == "postgresql":
        return _postgresql_engine(database, poolclass=NullPool)
    return create_engine(
        database.url, creator=lambda: _open_for_writing(database), poolclass=NullPool
    )


def updating_engine(database: DatabaseUrl) -> Engine:
    """Return an engine for rare changes beside the writer; it creates no SQLite file."""
    if database.kind == "postgresql":
        return _postgresql_engine(database, poolclass=NullPool)
    return create_engine(
        database.url, creator=lambda: _configured(_open(database, "rw")), poolclass=NullPool
    )


def reading_engine(database: DatabaseUrl) -> Engine:
    """Return a read-only engine for several threads."""
    if database.kind == "sqlite":  # no pool: opening is fast, and the file may be replaced
        return create_engine(
            database.url, creator=lambda: _open(database, "ro"), poolclass=NullPool
        )
    return _postgresql_engine(
        database,
        "SET default_transaction_read_only = on",
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )


def time_limit(
    connection: Connection, seconds: float = STATEMENT_SECONDS
) -> AbstractContextManager[None]:
    """Abort the connection after `seconds`: a network may drop all packets without an error."""
    return _time_limit(connection.connection.driver_connection, seconds)


@contextmanager
def _time_limit(driver: Any, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, _abort, [driver])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _abort(driver: Any) -> None:
    if isinstance(driver, sqlite3.Connection):
        driver.interrupt()
        return
    with socket.socket(fileno=os.dup(driver.fileno())) as connection:
        connection.shutdown(socket.SHUT_RDWR)


def _postgresql_engine(database: DatabaseUrl, *settings: str, **options: Any) -> Engine:
    engine = create_engine(
        database.url, connect_args={"connect_timeout": CONNECT_SECONDS}, **options
    )

    @event.listens_for(engine, "connect")
    def configure(driver: Any, _record: object) -> None:
        with _time_limit(driver, STATEMENT_SECONDS):
            driver.execute("; ".join((*_POSTGRESQL_SETTINGS, *settings)))
            driver.commit()

    return engine


def _open(database: DatabaseUrl, mode: str) -> sqlite3.Connection:
    name = f"file:{quote(str(database.path))}?mode={mode}"
    return sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _open_for_writing(database: DatabaseUrl) -> sqlite3.Connection:
    assert database.path is not None
    if database.is_default:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(database.path, os.O_RDWR | os.O_CREAT, 0o600))
    return _configured(_open(database, "rw"), wal=True)


def _configured(driver: sqlite3.Connection, *, wal: bool = False) -> sqlite3.Connection:
    """Set what every connection that writes needs, or close it."""
    try:
        if wal:
            _enable_wal(driver)
        for statement in _SQLITE_SETTINGS:
            driver.execute(statement)
    except BaseException:
        driver.close()
        raise
    return driver


def _enable_wal(driver: sqlite3.Connection) -> None:
    """Switch to write-ahead logging.

    If two connections switch at the same time, SQLite refuses one at once, without waiting for its
    busy timeout, because each would wait for the other.
    """
    end = monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > end:
                raise
            sleep(0.01)


def error_sentence(error: Exception) -> str:
    """Return the driver's or system's message without statement, values or password."""
    if isinstance(error, PoolTimeoutError):  # SQLAlchemy's own message links to its documentation
        return "all connections for reading are in use"
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.filename}: {cause.strerror}" if cause.filename else cause.strerror
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def is_rejected(error: Exception) -> bool:
    """Return whether the database rejects the values, so that a retry would fail too."""
    return isinstance(error, DataError | IntegrityError)
