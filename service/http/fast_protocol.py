"""uvicorn's HTTP protocol with a short way to the doors: half the time of a request is saved.

A POST to a door's exact path over HTTP/1.1 goes from the parser to the queue and back without a
scope, a task or an event; everything else takes uvicorn's way through the application, where the
same doors stand. Both are held to limits that uvicorn's own protocol lacks.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.http.fast_cycle import FastCycle, written
from service.http.fast_lane import FAST_LANE, FastLane
from service.http.replies import error_reply

LARGEST_HEAD = 65_536  # bytes of a request line with its headers, or of trailers

_NOT_HTTP = "request: expected HTTP/1.1, found something else"
_OFFER = (b"upgrade", b"http2-settings")


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
        self._unread = 0  # bytes that came since a head or a part of a body was whole
        self._head_is_over = False
        self._idle_since: float | None = None
        self._begun: float | None = None  # when the request that still arrives began to

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look after the connection."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._look_later(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read what the client sent."""
        self._unread += len(data)
        rest: bytes | memoryview = data
        try:
            while True:
                try:
                    self.parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as offer:
                    if self.parser.get_method() == b"CONNECT":  # a proxy is asked for
                        self._refuse(400, _NOT_HTTP)
                        return
                    self._stay_with_http()
                    rest = memoryview(rest)[offer.args[0] :]
        except httptools.HttpParserError:
            self._refuse(400, _NOT_HTTP)
            return
        if self._unread > LARGEST_HEAD:
            self._refuse(431, f"headers: expected at most {LARGEST_HEAD} bytes, found more")

    def _stay_with_http(self) -> None:
        """Decline another protocol, as Java's client offers HTTP/2, and read the head anew.

        Left alone, the parser takes a request that offers one to have no body.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(token for token in tokens if token.lower() not in _OFFER)
            if name not in _OFFER:
                lines.append(b"%b: %b" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def on_message_begin(self) -> None:
        """Begin without a scope: only uvicorn's own way needs one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._head_is_over = False
        self._idle_since = None
        self._begun = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, without the space behind it; a trailer is none."""
        if not self._head_is_over:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Take the short way if the request can go it."""
        self._unread = 0
        if self.parser.should_upgrade():
            return  # it comes again
        self._head_is_over = True
        door = self.lane.routes.exact.get(self.url)
        if (
            door is None
            or self.expect_100_continue
            or (self.cycle is not None and not self.cycle.response_complete)  # pipelined
            or self.flow.write_paused  # who does not read his answers has to wait for more
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
        ):
            self._make_scope()
            super().on_headers_complete()
            return
        self.cycle = FastCycle(self, door, dict(self.headers))  # type: ignore[assignment]

    def _make_scope(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._unread = 0
        if isinstance(self.cycle, FastCycle):
            self.cycle.add(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Ask."""
        if self.parser.should_upgrade():
            return
        self._unread = 0
        self._begun = None
        if isinstance(self.cycle, FastCycle):
            self.cycle.ask()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what the client sent meanwhile, or wait for more."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._idle_since = self.loop.time()

    def _look_later(self, seconds: float) -> None:
        # One timer serves a connection as long as it lives; uvicorn sets one for each response.
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Close a connection that is idle, or whose request does not come to its end."""
        now, longest = self.loop.time(), self.lane.receive_seconds
        if self.transport.is_closing():
            return
        if self._begun is not None and now - self._begun >= longest:
            self._refuse(408, f"request: expected all of it within {longest:g} s, found a part")
        elif self._idle_since is not None and now - self._idle_since >= self.timeout_keep_alive:
            self.transport.close()
        else:
            self._look_later(min(self.timeout_keep_alive, longest))

    def _unset_keepalive_if_required(self) -> None:
        """Leave the one timer alone; uvicorn would cancel it with each response."""

    def _refuse(self, status: int, sentence: str) -> None:
        """Refuse what cannot be read on, but answer first what was asked before it."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and _is_asked(cycle):
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        reply = error_reply(status, sentence)
        self.transport.write(written(reply, self.server_state.default_headers, close=True))
        self.transport.close()


def _is_asked(cycle: Any) -> bool:
    return bool(cycle.asked if isinstance(cycle, FastCycle) else not cycle.more_body)
