import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.ledger.address import Address, read_address
from service.ledger.database import limited, reading_engine, writing_engine
from tests.service.ledger.conftest import address_of

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def test_a_statement_that_takes_too_long_is_broken_off(address: Address) -> None:
    began = time.monotonic()
    with writing_engine(address).connect() as connection:
        with pytest.raises(DBAPIError), limited(connection, 0.2), connection.begin():
            connection.execute(text(ENDLESS[address.kind]))
        connection.invalidate()
    assert time.monotonic() - began < 5


def test_a_connection_that_is_quick_is_left_alone(address: Address) -> None:
    with writing_engine(address).connect() as connection:
        with limited(connection, 0.2), connection.begin():
            assert connection.scalar(text("SELECT 1")) == 1
        time.sleep(0.3)
        with connection.begin():
            assert connection.scalar(text("SELECT 2")) == 2


def test_a_servers_statements_and_locks_have_a_time(postgresql_url: str) -> None:
    engine = writing_engine(address_of(postgresql_url))
    with engine.connect() as connection:
        shown = [connection.scalar(text(f"SHOW {name}_timeout")) for name in ("statement", "lock")]
    assert shown == ["10s", "2s"]


def test_the_users_own_folder_is_made_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    own = read_address(None)
    assert own is not None
    with writing_engine(own).connect():
        assert (tmp_path / "home" / "highway-networks" / "ledger.db").is_file()
    with pytest.raises(FileNotFoundError):
        writing_engine(address_of(f"sqlite:///{tmp_path}/other/ledger.db")).connect()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DBAPIError, match="unable to open database file"):
        reading_engine(address_of(f"sqlite:///{tmp_path}/ledger.db")).connect()
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_signs_of_a_url_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a b?c#d%20.db"
    with writing_engine(address_of(f"sqlite:///{path}")).connect() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        connection.commit()
    found = sqlite3.connect(path)
    assert found.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    found.close()
