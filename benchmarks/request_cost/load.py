"""A closed loop of connections in memory, and the processor time of its requests."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from time import perf_counter, process_time

from benchmarks.request_cost.server import Server
from benchmarks.request_cost.transport import MemoryTransport
from benchmarks.serving.bodies import Body, instances, random_rows, v2_binary, v2_json
from benchmarks.serving.errors import BenchmarkError
from service.arrays import FloatArray
from service.http.flow import SOCKET_BUFFER_BYTES

SUCCESS = b"HTTP/1.1 200 "
PATIENCE_SECONDS = 30  # beyond the planned time; a response that takes longer does not come

FORMS: dict[str, Callable[[str, FloatArray, tuple[str, ...]], Body]] = {
    "V2 JSON": v2_json,
    "V2 binary": v2_binary,
    "/predict": lambda _, rows, __: instances("/predict", rows),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The requests of a load: all connections send the same, at the same time."""

    form: str
    rows: int
    connections: int

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        connections = f"{self.connections} connection{'s' * (self.connections > 1)}"
        return f"{self.form}, {rows}, {connections}"

    def body(self, server: Server, outputs: tuple[str, ...] = ()) -> Body:
        """Return the request to this server's model, by default for the default outputs."""
        metadata = server.model.metadata
        rows = random_rows(self.rows, metadata.input.size)
        return FORMS[self.form](metadata.name, rows, outputs)


class Load:
    """Open connections to a server, each with one request at a time."""

    def __init__(self, server: Server, body: Body, connections: int) -> None:
        request = body.http(8000)
        size = SOCKET_BUFFER_BYTES  # of which uvloop receives at most as much at once
        self._parts = [request[start : start + size] for start in range(0, len(request), size)]
        self._missing = 0  # responses
        self._all_responded: asyncio.Future[None]
        self._server = server
        self._transports = [
            MemoryTransport(server.connection(), self._responded) for _ in range(connections)
        ]

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._transports)

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports:
            transport.close()

    async def round(self) -> None:
        """Send a request on each connection in one iteration of the loop; wait for all responses.

        Raise `BenchmarkError` if a response is not a success.
        """
        self._missing = len(self._transports)
        self._all_responded = asyncio.get_running_loop().create_future()
        for transport in self._transports:
            transport.deliver(self._parts)
        await self._all_responded

    async def run(self, seconds: float) -> int:
        """Send requests for so long; return their number."""
        rounds = 0
        try:
            async with asyncio.timeout(seconds + PATIENCE_SECONDS):
                end = perf_counter() + seconds
                while not rounds or perf_counter() < end:
                    await self.round()
                    rounds += 1
        except TimeoutError as error:
            raise BenchmarkError(f"request: no response in {PATIENCE_SECONDS} s") from error
        return rounds * self.connections

    def flush(self) -> None:
        """Let the server count the requests that it has not counted yet."""
        self._server.model.statistics.flush()

    async def microseconds(
        self, seconds: float, *, postponed: bool = True, idle_seconds: float = 0
    ) -> float:
        """Return the processor time of a request, all threads together.

        It includes what the server has `postponed`, counting the requests; and what it does in an
        idle time after them.
        """
        began = process_time()
        requests = await self.run(seconds)
        if postponed:
            self.flush()
        if idle_seconds:
            await asyncio.sleep(idle_seconds)
        return (process_time() - began) * 1e6 / requests

    def _responded(self, response: bytes) -> None:
        self._missing -= 1
        if not response.startswith(SUCCESS) and not self._all_responded.done():
            found = response.split(b"\r\n")[0].decode()
            error = BenchmarkError(f"response: expected the status 200, found {found!r}")
            self._all_responded.set_exception(error)
        elif not self._missing and not self._all_responded.done():
            self._all_responded.set_result(None)


def load(server: Server, cell: Cell, body: Body | None = None) -> AbstractContextManager[Load]:
    """Return an open load, by default with the cell's own request."""
    return closing(Load(server, body or cell.body(server), cell.connections))
