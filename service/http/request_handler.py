"""One inference request from its bytes to its response; independent of the transport."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from service.errors import RequestError
from service.formats.infer_response import Written
from service.formats.outline import LongReadError
from service.http.endpoints import BINARY_LINES, JSON_LINE, Endpoint, Headers, ParsedRequest
from service.http.error_responses import RawResponse, reason_of, response_to
from service.http.request_policy import REQUEST_ID, RequestPolicy
from service.http.shadow import ShadowRequest
from service.http.step_runner import Work
from service.inference.queue import PendingRequest
from service.inference.statistics import Timing
from service.ledger.tags import TAGS
from service.observers import SUCCESS, RequestEvent

# `Server-Timing` has the phases in milliseconds, and the rows of the batch.
SUCCESS_LINES = (
    b"%%b%b: %%b\r\n"
    b"server-timing: decode;dur=%%.3f, queue;dur=%%.3f, compute;dur=%%.3f, encode;dur=%%.3f, "
    b"batch;desc=%%d\r\n" % REQUEST_ID
)

_log = logging.getLogger(__name__)


class RequestHandler:
    """Handles one request: call `submit` with its body, or `fail`.

    Subclasses send the response in `respond`. There are no slots, since most attributes keep their
    defaults.
    """

    _parsed: ParsedRequest | None = None
    _pending: PendingRequest | None = None
    _timer: asyncio.TimerHandle | None = None  # of the deadline
    _work: Work | None = None  # decoding or encoding in steps
    _decoded_ns = 0
    _finished = False

    def __init__(
        self, policy: RequestPolicy, endpoint: Endpoint, headers: Headers, client: str = ""
    ) -> None:
        self._policy = policy
        self._endpoint = endpoint
        self._headers = headers
        self._client = client
        self._id = policy.request_id(headers)
        self._arrived_ns = perf_counter_ns()

    def respond(self, response: RawResponse) -> None:
        """Send the response; called once."""
        raise NotImplementedError

    def submit(self, body: bytes) -> None:
        """Decode the body and queue the inference request."""
        try:
            if TAGS in self._headers:
                self._policy.check(self._headers)
            try:
                parsed = self._endpoint.read(self._headers, body)
            except LongReadError:
                steps = self._endpoint.read_long(self._headers, body)
                self._work = self._policy.runner.start(steps, self._on_read)
                return
            self._queue(parsed)
        except Exception as error:
            self.fail(error)

    def cancel(self) -> None:
        """Drop the request: the client disconnected."""
        if self._work is not None:
            self._work.cancel()
        if self._pending is not None:
            self._endpoint.model.engine.cancel(self._pending)
        if self._work is not None or self._pending is not None:
            self._finish(499, None, perf_counter_ns(), "client_disconnected")

    def fail(self, error: Exception) -> None:
        """Respond with an error."""
        if not isinstance(error, RequestError):
            _log.error("request %s failed", self._id.decode(), exc_info=error)
        response = response_to(error)
        if not self._finished:
            self.respond(response.with_header(REQUEST_ID, self._id))
        self._finish(response.status, None, perf_counter_ns(), reason_of(error))

    def _on_read(self, parsed: ParsedRequest, error: Exception | None) -> None:
        self._work = None
        try:
            if error is not None:
                raise error
            self._queue(parsed)
        except Exception as failure:
            self.fail(failure)

    def _queue(self, parsed: ParsedRequest) -> None:
        self._parsed = parsed
        request, model = parsed.request, self._endpoint.model
        deadline_ns = self._policy.deadline_ns(self._headers, self._arrived_ns, parsed.timeout_us)
        if deadline_ns is not None:
            request = request._replace(deadline_ns=deadline_ns)
        self._decoded_ns = perf_counter_ns()
        self._pending = model.engine.submit(request, self._on_done, self._client)
        model.statistics.request_queued()
        if deadline_ns is not None:
            wait = (deadline_ns - self._decoded_ns) * 1e-9
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait, model.engine.expire, self._pending)

    def _on_done(self, pending: PendingRequest) -> None:
        if pending.error is not None:
            self.fail(pending.error)
            return
        parsed, batch, first = self._parsed, pending.batch, pending.first
        assert parsed is not None
        assert batch is not None
        began = perf_counter_ns()
        if parsed.write_long is not None:
            steps = parsed.write_long(batch.rows(first, first + pending.size))
            done = partial(self._on_written, pending, began)
            self._work = self._policy.runner.start(steps, done)
            return
        try:
            written = parsed.write(batch, first, first + pending.size)
        except Exception as error:
            self.fail(error)
            return
        self._succeed(pending, began, written)

    def _on_written(
        self, pending: PendingRequest, began: int, written: Written, error: Exception | None
    ) -> None:
        self._work = None
        if error is None:
            self._succeed(pending, began, written)
        else:
            self.fail(error)

    def _succeed(self, pending: PendingRequest, began: int, written: Written) -> None:
        body, head_length = written
        arrived, decoded, ended = self._arrived_ns, self._decoded_ns, perf_counter_ns()
        decode, encode = decoded - arrived, ended - began
        queue, compute = pending.began_ns - pending.queued_ns, pending.compute_ns
        rows = pending.batch_rows
        lines = SUCCESS_LINES % (
            JSON_LINE if head_length is None else BINARY_LINES % head_length,
            *(self._id, decode * 1e-6, queue * 1e-6, compute * 1e-6, encode * 1e-6, rows),
        )
        self.respond(RawResponse(SUCCESS, lines, body))
        self._finish(SUCCESS, Timing(decode, queue, compute, encode, ended - arrived, rows), ended)
        shadow = self._endpoint.shadow
        if shadow is not None:
            copy = ShadowRequest(self._policy, shadow, self._headers, self._id.decode())
            copy.submit(pending.request)

    def _finish(
        self, status: int, timing: Timing | None, ended: int, reason: str | None = None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # The connection refers to its last handler. Without these, memory is freed at once, and not
        # by the next request or the garbage collector.
        pending, self._pending = self._pending, None
        self._parsed = self._work = None
        self._finished = True
        statistics = self._endpoint.model.statistics
        if timing is not None:
            statistics.request_succeeded(timing)
        elif reason is not None:
            statistics.request_failed(reason, ended - self._arrived_ns, queued=pending is not None)
        metadata = self._endpoint.model.metadata
        for observer in self._policy.observers:
            if observer.wants(status, metadata, pending):
                answered = pending if timing is not None else None
                observer.observe(
                    RequestEvent(
                        self._endpoint.kind,
                        metadata,
                        self._headers,
                        self._id.decode(),
                        status,
                        0 if pending is None else pending.size,
                        self._arrived_ns,
                        ended,
                        timing,
                        None if answered is None else answered.request,
                        None if answered is None else answered.batch,
                        0 if answered is None else answered.first,
                        self._client,
                    )
                )


class CallbackHandler(RequestHandler):
    """A handler that passes its response to a callback."""

    def __init__(
        self,
        policy: RequestPolicy,
        endpoint: Endpoint,
        headers: Headers,
        respond: Callable[[RawResponse], None],
        client: str = "",
    ) -> None:
        super().__init__(policy, endpoint, headers, client)
        self._callback = respond

    def respond(self, response: RawResponse) -> None:
        """Call the callback."""
        self._callback(response)
