import sqlite3
import time
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError

from service.database_url import DatabaseUrl, read_database_url
from service.ledger.database import (
    error_sentence,
    is_rejected,
    reading_engine,
    time_limit,
    writing_engine,
)
from service.ledger.schema import SchemaError
from tests.service.ledger.conftest import database_of

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def test_a_statement_that_takes_too_long_is_aborted(database: DatabaseUrl) -> None:
    began = time.monotonic()
    with writing_engine(database).connect() as connection:
        with pytest.raises(DBAPIError), time_limit(connection, 0.2), connection.begin():
            connection.execute(text(ENDLESS[database.kind]))
        connection.invalidate()
    assert time.monotonic() - began < 5


def test_a_connection_within_its_time_limit_stays_open(database: DatabaseUrl) -> None:
    with writing_engine(database).connect() as connection:
        with time_limit(connection, 0.2), connection.begin():
            assert connection.scalar(text("SELECT 1")) == 1
        time.sleep(0.3)
        with connection.begin():
            assert connection.scalar(text("SELECT 2")) == 2


def test_postgresql_limits_statements_and_lock_waits(postgresql_url: str) -> None:
    engine = writing_engine(database_of(postgresql_url))
    with engine.connect() as connection:
        shown = [connection.scalar(text(f"SHOW {name}_timeout")) for name in ("statement", "lock")]
    assert shown == ["10s", "2s"]


def test_only_the_default_folder_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    default = read_database_url(None)
    assert default is not None
    with writing_engine(default).connect():
        assert (tmp_path / "home" / "highway-networks" / "ledger.db").is_file()
    with pytest.raises(FileNotFoundError):
        writing_engine(database_of(f"sqlite:///{tmp_path}/other/ledger.db")).connect()


def test_a_new_file_that_another_connection_prepares_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # SQLite then refuses a switch to WAL at once
        Timer(0.3, other.execute, ["COMMIT"]).start()
        with writing_engine(database_of(f"sqlite:///{path}")).connect() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"


def test_a_reader_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(DBAPIError, match="unable to open database file"):
        reading_engine(database_of(f"sqlite:///{tmp_path}/ledger.db")).connect()
    assert list(tmp_path.iterdir()) == []


def test_url_syntax_in_a_file_name_has_no_meaning(tmp_path: Path) -> None:
    path = tmp_path / "a b?c#d%20.db"
    with writing_engine(database_of(f"sqlite:///{path}")).connect() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        connection.commit()
    with closing(sqlite3.connect(path)) as driver:
        assert driver.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            OperationalError("INSERT 7", {"a": 7}, Exception("disk is full\nDETAIL: 7")),
            "disk is full",
        ),
        (PermissionError(13, "Permission denied", "/var/x"), "/var/x: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (SchemaError("tables: newer"), "tables: newer"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_sentence_is_the_drivers_first_line(error: Exception, expected: str) -> None:
    assert error_sentence(error) == expected


def test_rejected_values_are_not_an_unavailable_database() -> None:
    cause = Exception("out of range")
    assert is_rejected(DataError("INSERT", None, cause))
    assert is_rejected(IntegrityError("INSERT", None, cause))
    assert not is_rejected(OperationalError("INSERT", None, cause))
    assert not is_rejected(OSError(28, "No space left on device"))
