"""One inference request from its bytes to its response; independent of the transport."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from service.errors import RequestError
from service.formats.outline import LongReadError
from service.http.endpoints import EncodedBody, Endpoint, Headers, ParsedRequest
from service.http.error_responses import RawResponse, reason_of, response_to
from service.http.request_policy import REQUEST_ID, RequestPolicy
from service.http.shadow import ShadowRequest
from service.http.step_runner import Work
from service.inference.queue import PendingRequest
from service.inference.statistics import Timing
from service.observers import SUCCESS, RequestEvent

_log = logging.getLogger(__name__)


class RequestHandler:
    """Handles one request: `submit` its body or `fail` it; `respond` receives the response."""

    __slots__ = (
        *("_policy", "_endpoint", "_headers", "_respond", "_id", "_parsed", "_pending", "_timer"),
        *("_client", "_arrived_ns", "_decoded_ns", "_work"),
    )

    def __init__(
        self,
        policy: RequestPolicy,
        endpoint: Endpoint,
        headers: Headers,
        respond: Callable[[RawResponse], None],
        client: str = "",
    ) -> None:
        self._policy = policy
        self._endpoint = endpoint
        self._headers = headers
        self._respond = respond
        self._client = client
        self._id = policy.request_id(headers)
        self._parsed: ParsedRequest | None = None
        self._pending: PendingRequest | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived_ns = perf_counter_ns()
        self._decoded_ns = 0
        self._work: Work | None = None  # decoding or encoding in steps

    def submit(self, body: bytes) -> None:
        """Decode the body and queue the inference request."""
        try:
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
            self._finish(499, None, "client_disconnected")

    def fail(self, error: Exception) -> None:
        """Respond with an error."""
        if not isinstance(error, RequestError):
            _log.error("request %s failed", self._id.decode(), exc_info=error)
        response = response_to(error)
        headers = (*response.headers, (REQUEST_ID, self._id))
        self._respond(response._replace(headers=headers))
        self._finish(response.status, None, reason_of(error))

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
        request = self._policy.with_deadline(parsed, self._headers, self._arrived_ns)
        self._decoded_ns = perf_counter_ns()
        model = self._endpoint.model
        self._pending = model.engine.submit(request, self._on_done, self._client)
        model.statistics.request_queued()
        if request.deadline_ns is not None:
            wait = (request.deadline_ns - self._decoded_ns) * 1e-9
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait, model.engine.expire, self._pending)

    def _on_done(self, pending: PendingRequest) -> None:
        if pending.error is not None:
            self.fail(pending.error)
            return
        assert self._parsed is not None
        assert pending.outputs is not None
        began = perf_counter_ns()
        if self._parsed.write_long is not None:
            steps = self._parsed.write_long(pending.outputs)
            done = partial(self._on_encoded, pending, began)
            self._work = self._policy.runner.start(steps, done)
            return
        try:
            encoded = self._parsed.write(pending.outputs)
        except Exception as error:
            self.fail(error)
            return
        self._send(pending, began, encoded)

    def _on_encoded(
        self, pending: PendingRequest, began: int, encoded: EncodedBody, error: Exception | None
    ) -> None:
        self._work = None
        if error is None:
            self._send(pending, began, encoded)
        else:
            self.fail(error)

    def _send(self, pending: PendingRequest, began: int, encoded: EncodedBody) -> None:
        ended = perf_counter_ns()
        timing = Timing(
            decode=self._decoded_ns - self._arrived_ns,
            queue=pending.began_ns - pending.queued_ns,
            compute=pending.compute_ns,
            encode=ended - began,
            total=ended - self._arrived_ns,
            batch_rows=pending.batch_rows,
        )
        headers = (
            *encoded.headers,
            (REQUEST_ID, self._id),
            (b"server-timing", _server_timing(timing)),
        )
        self._respond(RawResponse(SUCCESS, headers, encoded.body))
        self._finish(SUCCESS, timing, None)
        shadow = self._endpoint.shadow
        if shadow is not None:
            copy = ShadowRequest(self._policy, shadow, self._headers, self._id.decode())
            copy.submit(pending.request)

    def _finish(self, status: int, timing: Timing | None, reason: str | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Breaks the reference cycles with the pending request and the transport, so that memory is
        # freed at once and not by the garbage collector.
        pending, self._pending, self._respond = self._pending, None, _ignore
        self._work = None
        ended = perf_counter_ns()
        statistics = self._endpoint.model.statistics
        if timing is not None:
            statistics.request_succeeded(timing)
        elif reason is not None:
            statistics.request_failed(reason, ended - self._arrived_ns, queued=pending is not None)
        rows = 0 if pending is None else pending.size
        for observer in self._policy.observers:
            if observer.wants(status, rows):
                observer.observe(
                    RequestEvent(
                        self._endpoint.kind,
                        self._endpoint.model.metadata,
                        self._headers,
                        self._id.decode(),
                        status,
                        rows,
                        self._arrived_ns,
                        ended,
                        timing,
                        pending.request if pending is not None and timing else None,
                        pending.outputs if pending is not None and timing else None,
                    )
                )


def _ignore(_response: RawResponse) -> None:
    """No-op callback."""


def _server_timing(timing: Timing) -> bytes:
    """Format `Server-Timing`: the phases in milliseconds, and the rows of the batch."""
    return b"decode;dur=%.3f, queue;dur=%.3f, compute;dur=%.3f, encode;dur=%.3f, batch;desc=%d" % (
        timing.decode * 1e-6,
        timing.queue * 1e-6,
        timing.compute * 1e-6,
        timing.encode * 1e-6,
        timing.batch_rows,
    )
