import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.database_url import DatabaseUrl
from service.errors import LedgerUnavailableError, UnknownRequestError
from service.ledger import reader as reading
from service.ledger.database import reading_engine, writing_engine
from service.ledger.filters import Filters, PageFilters
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.write_buffer import Gap, WriteBatch
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample
from tests.service.ledger.proxy import proxy
from tests.service.ledger.test_writer import disconnect, through


@pytest.fixture
def store(database: DatabaseUrl) -> Iterator[Store]:
    store = Store(database)
    store.connection()
    yield store
    store.close()


@pytest.fixture
def reader(database: DatabaseUrl, store: Store) -> Iterator[Reader]:
    reader = Reader(database)
    yield reader
    reader.close()


def test_a_request_has_all_its_rows_in_order(store: Store, reader: Reader) -> None:
    first, second = (
        ledger_row(rows=2, tags=("b", "a"), content=floats(1)),
        ledger_row(rows=2, row=1),
    )
    store.send(WriteBatch(1, sample(second, ledger_row(request_id="two"), first), ()))
    rows = reader.request("one").rows
    assert [(r.row.row, r.tags, r.input_stored) for r in rows] == [
        *((0, ["a", "b"], True), (1, [], False))
    ]
    assert (rows[0].model.name, rows[0].model.labels) == ("tiny", ["a", "b", "c"])


def test_a_repeated_id_has_the_rows_of_all_its_requests(store: Store, reader: Reader) -> None:
    store.send(
        WriteBatch(
            1, sample(ledger_row(time_us=9), ledger_row(time_us=5), ledger_row(time_us=7)), ()
        )
    )
    assert [recorded.row.time for recorded in reader.request("one").rows] == [5, 7, 9]


def test_only_the_first_rows_of_an_id_are_returned_so_that_later_ones_cannot_displace_them(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    store.send(WriteBatch(1, sample(*(ledger_row(time_us=time) for time in (1, 3, 2))), ()))
    found = reader.request("one")
    assert [recorded.row.time for recorded in found.rows] == [1, 2]
    assert found.more
    monkeypatch.setattr(reading, "MAX_ROWS", 3)
    assert not reader.request("one").more


def test_an_unknown_id_is_an_error(reader: Reader) -> None:
    with pytest.raises(UnknownRequestError) as error:
        reader.request("x' OR '1'='1")
    assert str(error.value) == (
        "id: the ledger has no such request; it may be expired, omitted by sampling, or not "
        "written yet"
    )


def test_a_stored_input_is_that_of_the_first_request_and_is_read_unchanged(
    store: Store, reader: Reader
) -> None:
    first = ledger_row(content=floats(0.1, 2, np.nan, 4))
    later = ledger_row(time_us=2_000_000, content=floats(9, 9, 9, 9))
    store.send(WriteBatch(1, sample(later, first), ()))
    stored = reader.stored_input("one", 0)
    assert stored.rows.dtype == np.float32
    np.testing.assert_array_equal(stored.rows, np.array([[0.1, 2, np.nan, 4]], np.float32))
    assert stored.model.version == "1"
    assert reader.stored_input("one", 0, 2_000_000).rows.tolist() == [[9, 9, 9, 9]]
    with pytest.raises(UnknownRequestError, match="row: the ledger has no such row"):
        reader.stored_input("one", 0, 3_000_000)


def test_a_missing_input_is_an_error_that_names_the_setting(store: Store, reader: Reader) -> None:
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    with pytest.raises(UnknownRequestError) as error:
        reader.stored_input("one", 0)
    assert str(error.value) == (
        "input: not stored; set HIGHWAY_LEDGER_INPUTS=1 to store the inputs of later requests"
    )
    with pytest.raises(UnknownRequestError) as error:
        reader.stored_input("one", 1)
    assert str(error.value) == "row: the ledger has no such row of this request"


def test_a_page_has_the_gaps_of_the_same_time(store: Store, reader: Reader) -> None:
    gaps = [Gap(10, 20, 1, "a"), Gap(30, 40, 2, "b"), Gap(50, 60, 3, "c")]
    store.send(WriteBatch(1, None, tuple(gaps)))

    def reasons(**options: int) -> str:
        return "".join(gap.reason for gap in reader.page(PageFilters(**options)).gaps)

    assert reader.gaps() == gaps[::-1]
    assert reasons() == "cba"
    assert reasons(since=20) == "cba"
    assert reasons(since=21) == "cb"
    assert reasons(until=30) == "a"
    assert reasons(since=35, until=36) == "b"


def test_chunks_hold_all_matching_rows(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 3)
    rows = [ledger_row(time_us=time, tags=("even",) * (time % 2 == 0)) for time in range(20)]
    store.send(WriteBatch(1, sample(*rows), ()))
    chunks = list(reader.chunks(Filters(tag="even", sort="time")))
    assert [len(chunk) for chunk in chunks] == [3, 3, 3, 1]
    assert [recorded.row.time for chunk in chunks for recorded in chunk] == list(range(0, 20, 2))


def test_a_reader_cannot_write(database: DatabaseUrl, store: Store) -> None:
    engine = reading_engine(database)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_gaps"))
    engine.dispose()


def test_uncommitted_changes_are_not_read(
    database: DatabaseUrl, store: Store, reader: Reader
) -> None:
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    with writing_engine(database).connect() as connection:
        transaction = connection.begin()
        connection.execute(text("UPDATE ledger_requests SET id = 'two'"))
        assert len(reader.request("one").rows) == 1
        transaction.rollback()


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
    (record,) = [r for r in caplog.records if r.name == "service.ledger.reader"]
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
    monkeypatch.setattr(reading, "READ_SECONDS", 0.2)
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


def test_a_row_of_a_model_that_was_added_meanwhile_is_omitted(
    database: DatabaseUrl, store: Store, reader: Reader
) -> None:
    other = replace(ledger_row().model, version="2")
    store.send(WriteBatch(1, sample(ledger_row(), ledger_row(model=other)), ()))
    with writing_engine(database).begin() as connection:
        connection.execute(text("DELETE FROM ledger_models WHERE version = '2'"))
    assert [recorded.model.version for recorded in reader.request("one").rows] == ["1"]
