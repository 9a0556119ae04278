"""A request on the short way, from its headers to the bytes of its reply."""

import http
from typing import TYPE_CHECKING

from service.errors import BodyTooLargeError, RequestError
from service.http.bodies import check_length, too_large
from service.http.doors import Door, Headers
from service.http.exchange import Exchange
from service.http.replies import Reply

if TYPE_CHECKING:
    from service.http.fast_protocol import FastProtocol

LINGER_SECONDS = 2.0  # for a client to read its reply while it still sends

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}


class FastCycle:
    """To uvicorn it looks like its own `RequestResponseCycle`."""

    __slots__ = (
        *("disconnected", "keep_alive", "response_complete"),
        *("_protocol", "_limit", "_chunks", "_size", "_wrong", "_broken_off", "asked"),
        "_exchange",
    )

    def __init__(self, protocol: "FastProtocol", door: Door, headers: Headers) -> None:
        """Look at the headers; what is wrong with them is told once the body has passed."""
        lane = protocol.lane
        self.keep_alive = protocol.parser.should_keep_alive()
        self.response_complete = False
        self._protocol = protocol
        self._limit = lane.max_body_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self._wrong: RequestError | None = None
        self._broken_off = False
        self.asked = False
        self._exchange = Exchange(lane.reception, door, headers, self._respond)
        try:
            door.check(headers)
            check_length(headers, self._limit)
        except BodyTooLargeError as error:
            self._break_off(error)
        except RequestError as error:
            self._wrong = error.with_traceback(None)  # which would hold this cycle

    @property
    def message_event(self) -> "FastCycle":
        """What uvicorn sets when the client leaves."""
        return self

    def set(self) -> None:
        """Give up: the client has left."""
        if self.asked and not self.response_complete:
            self.response_complete = True
            self._exchange.leave()

    def add(self, chunk: bytes) -> None:
        """Keep a part of the body, up to the limit."""
        if self.response_complete:
            return
        self._size += len(chunk)
        if self._size > self._limit:
            self._break_off(too_large(self._limit))
        elif self._wrong is None:
            self._chunks.append(chunk)

    def ask(self) -> None:
        """Put the question: the body is there."""
        if self.response_complete:
            self._protocol.transport.close()
        elif self._wrong is not None:
            self._exchange.fail(self._wrong)
        else:
            self.asked = True
            chunks, self._chunks = self._chunks, []
            self._exchange.ask(chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def _break_off(self, error: RequestError) -> None:
        """Reply before the body has passed; what comes of it is dropped until the client stops.

        Closing at once would reset the connection, and the reply with it.
        """
        self.keep_alive = False
        self._broken_off = True
        self._chunks.clear()
        self._exchange.fail(error)
        self._protocol.loop.call_later(LINGER_SECONDS, self._protocol.transport.close)

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
    status, headers, body = reply
    lines = [_STATUS_LINES[status]]
    for name, value in more:
        lines += (name, b": ", value, b"\r\n")
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines += (b"content-length: %d\r\n\r\n" % len(body), body)
    return b"".join(lines)
