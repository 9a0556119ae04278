"""Open loop: a client that sends at scheduled times; a late response delays no later request.

Latency counts from the scheduled time, so that it includes the wait for a stalled server. A closed
loop would only send fewer requests.
"""

import asyncio
import contextlib
import select
import selectors
from collections import deque
from dataclasses import dataclass, field

import httptools

from benchmarks.serving.arrivals import Offsets

# At most; without a free one a request waits in the driver, and its latency includes the wait.
CONNECTIONS = 512
READY_CONNECTIONS = 32  # opened in advance
WAIT_SECONDS = 2.0  # for the last responses


@dataclass(kw_only=True)
class Responses:
    """Latencies in seconds by status, without requests that got no response."""

    latencies: dict[int, list[float]] = field(default_factory=dict)
    lateness: list[float] = field(default_factory=list)  # seconds by which the driver was late
    seconds: float = 0.0  # until the last response, or the end of the wait


def send(port: int, request: bytes, offsets: Offsets) -> Responses:
    """Send `request`, an HTTP message, once at every offset in seconds from now."""
    driver = _Driver(port, request)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_FineSelector())) as runner:
        runner.run(driver.run(offsets))
    return driver.responses


class _FineSelector(selectors.EpollSelector):
    """Selector with a finer timeout: epoll rounds up to milliseconds, which a response takes."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and 0 < timeout < 0.002:
            select.select([self.fileno()], [], [], timeout)
            timeout = 0
        return super().select(timeout)


class _Driver:
    def __init__(self, port: int, request: bytes) -> None:
        self.responses = Responses()
        self._port = port
        self._request = request
        self._open: set[_Connection] = set()
        self._free: list[_Connection] = []
        self._waiting: deque[float] = deque()  # due times
        self._connecting: set[asyncio.Task[None]] = set()
        self._left = 0
        self._done = asyncio.Event()

    async def run(self, offsets: Offsets) -> None:
        """Send on schedule, then wait for the last responses."""
        await asyncio.gather(*(self._connect() for _ in range(READY_CONNECTIONS)))
        loop = asyncio.get_running_loop()
        self._left = len(offsets)
        began = loop.time()
        for due in (began + offsets).tolist():
            # Yield to the event loop even when late, so that responses are read.
            await asyncio.sleep(max(due - loop.time(), 0))
            self.responses.lateness.append(loop.time() - due)
            self._send(due)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), WAIT_SECONDS)
        self.responses.seconds = loop.time() - began
        self._waiting.clear()
        for connection in tuple(self._open):
            connection.transport.abort()

    def opened(self, connection: "_Connection") -> None:
        """Use a new connection."""
        self._open.add(connection)
        self.release(connection)

    def release(self, connection: "_Connection") -> None:
        """Send the request that waits longest on this connection, if any."""
        if self._waiting:
            connection.send(self._request, self._waiting.popleft())
        else:
            self._free.append(connection)

    def received(self, status: int, due: float) -> None:
        """Record a response."""
        latency = asyncio.get_running_loop().time() - due
        self.responses.latencies.setdefault(status, []).append(latency)
        self._settle()

    def closed(self, connection: "_Connection") -> None:
        """Drop a connection and the request that it carried."""
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if connection.due is not None:
            self._settle()
        if self._waiting:
            self._open_another()

    def _send(self, due: float) -> None:
        if self._free:
            self._free.pop().send(self._request, due)
            return
        self._waiting.append(due)
        if len(self._open) + len(self._connecting) < CONNECTIONS:
            self._open_another()

    def _settle(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._done.set()

    def _open_another(self) -> None:
        task = asyncio.ensure_future(self._connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)


class _Connection(asyncio.Protocol):
    """Connection with one request at a time; the parser calls `on_message_complete`."""

    transport: asyncio.Transport

    def __init__(self, driver: _Driver) -> None:
        self.due: float | None = None  # of the request under way
        self._driver = driver
        self._parser = httptools.HttpResponseParser(self)

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self.transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._driver.opened(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        due, self.due = self.due, None
        assert due is not None
        self._driver.received(self._parser.get_status_code(), due)
        if self._parser.should_keep_alive():
            self._driver.release(self)
        else:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._driver.closed(self)
