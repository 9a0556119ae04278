from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.errors import LedgerAwayError, UnknownRequestError
from service.ledger import reader as reading
from service.ledger.address import Address
from service.ledger.backlog import Shipment
from service.ledger.database import reading_engine, writing_engine
from service.ledger.entries import Gap
from service.ledger.filters import Filters
from service.ledger.reader import Reader
from service.ledger.store import Store
from tests.service.ledger.conftest import address_of, batch, entry, floats
from tests.service.ledger.proxy import proxy
from tests.service.ledger.test_writer import disconnect, through


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    store = Store(address)
    store.connection()
    yield store
    store.close()


@pytest.fixture
def reader(address: Address, store: Store) -> Iterator[Reader]:
    reader = Reader(address)
    yield reader
    reader.close()


def test_a_request_is_all_its_rows_in_order(store: Store, reader: Reader) -> None:
    first, second = entry(rows=2, tags=("b", "a"), content=floats(1)), entry(rows=2, row=1)
    store.send(Shipment(1, batch(second, entry(request_id="two"), first), ()))
    rows = reader.request("one")
    assert [(each.row.row, each.tags, each.has_input) for each in rows] == [
        *((0, ["a", "b"], True), (1, [], False))
    ]
    assert (rows[0].model.name, rows[0].model.labels) == ("tiny", ["a", "b", "c"])


def test_an_id_that_was_used_again_tells_all_of_it(store: Store, reader: Reader) -> None:
    store.send(Shipment(1, batch(entry(time_us=9), entry(time_us=5), entry(time_us=7)), ()))
    assert [each.row.time for each in reader.request("one")] == [5, 7, 9]


def test_of_an_id_that_is_used_too_often_the_newest_are_told(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 2)
    store.send(Shipment(1, batch(*(entry(time_us=time) for time in (1, 3, 2))), ()))
    assert [each.row.time for each in reader.request("one")] == [2, 3]


def test_an_unknown_id_is_refused(reader: Reader) -> None:
    with pytest.raises(UnknownRequestError) as error:
        reader.request("x' OR '1'='1")
    assert str(error.value) == (
        "id: expected one that is in the ledger, found another; it may be too old, left out by "
        "sampling, or not written yet"
    )


def test_a_stored_input_comes_back_as_it_was(store: Store, reader: Reader) -> None:
    old = entry(content=floats(9, 9, 9, 9))
    new = entry(time_us=2_000_000, content=floats(0.1, 2, np.nan, 4))
    store.send(Shipment(1, batch(new, old), ()))
    found = reader.stored_input("one", 0)
    assert found.rows.dtype == np.float32
    np.testing.assert_array_equal(found.rows, np.array([[0.1, 2, np.nan, 4]], np.float32))
    assert found.model.version == "1"


def test_an_input_that_was_not_stored_says_how_to_store_others(
    store: Store, reader: Reader
) -> None:
    store.send(Shipment(1, batch(entry()), ()))
    with pytest.raises(UnknownRequestError) as error:
        reader.stored_input("one", 0)
    assert str(error.value) == (
        "input: expected one that was stored, found none; HIGHWAY_LEDGER_INPUTS=1 stores those of "
        "later requests"
    )
    with pytest.raises(UnknownRequestError) as error:
        reader.stored_input("one", 1)
    assert str(error.value) == "row: expected one that is in the ledger, found another"


def test_gaps_of_the_time_asked_for_come_with_a_page(store: Store, reader: Reader) -> None:
    gaps = [Gap(10, 20, 1, "a"), Gap(30, 40, 2, "b"), Gap(50, 60, 3, "c")]
    store.send(Shipment(1, None, tuple(gaps)))

    def told(**options: int) -> str:
        return "".join(gap.reason for gap in reader.page(Filters(**options)).gaps)  # type: ignore[arg-type]

    assert reader.gaps(Filters()) == gaps[::-1]
    assert told() == "cba"
    assert told(since_us=20) == "cba"
    assert told(since_us=21) == "cb"
    assert told(until_us=30) == "a"
    assert told(since_us=35, until_us=36) == "b"


def test_chunks_are_all_rows_that_fit(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 3)
    entries = [entry(time_us=time, tags=("even",) * (time % 2 == 0)) for time in range(20)]
    store.send(Shipment(1, batch(*entries), ()))
    chunks = list(reader.chunks(Filters(tag="even", sort="time")))
    assert [len(chunk) for chunk in chunks] == [3, 3, 3, 1]
    assert [each.row.time for chunk in chunks for each in chunk] == list(range(0, 20, 2))


def test_a_reader_changes_nothing(address: Address, store: Store) -> None:
    engine = reading_engine(address)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_gaps"))
    engine.dispose()


def test_what_is_half_written_is_not_seen(address: Address, store: Store, reader: Reader) -> None:
    store.send(Shipment(1, batch(entry()), ()))
    with writing_engine(address).connect() as connection:
        transaction = connection.begin()
        connection.execute(text("UPDATE ledger_requests SET id = 'two'"))
        assert len(reader.request("one")) == 1
        transaction.rollback()


def test_a_ledger_that_nobody_has_made_yet_is_away(address: Address) -> None:
    reader = Reader(address)
    with pytest.raises(LedgerAwayError) as error:
        reader.page(Filters())
    assert str(error.value).startswith("ledger: expected its database, found: ")
    assert str(error.value).endswith("; answers go on without it")
    assert "SELECT" not in str(error.value)
    reader.close()


def test_tables_of_another_release_are_not_read(
    address: Address, store: Store, reader: Reader
) -> None:
    with writing_engine(address).begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '0'"))
    with pytest.raises(LedgerAwayError, match="tables: expected version"):
        reader.page(Filters())


def test_a_file_that_is_none_is_away(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no database at all, but a text that is long enough")
    with pytest.raises(LedgerAwayError, match="file is not a database"):
        Reader(address_of(f"sqlite:///{tmp_path}/ledger.db")).page(Filters())


def test_a_server_that_was_started_again_is_asked_again(postgresql_url: str) -> None:
    address = address_of(postgresql_url)
    store, reader = Store(address), Reader(address)
    store.send(Shipment(1, batch(entry()), ()))
    reader.page(Filters())
    store.close()
    disconnect(address)
    assert len(reader.page(Filters()).rows) == 1
    reader.close()


def test_a_line_that_swallows_everything_is_given_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_SECONDS", 0.2)
    monkeypatch.setattr("service.ledger.database.CONNECT_SECONDS", 2)
    store = Store(address_of(postgresql_url))
    store.connection()
    with proxy() as line:
        reader = Reader(through(postgresql_url, line.port))
        reader.page(Filters())
        line.hold()
        with pytest.raises(LedgerAwayError):
            reader.page(Filters())
        line.mend()
        assert reader.page(Filters()).rows == []
        reader.close()
    store.close()


def test_a_row_of_a_model_that_is_not_known_yet_is_left_out(
    address: Address, store: Store, reader: Reader
) -> None:
    other = replace(entry().model, version="2")
    store.send(Shipment(1, batch(entry(), entry(model=other)), ()))
    with writing_engine(address).begin() as connection:
        connection.execute(text("DELETE FROM ledger_models WHERE version = '2'"))
    assert [each.model.version for each in reader.request("one")] == ["1"]
