import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.classifier import Classifier
from service.errors import LedgerUnavailableError, QueueFullError
from service.http.parquet_response import ParquetResponse, ParquetSender
from service.ledger import parquet
from service.ledger.fields import RecordedRow
from service.ledger.filters import Filters, PageFilters
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.write_buffer import WriteBatch
from tests.service.conftest import Recipe, application
from tests.service.http.transport import Connection, listening, request, running, until
from tests.service.ledger.conftest import database_of, ledger_row, sample


def rows(count: int = 100) -> Iterator[list[RecordedRow]]:
    yield from ([] for _ in range(count))


def failing(good: int = 2) -> Iterator[list[RecordedRow]]:
    yield from rows(good)
    raise LedgerUnavailableError("the database is unavailable")


async def sent(response: ParquetResponse, *, disconnects: bool = False) -> list[Message]:
    """Return the messages that a response sends to a client, which may disconnect at once."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        if not disconnects:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    await response({"type": "http"}, receive, send)
    return messages


def writers() -> int:
    return sum(thread.name == "parquet" for thread in threading.enumerate())


def test_a_file_is_sent_in_chunks_and_ended() -> None:
    start, *chunks, last = anyio.run(sent, ParquetSender().response(rows()))
    assert start["headers"] == [(b"content-type", b"application/vnd.apache.parquet")]
    content = b"".join(chunk["body"] for chunk in chunks)
    assert (content[:4], content[-4:]) == (b"PAR1", b"PAR1")
    assert last == {"type": "http.response.body", "body": b"", "more_body": False}


def test_at_most_two_files_are_sent_at_a_time() -> None:
    sender = ParquetSender()

    async def three() -> list[object]:
        responses = [sent(sender.response(rows())) for _ in range(3)]
        return await asyncio.gather(*responses, return_exceptions=True)

    *_, error = anyio.run(three)
    assert isinstance(error, QueueFullError)
    assert error.retry_after == 10
    assert str(error) == "requests.parquet: 2 files are being sent already; try again later"
    assert anyio.run(sent, sender.response(rows()))[-1]["more_body"] is False


def test_a_response_that_is_never_sent_takes_no_place() -> None:
    sender = ParquetSender()
    for _ in range(10):
        sender.response(rows())
    assert anyio.run(sent, sender.response(rows()))


def test_a_client_that_disconnects_frees_its_place_and_ends_the_thread() -> None:
    sender = ParquetSender()
    stop = threading.Event()

    def endless() -> Iterator[list[RecordedRow]]:
        while not stop.wait(0.001):
            yield []

    async def disconnect() -> None:
        await sent(sender.response(endless()), disconnects=True)

    for _ in range(5):
        anyio.run(disconnect)
        until(lambda: writers() == 0)
    assert not stop.is_set()


def test_an_error_of_the_first_rows_is_raised_before_the_response_starts() -> None:
    with pytest.raises(LedgerUnavailableError, match=r"^the database is unavailable$"):
        anyio.run(sent, ParquetSender().response(failing(0)))


def test_an_aborted_response_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        messages = anyio.run(sent, ParquetSender().response(failing()))
    assert messages[-1]["more_body"] is True  # incomplete
    assert [event.getMessage() for event in caplog.records] == [
        "requests.parquet: response aborted: the database is unavailable"
    ]


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """An application whose ledger has rows without end, each with a random tag."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    store = Store(database_of(url))
    store.send(WriteBatch(1, sample(ledger_row(), seen=1), ()))
    store.close()
    page = Reader.page

    def chunks(reader: Reader, _filters: Filters, _served: object) -> Iterator[list[RecordedRow]]:
        (recorded,) = page(reader, PageFilters()).rows
        while True:
            yield [recorded._replace(tags=[secrets.token_hex(500)]) for _ in range(64)]

    monkeypatch.setattr(parquet, "GROUP_ROWS", 64)
    monkeypatch.setattr(Reader, "chunks", chunks)
    return application(Classifier(Recipe().build()), ledger_url=url, send_seconds=0.5)


EXPORT = request("GET", "/requests.parquet", b"", {})


def stalled(port: int) -> Connection:
    """Request the file, and read only its start."""
    connection = Connection(port)
    assert connection.send(EXPORT).receive().status == 200
    return connection


def test_readers_that_stall_are_disconnected_and_free_their_places(endless: FastAPI) -> None:
    with listening(endless) as port, stalled(port), stalled(port):
        with Connection(port) as third:
            assert third.send(EXPORT).receive().status == 429
        until(lambda: writers() == 0)
        with stalled(port):
            assert writers() == 1
        until(lambda: writers() == 0)


def test_a_stopping_server_does_not_wait_for_stalled_readers(
    endless: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with running(endless, drain_seconds=20) as (server, port), stalled(port), stalled(port):
        began = time.monotonic()
        server.should_exit = True
        until(lambda: not server.server_state.connections and writers() == 0)
    assert time.monotonic() - began < 4
    assert [event for event in caplog.records if event.levelname == "ERROR"] == []
