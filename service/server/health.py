"""Health checks on a port of their own, answered by the supervisor, which has no other load."""

import asyncio
import json
import re
import socket
from collections.abc import Callable
from contextlib import suppress

MAX_HEAD_BYTES = 8192
READ_SECONDS = 2.0
MAX_CONNECTIONS = 64

_REQUEST_LINE = re.compile(rb"(GET|HEAD) (/v2/health/(?:live|ready)) HTTP/1\.[01]\r\n")


class HealthPort:
    """A listener for `/v2/health/live` and `/v2/health/ready`, one request a connection."""

    def __init__(self, is_ready: Callable[[], bool]) -> None:
        self._is_ready = is_ready
        self._open: dict[asyncio.StreamWriter, None] = {}  # in the order in which they came
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Answer on this socket."""
        self._server = await asyncio.start_server(self._answer, sock=listener, limit=MAX_HEAD_BYTES)

    def close(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = None
        if len(self._open) > MAX_CONNECTIONS:
            next(iter(self._open)).transport.abort()
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_SECONDS)
            writer.write(self._response(head))
            await asyncio.wait_for(writer.drain(), READ_SECONDS)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, TimeoutError):
            pass  # not a health check
        finally:
            self._open.pop(writer, None)
            writer.close()
            with suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), READ_SECONDS)

    def _response(self, head: bytes) -> bytes:
        request = _REQUEST_LINE.match(head)
        if request is None:
            error = "path: expected GET /v2/health/live or GET /v2/health/ready, found another"
            return _response(404, "Not Found", {"error": error})
        ready = self._is_ready()
        ok = ready or request[2].endswith(b"live")
        status = (200, "OK") if ok else (503, "Service Unavailable")
        response = _response(*status, {"live": True, "ready": ready})
        return (
            response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request[1] == b"HEAD" else response
        )


def _response(status: int, phrase: str, body: dict[str, object]) -> bytes:
    content = json.dumps(body).encode()
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%b"
        % (status, phrase.encode(), len(content), content)
    )
