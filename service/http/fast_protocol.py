"""uvicorn's HTTP protocol with a short way to the doors: half the time of a request is saved.

A POST to a door's exact path over HTTP/1.1 goes from the parser to the queue and back without a
scope, a task or an event; everything else takes uvicorn's way through the application, where the
same doors stand.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.http.fast_cycle import FastCycle, written
from service.http.reception import Reception
from service.http.replies import error_reply
from service.http.routes import Routes

_OFFER = (b"connection", b"upgrade", b"http2-settings")
FAST_LANE = "fast_lane"  # its key in the application's lifespan state


class FastLane:
    """What the protocol needs of the application."""

    def __init__(self, reception: Reception, routes: Routes, *, max_body_bytes: int) -> None:
        self.reception = reception
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
        self._idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """Read what the client sent."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self.parser.get_method() == b"CONNECT":  # a proxy is asked for
                self.send_400_response("")
            else:
                self._stay_with_http(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _stay_with_http(self, rest: bytes) -> None:
        """Decline another protocol, as Java's client offers HTTP/2, and read the request anew.

        Left alone, the parser takes a request that offers one to have no body.
        """
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/1.1"]
        lines += [b": ".join(header) for header in self.headers if header[0] not in _OFFER]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def on_message_begin(self) -> None:
        """Begin without a scope: only uvicorn's own way needs one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Take the short way if the request can go it."""
        if self.parser.should_upgrade():
            return  # it comes again
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
        if isinstance(self.cycle, FastCycle):
            self.cycle.add(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Ask."""
        if self.parser.should_upgrade():
            return
        if isinstance(self.cycle, FastCycle):
            self.cycle.ask()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what the client sent meanwhile, or wait for more.

        One timer serves a connection as long as it lives; uvicorn sets one for each response.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_later(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look_later(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return  # the next response looks again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_later(left)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the shape of every error."""
        reply = error_reply(400, "request: expected HTTP/1.1, found something else")
        self.transport.write(written(reply, self.server_state.default_headers, close=True))
        self.transport.close()
