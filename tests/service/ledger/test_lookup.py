from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from service.database_url import DatabaseUrl
from service.errors import UnknownRequestError
from service.ledger.database import writing_engine
from service.ledger.fields import RowName
from service.ledger.lookup import has_id, select_row, unknown_row
from service.ledger.store import Store
from service.ledger.tables import requests
from service.ledger.write_buffer import WriteBatch
from tests.service.ledger.conftest import ledger_row, sample


@pytest.fixture
def connection(database: DatabaseUrl) -> Iterator[Connection]:
    """A connection to two requests with the same id, of which the second is older."""
    store = Store(database)
    rows = [ledger_row(time_us=9), ledger_row(time_us=5), ledger_row(time_us=7, row=1)]
    store.send(WriteBatch(1, sample(*rows), ()))
    store.close()
    with writing_engine(database).begin() as connection:
        yield connection


@pytest.mark.parametrize(
    ("name", "time"),
    [
        (RowName("one"), 5),
        (RowName("one", 0, 9), 9),
        (RowName("one", 1), 7),
        (RowName("one", 1, 9), None),
        (RowName("one", 2), None),
        (RowName("two"), None),
        (RowName("x' OR '1'='1"), None),
    ],
)
def test_a_name_means_the_first_row_of_an_id_an_index_and_perhaps_a_time(
    connection: Connection, name: RowName, time: int | None
) -> None:
    assert connection.scalar(select_row(name, requests.c.time)) == time


def test_the_error_of_an_unknown_row_says_whether_its_id_is_known(connection: Connection) -> None:
    known = unknown_row(connection, RowName("one", 5))
    assert str(known) == "row: the ledger has no such row of this request"
    unknown = unknown_row(connection, RowName("two"))
    assert str(unknown) == (
        "id: the ledger has no such request; it may be expired, omitted by sampling, or not "
        "written yet"
    )


def test_an_id_with_nul_is_unknown() -> None:
    with pytest.raises(UnknownRequestError, match="id: the ledger has no such request"):
        has_id("a\0b")
