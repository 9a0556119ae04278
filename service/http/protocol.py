"""uvicorn's HTTP protocol with a direct path to the inference endpoints; it halves request time.

A POST to the exact path of an endpoint over HTTP/1.1 goes from the parser to the queue and back
without an ASGI scope, task or event. Every other request goes through uvicorn's own code and the
application, which serves the same endpoints. Both have limits that uvicorn's protocol lacks: on
the length of the head, on the time a request may take to arrive, and on the body.

The classes depend on uvicorn's internals; `tests/service/http/test_protocol.py` fails if those
change.
"""

import asyncio
import http
from typing import Any, NamedTuple

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.errors import BodyTooLargeError, RequestError
from service.http.body_limit import BodyLimit
from service.http.endpoints import Endpoint, Header, Headers
from service.http.error_responses import RawResponse, error_response
from service.http.inference_routes import Routes
from service.http.request_handler import RequestHandler
from service.http.request_policy import RequestPolicy

PROTOCOL_CONTEXT = "protocol_context"  # the key of the context in the lifespan's state
MAX_HEAD_BYTES = 65_536  # of a request line with its headers, or of trailers
LINGER_SECONDS = 2.0  # time for a client to read an early error while it still sends its body

_NOT_HTTP = "request: malformed; expected HTTP/1.1"
_UPGRADE_HEADERS = (b"upgrade", b"http2-settings")

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}


class ProtocolContext(NamedTuple):
    """The application's objects that the protocol uses; passed in the lifespan's state."""

    policy: RequestPolicy
    routes: Routes
    max_body_bytes: int
    request_read_seconds: float


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.context: ProtocolContext = app_state[PROTOCOL_CONTEXT]
        self._head_bytes = 0  # received since the last complete head or part of a body
        self._head_complete = False
        self._idle_since: float | None = None
        self._request_began: float | None = None  # None unless a request is arriving

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the connection."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._schedule_check(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer of the connection."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; reject malformed HTTP and a head that is too long."""
        self._head_bytes += len(data)
        rest: bytes | memoryview = data
        try:
            while True:
                try:
                    self.parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    if self.parser.get_method() == b"CONNECT":  # a request to act as a proxy
                        self._reject(400, _NOT_HTTP)
                        return
                    self._decline_upgrade()
                    rest = memoryview(rest)[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._reject(400, _NOT_HTTP)
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._reject(431, f"headers: expected at most {MAX_HEAD_BYTES} bytes, found more")

    def _decline_upgrade(self) -> None:
        """Parse the head again without its upgrade headers (Java's client offers HTTP/2).

        Otherwise the parser treats a request that offers an upgrade as one without a body.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(
                    token for token in tokens if token.lower() not in _UPGRADE_HEADERS
                )
            if name not in _UPGRADE_HEADERS:
                lines.append(b"%b: %b" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def on_message_begin(self) -> None:
        """Start a request without an ASGI scope: the direct path needs none."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._head_complete = False
        self._idle_since = None
        self._request_began = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header without trailing whitespace; ignore trailers."""
        if not self._head_complete:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Choose the direct path or the application."""
        self._head_bytes = 0
        if self.parser.should_upgrade():
            return  # `_decline_upgrade` parses this head again
        self._head_complete = True
        endpoint = self.context.routes.exact.get(self.url)
        if (
            endpoint is None
            or self.expect_100_continue
            or (self.cycle is not None and not self.cycle.response_complete)  # pipelined
            or self.flow.write_paused  # the client is not reading: apply backpressure
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
        ):
            self._make_scope()
            super().on_headers_complete()
            return
        self.cycle = InferenceCycle(self, endpoint, dict(self.headers))  # type: ignore[assignment]

    def _make_scope(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers

    def on_body(self, body: bytes) -> None:
        """Store a part of the body."""
        self._head_bytes = 0
        if isinstance(self.cycle, InferenceCycle):
            self.cycle.add_body(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Process the request: all of it has arrived."""
        if self.parser.should_upgrade():
            return
        self._head_bytes = 0
        self._request_began = None
        if isinstance(self.cycle, InferenceCycle):
            self.cycle.complete_request()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._idle_since = self.loop.time()

    def _schedule_check(self, seconds: float) -> None:
        # One timer serves the whole connection; uvicorn sets one for each response.
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._check_timeouts)

    def _check_timeouts(self) -> None:
        """Close a connection that is idle, or whose request takes too long to arrive."""
        now, read_seconds = self.loop.time(), self.context.request_read_seconds
        if self.transport.is_closing():
            return
        if self._request_began is not None and now - self._request_began >= read_seconds:
            self._reject(408, f"request: incomplete after {read_seconds:g} s")
        elif self._idle_since is not None and now - self._idle_since >= self.timeout_keep_alive:
            self.transport.close()
        else:
            self._schedule_check(min(self.timeout_keep_alive, read_seconds))

    def _unset_keepalive_if_required(self) -> None:
        """Keep the timer of the connection; uvicorn would cancel it with each response."""

    def _reject(self, status: int, message: str) -> None:
        """Reject malformed bytes; a complete request before them gets its response first."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and _request_complete(cycle):
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        response = error_response(status, message)
        self.transport.write(
            encode_response(response, self.server_state.default_headers, close=True)
        )
        self.transport.close()


class InferenceCycle:
    """One request on the direct path; uvicorn uses it like its own `RequestResponseCycle`."""

    __slots__ = (
        *("disconnected", "keep_alive", "response_complete", "request_complete"),
        *("_protocol", "_limit", "_chunks", "_error", "_lingering", "_handler"),
    )

    def __init__(self, protocol: HttpProtocol, endpoint: Endpoint, headers: Headers) -> None:
        """Check the headers; an error other than 413 is sent once the body has arrived."""
        context = protocol.context
        self.keep_alive = protocol.parser.should_keep_alive()
        self.response_complete = False
        self.request_complete = False
        self._protocol = protocol
        self._limit = BodyLimit(context.max_body_bytes)
        self._chunks: list[bytes] = []
        self._error: RequestError | None = None
        self._lingering = False
        self._handler = RequestHandler(context.policy, endpoint, headers, self._respond)
        try:
            endpoint.check(headers)
            self._limit.check_announced(headers)
        except BodyTooLargeError as error:
            self._fail_early(error)
        except RequestError as error:
            self._error = error.with_traceback(None)  # which would reference this cycle

    @property
    def message_event(self) -> "InferenceCycle":
        """The event that uvicorn sets when the client disconnects."""
        return self

    def set(self) -> None:
        """Cancel the request: the client has disconnected."""
        if self.request_complete and not self.response_complete:
            self.response_complete = True
            self._handler.cancel()

    def add_body(self, chunk: bytes) -> None:
        """Store a part of the body, up to the limit."""
        if self.response_complete:
            return
        try:
            self._limit.count(len(chunk))
        except BodyTooLargeError as error:
            self._fail_early(error)
            return
        if self._error is None:
            self._chunks.append(chunk)

    def complete_request(self) -> None:
        """Submit the request to the model, or send the error found in its headers."""
        if self.response_complete:
            self._protocol.transport.close()
        elif self._error is not None:
            self._handler.fail(self._error)
        else:
            self.request_complete = True
            chunks, self._chunks = self._chunks, []
            self._handler.submit(chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def _fail_early(self, error: RequestError) -> None:
        """Respond before the body is complete, and discard the rest of it.

        Closing at once would reset the connection before the client reads the response.
        """
        self.keep_alive = False
        self._lingering = True
        self._chunks.clear()
        self._handler.fail(error)
        self._protocol.loop.call_later(LINGER_SECONDS, self._protocol.transport.close)

    def _respond(self, response: RawResponse) -> None:
        protocol = self._protocol
        transport = protocol.transport
        if self.response_complete or transport.is_closing():
            return
        self.response_complete = True
        defaults = protocol.server_state.default_headers
        transport.write(encode_response(response, defaults, close=not self.keep_alive))
        if self.keep_alive:
            protocol.on_response_complete()
        elif not self._lingering:
            transport.close()


def encode_response(response: RawResponse, default_headers: list[Header], *, close: bool) -> bytes:
    """Encode a response as HTTP/1.1, the server's default headers first."""
    status, headers, body = response
    lines = [_STATUS_LINES[status]]
    for name, value in default_headers:
        lines += (name, b": ", value, b"\r\n")
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines += (b"content-length: %d\r\n\r\n" % len(body), body)
    return b"".join(lines)


def _request_complete(cycle: Any) -> bool:
    if isinstance(cycle, InferenceCycle):
        return cycle.request_complete
    return not cycle.more_body
