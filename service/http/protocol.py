"""HTTP/1.1 on one connection, with a direct path to the inference endpoints.

A POST to the exact path of an endpoint goes from the parser to the queue and back without an ASGI
scope, task or event, which halves its time. The application answers every other request.

Responses leave in the order of their requests. One request at a time is processed; those behind it
wait, and while any wait, or the client does not read, nothing more is received. Malformed bytes get
one error, after the responses to the requests before them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from service.http.asgi_cycle import BUFFERED_BYTES, AsgiCycle
from service.http.connection_timer import ConnectionTimer
from service.http.cycles import MAX_DISCARDED_BYTES, Cycle, HeadDecision, no_memory_error
from service.http.dispatch import new_cycle
from service.http.error_responses import RawResponse, error_response
from service.http.flow import Flow
from service.http.framing import FramingError
from service.http.protocol_context import PROTOCOL_CONTEXT, ProtocolContext
from service.http.request_parser import Head, RequestParser
from service.http.response_encoding import encode_response

# Parsed at a time: the requests in it are held as objects, which need more memory than their bytes.
PARSED_BYTES = 32_768
WAITING_BYTES = 2048  # of memory for a request that waits for the responses before it


class HttpProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Take the arguments by which uvicorn's server creates a protocol."""
        self.app = config.loaded_app
        self.context: ProtocolContext = app_state[PROTOCOL_CONTEXT]
        self.loop = _loop or asyncio.get_running_loop()
        self.server_state = server_state
        self.timer = ConnectionTimer(self, config.timeout_keep_alive)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # until connected
        self.flow: Flow = None  # type: ignore[assignment]  # likewise
        self._parser = RequestParser(self, self.context.root_path)
        self.app_state = app_state
        self.address = ""
        self.decision: HeadDecision | None = None  # of the last request for inference
        self.only_health = False  # the connection is above the limit of connections
        self.body_is_long = False  # as announced: a refusal does not wait for such a body
        self._discarded = 0  # bytes of a body that is not used
        self._receiving: Cycle | None = None  # the newest request
        self._current: Cycle | None = None  # the request that is processed
        self._waiting: deque[Cycle] = deque()  # requests behind it
        self._unparsed: bytes | memoryview = b""
        self._rejection: RawResponse | None = None  # to the malformed bytes behind all requests
        self._parsing = False
        self._advancing = False
        self._ending = False  # close once no response is due
        self.ended = False  # no response follows; received bytes are discarded
        self._last_received = False  # further requests are ignored
        self._half_closed = False  # the client sends nothing more

    # The transport's callbacks.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer; above the limit of connections, serve only health or close."""
        self.transport = transport
        self.flow = Flow(transport, self.context.budget, self.loop)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # for `shutdown`
        self.timer.start(self.loop.time())
        connections = self.context.connections
        connections.add(self)
        if connections.too_many:
            self.only_health = not connections.make_room(self, self.loop.time())
            if self.only_health and connections.far_too_many:
                self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the requests and release what the connection holds."""
        self.server_state.connections.discard(self)
        self.context.connections.discard(self)
        self.ended = True
        self.timer.stop()
        cycles = [self._current, self._receiving, *self._waiting]
        self._current = self._receiving = None
        self._waiting.clear()
        for cycle in cycles:
            if cycle is not None:
                cycle.disconnect()
        self._unparsed = b""
        self.flow.close()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, unless requests wait."""
        if self.ended:
            self._slow_down(len(data))
        elif self._rejection is not None:
            return
        elif self._unparsed or self._waiting or self.flow.unread:
            if not self.flow.take(len(data)):
                self.abort()
                return
            self._unparsed = bytes(self._unparsed) + data if self._unparsed else data
            self.update_reading()
        elif not self._feed(self._parser.feed_known, data):
            self._unparsed = memoryview(data)
            self._parse()

    def eof_received(self) -> bool:
        """Keep the connection open while a response is due: the client may still read."""
        self._half_closed = self._ending = True
        if not self.ended and self.timer.request_began is not None:
            self._reject(FramingError(400, "request: incomplete; the client ended it"))
        if self.transport.get_extra_info("sslcontext") is not None:
            return False  # TLS has no half-closed connections
        return not self.ended and (not self.idle or len(self._unparsed) > 0)

    def pause_writing(self) -> None:
        """Process and receive nothing more until the client has read."""
        self.flow.pause_writing()
        connections = self.context.connections
        # A body that arrives slowly gives way first.
        if self.context.budget.exceeded and not connections.drop_slower_body(
            self, self.loop.time()
        ):
            connections.drop_unread()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self.flow.resume_writing()
        self._advance()

    def shutdown(self) -> None:
        """Close once no response is due; uvicorn calls this when the server stops.

        A request may be on its way, on a new connection in particular, so that an idle one is
        closed a moment later.
        """
        self._ending = True
        if self.ended:
            self.transport.close()
        self.timer.server_stops()

    # The parser's callbacks.

    def request_arrived(self, head: Head, body: bytes) -> None:
        """Process a request that arrived in one piece, or let it wait."""
        # No other request is under way, and nothing of one was received since.
        if self._current is None and not self._last_received and self.flow.take(len(body)):
            self.timer.request_passed()
            self.body_is_long = head.body_is_long
            self._receiving = self._current = cycle = new_cycle(self, head)
            self._last_received = not cycle.keep_alive
            cycle.process(body)
            return
        self.request_begins()
        self.head_arrived(head)
        self.body_arrived(body)
        self.request_ends()

    def request_begins(self) -> None:
        """Start the deadline of a request."""
        self._discarded = 0
        self.timer.request_arrives(self.loop.time())

    def head_arrived(self, head: Head) -> None:
        """Begin the request, or let it wait."""
        if self.ended or self._last_received:
            self._receiving = None
            return
        waits = self._current is not None or len(self._waiting) > 0 or self.flow.unread
        if waits and not self.flow.take(WAITING_BYTES):
            self._receiving = None
            raise FramingError(429, "requests: expected room for one more that waits, found none")
        self.body_is_long = head.body_is_long
        self._receiving = cycle = new_cycle(self, head)
        self._last_received = not cycle.keep_alive
        if waits:
            self._waiting.append(cycle)
            self.flow.pause_reading()
        else:
            self._current = cycle
            cycle.begin()

    def body_arrived(self, body: bytes) -> None:
        """Store a part of the body, if the budget has room for it."""
        cycle = self._receiving
        if cycle is None:
            return
        if cycle.discarding:
            self._discard(cycle, len(body))
        elif self.flow.take(len(body)) or (
            self.context.connections.drop_slower_body(self, self.loop.time())
            and self.flow.take(len(body))
        ):
            cycle.add_body(body)
        else:
            self.drop_body()

    def request_ends(self) -> None:
        """Process the request: all of it has arrived."""
        self.timer.request_arrived()
        if self._receiving is not None:
            self._receiving.complete_request()
            if self._current is None:
                self.timer.idle(self.loop.time())

    # For cycles, the timer and the limit of connections.

    @property
    def default_lines(self) -> bytes:
        """The header lines of every response."""
        return self.context.default_lines.of(self.server_state.default_headers)

    @property
    def idle(self) -> bool:
        """Whether no response is due."""
        return self._current is None and not self._waiting and self._rejection is None

    @property
    def body_bytes(self) -> int:
        """The number of bytes held of bodies that are arriving; 0 if none is."""
        cycle = self._receiving
        return 0 if cycle is None or cycle.request_complete or cycle.discarding else self.flow.held

    def respond(self, cycle: Cycle, response: RawResponse) -> None:
        """Send a complete response."""
        transport = self.transport
        if self.ended or transport.is_closing():
            return
        cycle.response_started = True
        lines = self.default_lines + cycle.more_lines
        close = self.closes_after(cycle)
        transport.write(encode_response(response, lines, close=close, head=cycle.head))
        self.response_ended(cycle)

    def closes_after(self, cycle: Cycle) -> bool:
        """Decide whether the response to `cycle`, which starts now, is the last one."""
        if (
            (self._ending or self.only_health or self.context.lifecycle.draining)
            and not self._waiting
            and not self._unparsed
            and self._rejection is None
        ):
            cycle.keep_alive = False
        return not cycle.keep_alive

    def response_ended(self, cycle: Cycle) -> None:
        """Begin the next request, or wait for one."""
        cycle.response_complete = cycle.discarding = True
        self.server_state.total_requests += 1
        self._current = None
        if self.flow.held and not self._waiting:
            self.flow.release()
        if not cycle.keep_alive:
            self.end(linger=not cycle.request_complete or len(self._unparsed) > 0)
        elif (
            self._waiting or self._unparsed or self.flow.read_paused or self._rejection is not None
        ):
            self._advance()
        elif self._ending:
            self.end(linger=not cycle.request_complete)
        elif cycle.request_complete:
            self.timer.idle(self.loop.time())

    def abort(self) -> None:
        """Close the connection without sending what the client has not read."""
        self.ended = True
        self.transport.abort()

    def end(self, *, linger: bool = False) -> None:
        """Send nothing more; `linger` if the client may still send."""
        self.ended = True
        for cycle in self._waiting:
            cycle.disconnect()
        self._waiting.clear()
        self._unparsed = b""
        self.flow.release()
        # The few connections above the limit are for health, and must soon be free again.
        self.flow.end(linger=linger and not self._half_closed and not self.only_health)

    def drop_body(self) -> None:
        """Refuse the body that is arriving, and release its memory."""
        cycle = self._receiving
        if cycle is not None:
            cycle.refuse(no_memory_error())
            self.flow.release()
            if self.body_is_long:
                cycle.stop_reading()

    def reject_slow(self, message: str) -> None:
        """Reject a request that takes too long to arrive."""
        self._reject(FramingError(408, message))

    def update_reading(self) -> None:
        """Receive more, unless requests wait, or the client or the application does not read."""
        cycle = self._receiving
        if not self.ended and (
            self._waiting
            or self._unparsed
            or self.flow.unread
            or (cycle is not None and cycle.awaits_turn)
            or (isinstance(cycle, AsgiCycle) and cycle.buffered > BUFFERED_BYTES)
        ):
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    # Receiving.

    def _parse(self) -> None:
        """Parse what was received, until a request waits."""
        while self._unparsed and not (self._waiting or self.ended or self.flow.unread):
            part, self._unparsed = self._unparsed[:PARSED_BYTES], self._unparsed[PARSED_BYTES:]
            self._feed(self._parser.feed, part)
        if not self._unparsed:
            self._unparsed = b""  # instead of an empty view, which keeps all that was received
        self.update_reading()

    def _feed(self, feed: Callable[[Any], bool | None], data: bytes | memoryview) -> bool:
        self._parsing = True
        try:
            return feed(data) is not False
        except FramingError as error:
            self._reject(error)
            return True
        finally:
            self._parsing = False

    def _discard(self, cycle: Cycle, size: int) -> None:
        """Count bytes of a body that is not used; close the connection rather than read many."""
        self._discarded += size
        if self._discarded > MAX_DISCARDED_BYTES:
            if cycle.response_complete:
                self.end(linger=True)
            else:
                cycle.stop_reading()

    def _slow_down(self, size: int) -> None:
        """Pause while all refused bodies together arrive too fast."""
        if not self.context.connections.may_discard(size, self.loop.time()):
            self.flow.pause_shortly()

    def _reject(self, error: FramingError) -> None:
        """Respond to malformed bytes, in the place of the request that they break."""
        cycle = self._receiving
        complete = cycle is None or cycle.request_complete
        if self.ended or self._rejection is not None or (self._last_received and complete):
            return
        self.timer.request_arrived()
        self._receiving = None
        if cycle is not None and not cycle.request_complete:
            cycle.disconnect()
            if self._waiting and self._waiting[-1] is cycle:
                self._waiting.pop()
            elif cycle.response_started:  # there is no second response to one request
                self.end(linger=True)
                return
            else:
                self._current = None
        self._unparsed = b""
        self._rejection = error_response(error.status, error.message, error.headers)
        self._advance()

    # Responding.

    def _advance(self) -> None:
        """Begin requests, in their order, as far as possible."""
        if self._advancing:
            return
        self._advancing = True
        while not (self.ended or self.flow.unread):
            if self._current is None and self._waiting:
                self._current = self._waiting.popleft()
                self._current.begin()
            elif self._unparsed and not (self._waiting or self._parsing):
                self._parse()
            elif self._current is None and self._rejection is not None:
                self.flow.write(encode_response(self._rejection, self.default_lines, close=True))
                self.end(linger=True)
            else:
                break
        self._advancing = False
        self.update_reading()
        if self.idle and self.timer.request_began is None and not self.ended:
            if self._ending and not self._parsing:
                self.end()
            else:
                self.timer.idle(self.loop.time())
