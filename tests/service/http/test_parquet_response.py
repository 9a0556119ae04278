import logging
from collections.abc import Iterator

import anyio
import pytest
from starlette.responses import StreamingResponse

from service.errors import LedgerUnavailableError, QueueFullError
from service.http.ledger_routes import ParquetSender
from service.ledger.fields import RecordedRow


def rows() -> Iterator[list[RecordedRow]]:
    yield from ([] for _ in range(100))


def failing() -> Iterator[list[RecordedRow]]:
    yield []
    yield []
    raise LedgerUnavailableError("the database is unavailable")


async def sent(response: StreamingResponse) -> list[bytes]:
    """Return the chunks of the body; the last one is empty if the body is complete."""
    chunks: list[bytes] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        if message["type"] == "http.response.body":
            chunks.append(message["body"])

    await response.stream_response(send)
    return chunks


def test_at_most_two_files_are_sent_at_a_time() -> None:
    sender = ParquetSender()
    first, second = sender.response(rows()), sender.response(rows())
    with pytest.raises(QueueFullError) as error:
        sender.response(rows())
    assert error.value.retry_after == 10
    assert str(error.value) == ("requests.parquet: 2 files are being sent already; try again later")
    anyio.run(sent, first)
    sender.response(rows())
    del second


def test_a_response_that_is_never_sent_releases_its_slot() -> None:
    sender = ParquetSender()
    for _ in range(10):
        sender.response(rows())


def test_an_aborted_response_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        chunks = anyio.run(sent, ParquetSender().response(failing()))
    assert chunks[-1] != b""  # incomplete
    assert [event.getMessage() for event in caplog.records] == [
        "requests.parquet: response aborted: the database is unavailable"
    ]
