"""Connections to the ledger's database that never wait for long."""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from service.ledger.address import Address

BUSY_SECONDS = 2  # for a lock that somebody else holds
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10
MIGRATION_SECONDS = 3600  # of tables that are large
READERS = 4  # connections for pages, which wait BUSY_SECONDS for their turn

_SERVER_SETTINGS = (
    f"SET statement_timeout = '{STATEMENT_SECONDS}s'",
    f"SET lock_timeout = '{BUSY_SECONDS}s'",
    "SET idle_in_transaction_session_timeout = '60s'",
)
_FILE_SETTINGS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")


def writing_engine(address: Address) -> Engine:
    """Return an engine for the one writer; SQLite's file is made, for its owner alone to read."""
    if address.kind == "postgresql":
        return _server_engine(address, poolclass=NullPool)

    def connect() -> sqlite3.Connection:
        assert address.path is not None
        if address.own:
            address.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(address.path, os.O_RDWR | os.O_CREAT, 0o600))
        return _sqlite(address, "rw")

    engine = create_engine(address.url, creator=connect, poolclass=NullPool)
    _say_at_first(engine, _FILE_SETTINGS)
    return engine


def reading_engine(address: Address) -> Engine:
    """Return an engine for readers in several threads, who cannot change anything."""
    if address.kind == "sqlite":  # whose file is opened in no time, and may be another by now
        return create_engine(
            address.url, creator=lambda: _sqlite(address, "ro"), poolclass=NullPool
        )
    engine = _server_engine(
        address,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    _say_at_first(engine, ("SET default_transaction_read_only = on",))
    return engine


@contextmanager
def limited(connection: Connection, seconds: float = STATEMENT_SECONDS) -> Iterator[None]:
    """Break the connection off after so long: a network that swallows everything tells nobody."""
    with _limited(connection.connection.driver_connection, seconds):
        yield


@contextmanager
def _limited(driver: Any, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, _break_off, [driver])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _break_off(driver: Any) -> None:
    if isinstance(driver, sqlite3.Connection):
        driver.interrupt()
        return
    with socket.socket(fileno=os.dup(driver.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _server_engine(address: Address, **options: Any) -> Engine:
    engine = create_engine(
        address.url, connect_args={"connect_timeout": CONNECT_SECONDS}, **options
    )
    _say_at_first(engine, _SERVER_SETTINGS)
    return engine


def _sqlite(address: Address, mode: str) -> sqlite3.Connection:
    name = f"file:{quote(str(address.path))}?mode={mode}"
    return sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _say_at_first(engine: Engine, statements: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def say(driver: Any, _record: object) -> None:
        with _limited(driver, STATEMENT_SECONDS):
            cursor = driver.cursor()
            for statement in statements:
                cursor.execute(statement)
            cursor.close()
            driver.commit()
