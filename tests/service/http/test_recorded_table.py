import logging
from collections.abc import Iterator

import anyio
import pytest
from starlette.responses import StreamingResponse

from service.errors import LedgerAwayError, QueueFullError
from service.http.recorded_table import TableSender
from service.ledger.reader import Recorded


def rows() -> Iterator[list[Recorded]]:
    yield from ([] for _ in range(100))


def broken() -> Iterator[list[Recorded]]:
    yield []
    yield []
    raise LedgerAwayError("ledger: away")


async def sent(response: StreamingResponse) -> list[bytes]:
    """Return the pieces of the body, the last of which is empty where it was whole."""
    pieces: list[bytes] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        if message["type"] == "http.response.body":
            pieces.append(message["body"])

    await response.stream_response(send)
    return pieces


def test_two_tables_are_sent_at_a_time_and_a_third_has_to_come_again() -> None:
    tables = TableSender()
    first, second = tables.response(rows()), tables.response(rows())
    with pytest.raises(QueueFullError) as error:
        tables.response(rows())
    assert error.value.retry_after == 10
    assert str(error.value) == (
        "requests.parquet: expected at most 2 at a time, found as many on their way; come again "
        "later"
    )
    anyio.run(sent, first)
    tables.response(rows())
    del second


def test_a_table_that_nobody_fetches_gives_up_its_place() -> None:
    tables = TableSender()
    for _ in range(10):
        tables.response(rows())


def test_a_table_that_breaks_off_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pieces = anyio.run(sent, TableSender().response(broken()))
    assert pieces[-1] != b""  # the end is missing
    assert [record.getMessage() for record in caplog.records] == [
        "a table was broken off: ledger: away"
    ]
