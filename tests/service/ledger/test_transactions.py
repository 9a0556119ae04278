"""Errors of the database, and connections that break, as the reader's clients see them."""

import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from service.database_url import DatabaseUrl
from service.errors import LedgerUnavailableError
from service.ledger import transactions
from service.ledger.database import writing_engine
from service.ledger.filters import PageFilters
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.write_buffer import WriteBatch
from tests.service.ledger.conftest import database_of, ledger_row, sample
from tests.service.ledger.proxy import proxy
from tests.service.ledger.test_writer import disconnect, through


def test_a_database_without_tables_is_unavailable(database: DatabaseUrl) -> None:
    reader = Reader(database)
    with pytest.raises(LedgerUnavailableError) as error:
        reader.page(PageFilters())
    assert str(error.value).startswith("the ledger's database is unavailable: ")
    assert str(error.value).endswith("; predictions are not affected")
    assert "SELECT" not in str(error.value)
    reader.close()


def test_tables_of_another_release_are_not_read(
    database: DatabaseUrl, store: Store, reader: Reader
) -> None:
    with writing_engine(database).begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '0'"))
    with pytest.raises(LedgerUnavailableError, match="tables: expected version"):
        reader.page(PageFilters())


def test_clients_see_no_host_port_or_path_and_the_log_has_them_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"postgresql://someone:SECRET@127.0.0.1:{port}/base"
    reader = Reader(database_of(url))
    for _ in range(2):
        with pytest.raises(LedgerUnavailableError) as error:
            reader.page(PageFilters())
    assert str(error.value) == (
        "the ledger's database is unavailable: PostgreSQL cannot be used; the server's log has the "
        "reason; predictions are not affected"
    )
    reader.close()
    (record,) = [r for r in caplog.records if r.name == "service.ledger.transactions"]
    assert f"127.0.0.1:{port}/base" in record.message
    assert "SECRET" not in record.message
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(LedgerUnavailableError) as error:
        Reader(database_of(f"sqlite:///{blocked}/ledger.db")).page(PageFilters())
    assert str(tmp_path) not in str(error.value)


def test_a_file_that_is_not_a_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database, but a text that is long enough")
    with pytest.raises(LedgerUnavailableError, match="file is not a database"):
        Reader(database_of(f"sqlite:///{tmp_path}/ledger.db")).page(PageFilters())


def test_a_broken_connection_is_replaced(postgresql_url: str) -> None:
    database = database_of(postgresql_url)
    store, reader = Store(database), Reader(database)
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    reader.page(PageFilters())
    store.close()
    disconnect(database)
    assert len(reader.page(PageFilters()).rows) == 1
    reader.close()


def test_a_connection_that_drops_all_data_is_aborted(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "SECONDS", 0.2)
    monkeypatch.setattr("service.ledger.database.CONNECT_SECONDS", 2)
    store = Store(database_of(postgresql_url))
    store.connection()
    with proxy(postgresql_url) as connection:
        reader = Reader(through(postgresql_url, connection.port))
        reader.page(PageFilters())
        connection.freeze()
        with pytest.raises(LedgerUnavailableError):
            reader.page(PageFilters())
        connection.restore()
        assert reader.page(PageFilters()).rows == []
        reader.close()
    store.close()
