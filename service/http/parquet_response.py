"""Recorded rows as a Parquet file: a response that ends, and frees its place, with its client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import chain
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.errors import LedgerUnavailableError, QueueFullError
from service.ledger.fields import RecordedRow

if TYPE_CHECKING:
    from service.ledger.parquet import ParquetWriter

PARQUET = "application/vnd.apache.parquet"
MAX_PARQUET_RESPONSES = 2  # at a time in a process: each has a thread and a row group in memory
PARQUET_RETRY_SECONDS = 10

_log = logging.getLogger(__name__)


class ParquetSender:
    """Sends at most `MAX_PARQUET_RESPONSES` files at a time; one more is a `QueueFullError`."""

    def __init__(self) -> None:
        self.places = BoundedSemaphore(MAX_PARQUET_RESPONSES)

    def response(self, rows: Iterator[list[RecordedRow]]) -> "ParquetResponse":
        """Return a file of all rows."""
        return ParquetResponse(rows, self.places)


class ParquetResponse(Response):
    """A file that is written while it is sent.

    An error of the first rows still gets a status. After a later one the response ends without its
    last chunk, which clients detect.
    """

    media_type = PARQUET

    def __init__(self, rows: Iterator[list[RecordedRow]], places: BoundedSemaphore) -> None:
        super().__init__()
        self._rows = rows
        self._places = places
        self._changed = asyncio.Event()
        self._gone = False

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Write and send the file until it is complete or its client disconnects."""
        from service.ledger.parquet import ParquetWriter  # loads Arrow

        if not self._places.acquire(blocking=False):
            raise QueueFullError(
                f"requests.parquet: {MAX_PARQUET_RESPONSES} files are being sent already; try "
                "again later",
                retry_after=PARQUET_RETRY_SECONDS,
            )
        loop = asyncio.get_running_loop()

        def on_change() -> None:
            with suppress(RuntimeError):  # the loop is closed: the server has ended
                loop.call_soon_threadsafe(self._changed.set)

        try:  # before the file begins: an error now gets a status
            first: list[RecordedRow] = await run_in_threadpool(next, self._rows, [])
            # The thread gives the place back: until its end it holds the memory of a file.
            writer = ParquetWriter(chain([first], self._rows), on_change, self._places.release)
            writer.start()
        except BaseException:
            self._places.release()
            raise
        watch = asyncio.ensure_future(self._notice_disconnect(receive))
        try:
            await self._send(writer, send)
        finally:
            watch.cancel()
            writer.close()

    async def _notice_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._changed.set()

    async def _send(self, writer: "ParquetWriter", send: Send) -> None:
        headers = [(b"content-type", PARQUET.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            async for chunk in self._chunks(writer):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except LedgerUnavailableError as error:
            _log.warning("requests.parquet: response aborted: %s", error)
            return
        if writer.complete:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self, writer: "ParquetWriter") -> AsyncIterator[bytes]:
        while not (self._gone or writer.complete):
            self._changed.clear()
            chunk = writer.take()
            if chunk is not None:
                yield chunk
            elif not writer.complete:
                await self._changed.wait()
