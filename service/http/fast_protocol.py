"""uvicorn's HTTP protocol with a short way to the doors: half the time of a request is saved.

A POST to a door's exact path over HTTP/1.1 goes from the parser to the queue and back without a
scope, a task or an event; everything else takes uvicorn's way through the application, where the
same doors stand.
"""

import asyncio
import http
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.errors import BodyTooLargeError, RequestError
from service.http.bodies import check_length, too_large
from service.http.doors import Door, Headers
from service.http.exchange import Exchange, Exchanges
from service.http.replies import Reply, error_reply
from service.http.routes import Routes

LINGER_SECONDS = 2.0  # for a client to read its reply while it still sends
FAST_LANE = "fast_lane"  # its key in the application's lifespan state

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}


class FastLane:
    """What the protocol needs of the application."""

    def __init__(self, exchanges: Exchanges, routes: Routes, *, max_body_bytes: int) -> None:
        self.exchanges = exchanges
        self.routes = routes
        self.max_body_bytes = max_body_bytes


class FastProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.lane: FastLane = app_state[FAST_LANE]

    def on_headers_complete(self) -> None:
        """Take the short way if the request can go it."""
        target = self.lane.routes.exact.get(self.url)
        if (
            target is None
            or self.expect_100_continue
            or (self.cycle is not None and not self.cycle.response_complete)  # pipelined
            or self.flow.write_paused  # who does not read his answers has to wait for more
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or self.parser.should_upgrade()
        ):
            super().on_headers_complete()
            return
        door = self.lane.routes.door(target)
        self.cycle = FastCycle(self, door, dict(self.headers))  # type: ignore[assignment]
        self.cycle.check()  # type: ignore[attr-defined]

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if isinstance(self.cycle, FastCycle):
            self.cycle.add(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Ask."""
        if isinstance(self.cycle, FastCycle):
            self.cycle.ask()
        else:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the shape of every error."""
        reply = error_reply(400, "request: expected HTTP/1.1, found something else")
        self.transport.write(written(reply, self.server_state.default_headers, close=True))
        self.transport.close()


class FastCycle:
    """A request on the short way; to uvicorn it looks like its own `RequestResponseCycle`."""

    __slots__ = (
        *("disconnected", "keep_alive", "response_complete", "message_event"),
        *("_protocol", "_door", "_headers", "_chunks", "_size", "_wrong", "_exchange"),
        "_broken_off",
    )

    def __init__(self, protocol: FastProtocol, door: Door, headers: Headers) -> None:
        self.keep_alive = protocol.parser.should_keep_alive()
        self.response_complete = False
        self.message_event = self  # uvicorn sets it when the client leaves
        self._protocol = protocol
        self._door = door
        self._headers = headers
        self._chunks: list[bytes] = []
        self._size = 0
        self._wrong: RequestError | None = None  # told once the body has passed
        self._exchange: Exchange | None = None
        self._broken_off = False

    def set(self) -> None:
        """Give up: the client has left."""
        if self._exchange is not None and not self.response_complete:
            self.response_complete = True
            self._exchange.leave()

    def check(self) -> None:
        """Look at the headers."""
        try:
            self._door.check(self._headers)
            check_length(self._headers, self._protocol.lane.max_body_bytes)
        except BodyTooLargeError as error:
            self._break_off(error)
        except RequestError as error:
            self._wrong = error

    def add(self, chunk: bytes) -> None:
        """Keep a part of the body, up to the limit."""
        if self.response_complete:
            return
        self._size += len(chunk)
        limit = self._protocol.lane.max_body_bytes
        if self._size > limit:
            self._break_off(too_large(limit))
        elif self._wrong is None:
            self._chunks.append(chunk)

    def ask(self) -> None:
        """Put the question: the body is there."""
        exchanges = self._protocol.lane.exchanges
        if self.response_complete:
            self._protocol.transport.close()
        elif self._wrong is not None:
            exchanges.refuse(self._door, self._headers, self._wrong, self._respond)
        else:
            chunks = self._chunks
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self._exchange = exchanges.begin(self._door, self._headers, body, self._respond)

    def _break_off(self, error: RequestError) -> None:
        """Reply before the body has passed; what comes of it is dropped until the client stops.

        Closing at once would reset the connection, and the reply with it.
        """
        self.keep_alive = False
        self._broken_off = True
        self._chunks.clear()
        protocol = self._protocol
        protocol.lane.exchanges.refuse(self._door, self._headers, error, self._respond)
        protocol.loop.call_later(LINGER_SECONDS, protocol.transport.close)

    def _respond(self, reply: Reply) -> None:
        protocol = self._protocol
        transport = protocol.transport
        if self.response_complete or transport.is_closing():
            return
        self.response_complete = True
        defaults = protocol.server_state.default_headers
        transport.write(written(reply, defaults, close=not self.keep_alive))
        if self.keep_alive:
            protocol.on_response_complete()
        elif not self._broken_off:
            transport.close()


def written(reply: Reply, more: list[tuple[bytes, bytes]], *, close: bool) -> bytes:
    """Write a reply as HTTP/1.1, with `more` headers."""
    lines = [_STATUS_LINES[reply.status]]
    lines += [b"%b: %b\r\n" % header for header in (*more, *reply.headers)]
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"content-length: %d\r\n\r\n" % len(reply.body))
    lines.append(reply.body)
    return b"".join(lines)
