from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy import Connection, delete, func, select

from service.database_url import DatabaseUrl
from service.ledger import stored_inputs
from service.ledger.database import writing_engine
from service.ledger.store import Store
from service.ledger.stored_inputs import (
    delete_inputs,
    delete_inputs_before,
    delete_inputs_beyond,
    input_bytes,
)
from service.ledger.tables import inputs, requests
from service.ledger.write_buffer import WriteBatch
from tests.service.ledger.conftest import floats, ledger_row, sample

T = TypeVar("T")


@pytest.fixture
def filled(database: DatabaseUrl) -> DatabaseUrl:
    """A ledger of four rows; the second has no input, and the third is the oldest."""
    times = (30, 10, 5, 20)
    rows = [ledger_row(time_us=time, content=floats(time, 1, 2)) for time in times]
    rows[1] = rows[1]._replace(content=None)
    store = Store(database)
    store.send(WriteBatch(1, sample(*rows), ()))
    store.close()
    return database


def run(database: DatabaseUrl, work: Callable[[Connection], T]) -> T:
    with writing_engine(database).begin() as connection:
        return work(connection)


def stored(connection: Connection) -> list[int]:
    """Return the numbers of the rows with an input; the size of all inputs must be exact."""
    actual = connection.scalar(select(func.sum(func.length(inputs.c.content)))) or 0
    assert input_bytes(connection) == actual
    return list(connection.scalars(select(inputs.c.sequence).order_by(inputs.c.sequence)))


def sizes(connection: Connection) -> dict[int, int]:
    chosen = select(inputs.c.sequence, func.length(inputs.c.content))
    return {number: size for number, size in connection.execute(chosen)}


def test_the_size_of_all_inputs_is_known(filled: DatabaseUrl) -> None:
    assert run(filled, stored) == [1, 3, 4]
    assert run(filled, input_bytes) == sum(run(filled, sizes).values()) > 0


def test_deleted_inputs_are_subtracted_once(filled: DatabaseUrl) -> None:
    expected = run(filled, sizes)[1]
    assert run(filled, lambda connection: delete_inputs(connection, [1, 2, 99])) == expected
    assert run(filled, lambda connection: delete_inputs(connection, [1, 2, 99])) == 0
    assert run(filled, stored) == [3, 4]


def test_inputs_before_a_time_are_deleted_in_chunks(
    filled: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run(filled, lambda connection: delete_inputs_before(connection, 20))
    assert run(filled, stored) == [1, 4]
    monkeypatch.setattr(stored_inputs, "CHUNK_ROWS", 1)
    monkeypatch.setattr(stored_inputs, "_oldest", stored_inputs._oldest.limit(1))
    assert run(filled, lambda connection: delete_inputs_before(connection, 40))
    assert run(filled, stored) == [1]


def test_beyond_their_size_the_oldest_inputs_are_deleted(filled: DatabaseUrl) -> None:
    size = run(filled, input_bytes)
    of_row = run(filled, sizes)
    for max_bytes, left in ((size, [1, 3, 4]), (size - 1, [1, 4]), (of_row[1], [1]), (0, [])):
        assert not run(filled, partial(delete_inputs_beyond, max_bytes=max_bytes))
        assert run(filled, stored) == left
    assert run(filled, lambda c: c.scalar(select(func.count()).select_from(requests))) == 4


def test_one_transaction_deletes_a_limited_number_of_inputs(
    filled: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_inputs, "_oldest", stored_inputs._oldest.limit(1))
    monkeypatch.setattr(stored_inputs, "MAX_ROWS", 2)
    assert run(filled, lambda connection: delete_inputs_beyond(connection, 0))
    assert run(filled, stored) == [1]


def test_a_size_that_is_wrong_because_of_other_deletions_is_corrected(filled: DatabaseUrl) -> None:
    run(filled, lambda connection: connection.execute(delete(inputs)))
    assert run(filled, input_bytes) > 0
    assert not run(filled, lambda connection: delete_inputs_beyond(connection, 1))
    assert run(filled, stored) == []
