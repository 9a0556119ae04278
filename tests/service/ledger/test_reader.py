from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.database_url import DatabaseUrl
from service.errors import UnknownRequestError
from service.ledger import reader as reading
from service.ledger.database import reading_engine, writing_engine
from service.ledger.fields import RowName
from service.ledger.filters import Filters, PageFilters
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.write_buffer import Gap, WriteBatch
from tests.service.ledger.conftest import floats, ledger_row, sample


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
    stored = reader.stored_input(RowName("one", 0))
    assert stored.rows.dtype == np.float32
    np.testing.assert_array_equal(stored.rows, np.array([[0.1, 2, np.nan, 4]], np.float32))
    assert stored.model.version == "1"
    assert reader.stored_input(RowName("one", 0, 2_000_000)).rows.tolist() == [[9, 9, 9, 9]]
    with pytest.raises(UnknownRequestError, match="row: the ledger has no such row"):
        reader.stored_input(RowName("one", 0, 3_000_000))


def test_a_missing_input_is_an_error_that_names_the_setting(store: Store, reader: Reader) -> None:
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    with pytest.raises(UnknownRequestError) as error:
        reader.stored_input(RowName("one", 0))
    assert str(error.value) == (
        "input: not stored, or deleted by now; HIGHWAY_LEDGER_INPUTS=all stores those of all later "
        "rows, not only of atypical ones"
    )
    with pytest.raises(UnknownRequestError) as error:
        reader.stored_input(RowName("one", 1))
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


def test_a_row_of_a_model_that_was_added_meanwhile_is_omitted(
    database: DatabaseUrl, store: Store, reader: Reader
) -> None:
    other = replace(ledger_row().model, version="2")
    store.send(WriteBatch(1, sample(ledger_row(), ledger_row(model=other)), ()))
    with writing_engine(database).begin() as connection:
        connection.execute(text("DELETE FROM ledger_models WHERE version = '2'"))
    assert [recorded.model.version for recorded in reader.request("one").rows] == ["1"]
