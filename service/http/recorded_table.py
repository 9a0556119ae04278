"""Recorded rows on their way as a Parquet file: few at a time, broken off in one sentence."""

import logging
from collections.abc import Iterator
from itertools import chain
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse
from starlette.types import Send

from service.errors import LedgerAwayError, QueueFullError

if TYPE_CHECKING:
    from service.ledger.reader import Recorded

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/vnd.apache.parquet"
MOST = 2  # at a time in one process: each has a thread and a group of rows in memory
RETRY_SECONDS = 10


class TableSender:
    """Sends at most `MOST` tables at a time; one more is a `QueueFullError`."""

    def __init__(self) -> None:
        self._places = BoundedSemaphore(MOST)

    def response(self, chunks: "Iterator[list[Recorded]]") -> StreamingResponse:
        """Return the table of all rows, begun: what goes wrong at first is still an error."""
        pieces = self._pieces(chunks)
        return _Table(chain([next(pieces)], pieces), media_type=MEDIA_TYPE)

    def _pieces(self, chunks: "Iterator[list[Recorded]]") -> Iterator[bytes]:
        from service.ledger.parquet import parquet  # loads Arrow

        if not self._places.acquire(blocking=False):
            raise QueueFullError(
                f"requests.parquet: expected at most {MOST} at a time, found as many on their way; "
                "come again later",
                retry_after=RETRY_SECONDS,
            )
        try:
            yield from parquet(chain([next(chunks)], chunks))
        finally:
            self._places.release()


class _Table(StreamingResponse):
    """A table that may break off: its client misses the last chunk."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except (LedgerAwayError, BrokenPipeError) as error:
            _log.warning("a table was broken off: %s", error)
