"""The inference thread: computes waiting requests in batches, without delay."""

import asyncio
import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import perf_counter_ns
from typing import TypeVar

import numpy as np

from service.arrays import FloatArray, Outputs
from service.classifier import Classifier
from service.contract import OUTPUTS
from service.errors import DeadlineError, NotReadyError, QueueFullError
from service.inference.admission import LoopLoad, Refusals
from service.inference.batch import ALWAYS_COMPUTED, BatchResult, gather, nonfinite_error
from service.inference.queue import InferenceRequest, Part, PendingRequest, RequestState, RowQueue

T = TypeVar("T")

MEASURED_ROWS = 256  # at most: a larger batch would delay the start for nothing

_log = logging.getLogger(__name__)


class Engine:
    """One model's queue and thread; the event loop never waits for a batch.

    Greedy: requests that arrive during a batch wait, and all of them, up to the row limit, form the
    next one. There is no timer: without a batch under way, a request does not wait.
    """

    def __init__(
        self, classifier: Classifier, queue: RowQueue, on_batch: Callable[[BatchResult, int], None]
    ) -> None:
        """Call `on_batch` with each batch and the time in ns, on the event loop.

        All requests whose last rows are in the batch have ended by then.
        """
        self._classifier = classifier
        self._queue = queue
        self._on_batch = on_batch
        self._loop_load = LoopLoad()
        self._refusals = Refusals()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._work, name="inference", daemon=True)
        self._names: dict[frozenset[str], list[str]] = {}  # in the contract's order

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread; callbacks run on `loop`."""
        self._loop = loop
        self._loop_load.start(loop)
        self._open = True
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether requests are accepted and the thread runs."""
        return self._open and self._thread.is_alive()

    async def compute(self, request: InferenceRequest, client: str = "") -> Outputs:
        """Return a request's outputs or raise its error; if cancelled, drop the request."""
        done = asyncio.Event()
        pending = self.submit(request, lambda _: done.set(), client)
        try:
            await done.wait()
        except asyncio.CancelledError:
            self.cancel(pending)
            raise
        if pending.error is not None:
            raise pending.error
        assert pending.outputs is not None
        return pending.outputs

    def submit(
        self,
        request: InferenceRequest,
        done: Callable[[PendingRequest], None],
        client: str = "",
    ) -> PendingRequest:
        """Queue a request, on the event loop; `done` is called there at the request's end.

        Clients get equal shares of the batches; `client` is the name of an API key or an address.

        A full queue is a `QueueFullError`, a closed engine a `NotReadyError`.
        """
        if not self._open or self._loop is None:
            raise self._not_ready()
        pending = PendingRequest(request, done, client, perf_counter_ns())
        if self._put(pending):
            # Only after the loop has read the other requests that have arrived: woken at once, the
            # thread would compute the first one alone and take the interpreter's lock.
            self._loop.call_soon(self._wake.put, None)
        return pending

    def check_room(self, client: str) -> None:
        """Raise the error of a request of this client that would be refused whatever its size.

        To be called when its head has arrived, on the event loop.
        """
        if not self._open:
            raise self._not_ready()
        self._loop_load.check(client)
        self._queue.check_room(client)

    def refuse(self, call: Callable[[], object]) -> None:
        """Make a call that sends a refusal, after a short delay that slows down its sender."""
        assert self._loop is not None
        self._refusals.add(self._loop, call)

    def cancel(self, pending: PendingRequest) -> None:
        """Drop a request whose client has disconnected; a batch under way is not stopped."""
        self._queue.withdraw(pending)
        pending.state = RequestState.DONE
        pending.done = _ignore  # the thread may have scheduled its expiry on the loop

    def expire(self, pending: PendingRequest) -> None:
        """Fail a request whose deadline has passed, unless its last rows are in a batch."""
        if self._queue.withdraw(pending):
            self._fail_expired(pending)

    def stop(self) -> None:
        """Accept no more requests, and end the thread when the waiting ones are finished."""
        self._open = False
        self._wake.put(None)

    def close(self) -> None:
        """Stop, and wait for the thread's end."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join()

    def _not_ready(self) -> NotReadyError:
        return NotReadyError(f"model '{self._classifier.metadata.name}' is not ready")

    def _put(self, pending: PendingRequest) -> bool:
        """Queue a request; if necessary, displace those of a client that exceeds its share."""
        try:
            return self._queue.put(pending)
        except QueueFullError:
            displaced = self._queue.displace(pending)
            if not displaced:
                raise
        error = "queue: displaced by other clients' requests; retry later"
        for other in displaced:
            self._end(other, error=QueueFullError(error, retry_after=1))
        return self._queue.put(pending)

    def _calibrate(self) -> None:
        """Measure a batch of one row and a full one, for the estimate of the time in the queue."""
        rows = min(self._queue.max_batch_rows, MEASURED_ROWS)
        try:
            one_ns, many_ns = self._classifier.measure(1), self._classifier.measure(rows)
        except Exception:  # requests will fail with a better message, and the thread must go on
            _log.exception("the model could not be measured")
        else:
            self._queue.pace.calibrate(one_ns, many_ns, rows)

    def _work(self) -> None:
        self._calibrate()
        began_ns = perf_counter_ns()
        while True:
            parts, expired = self._queue.take(began_ns)
            for pending in expired:
                self._call_on_loop(self._fail_expired, pending)
            if parts:
                rows = self._compute_batch(parts)
                ended_ns = perf_counter_ns()  # the pace includes the time between two batches
                self._queue.pace.batch_completed(rows, ended_ns - began_ns)
                began_ns = ended_ns
                continue
            if not expired:
                if not self._open:
                    return
                self._wake.get()
            began_ns = perf_counter_ns()

    def _compute_batch(self, parts: list[Part]) -> int:
        """Compute the parts together or, if that fails, one by one: only the faulty one fails.

        Return the number of rows.
        """
        began = gathered = perf_counter_ns()
        rows = sum(stop - start for _, start, stop in parts)
        outputs: dict[str, FloatArray] = {}
        failure: Exception | None = None
        try:
            feed, scale = gather(parts)
            names = self._output_names(parts)
            gathered = perf_counter_ns()
            outputs = dict(zip(names, self._classifier.compute(names, feed, scale), strict=True))
        except Exception as error:  # of any kind: the thread must go on, the requests must end
            failure = error
        ended = perf_counter_ns()
        if failure is not None and len(parts) > 1:
            for part in parts:
                self._compute_batch([part])
            return rows
        self._call_on_loop(
            self._deliver,
            BatchResult(
                *(parts, rows, outputs, failure, began, gathered, ended),
                *(self._queue.wait_ns, self._queue.clients),
            ),
        )
        return rows

    def _output_names(self, parts: list[Part]) -> list[str]:
        wanted = ALWAYS_COMPUTED.union(*[part.pending.request.outputs for part in parts])
        names = self._names.get(wanted)
        if names is None:
            names = self._names[wanted] = [name for name in OUTPUTS if name in wanted]
        return names

    def _call_on_loop(self, call: Callable[[T], None], value: T) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:  # the loop was closed before the engine: no request is waiting
            _log.debug("a batch ended after the event loop")

    def _deliver(self, batch: BatchResult) -> None:
        """End every request whose last rows are in this batch; runs on the event loop."""
        if batch.error is not None:
            _log.error("a batch failed", exc_info=batch.error)
        finite = batch.finite
        first = 0
        for part in batch.parts:
            last = first + part.stop - part.start
            if part.pending.state is not RequestState.DONE:
                alone = len(batch.parts) == 1
                outputs = (
                    batch.outputs if alone else {n: v[first:last] for n, v in batch.outputs.items()}
                )
                error = batch.error or (None if finite else nonfinite_error(part, outputs))
                if error is None:
                    self._add_outputs(part, batch, outputs)
                else:
                    self._queue.withdraw(part.pending)  # its other rows
                    self._end(part.pending, error=error)
            first = last
        self._on_batch(batch, perf_counter_ns())

    def _add_outputs(self, part: Part, batch: BatchResult, outputs: Outputs) -> None:
        """Add the outputs for a part of a request's rows; parts come in the rows' order."""
        pending = part.pending
        pending.began_ns = pending.began_ns or batch.began_ns
        pending.compute_ns += batch.ended_ns - batch.began_ns
        pending.batch_rows = batch.rows
        if part.stop - part.start == pending.size:
            self._end(pending, outputs=outputs)
            return
        pieces = pending.pieces = pending.pieces or []
        pieces.append(outputs)
        if part.stop == pending.size:
            names = pending.request.outputs | ALWAYS_COMPUTED
            joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
            self._end(pending, outputs=joined)

    def _fail_expired(self, pending: PendingRequest) -> None:
        waited_ms = (perf_counter_ns() - pending.queued_ns) // 1_000_000
        message = f"deadline exceeded: waited {waited_ms} ms in the queue"
        self._end(pending, error=DeadlineError(message))

    def _end(
        self,
        pending: PendingRequest,
        *,
        outputs: Outputs | None = None,
        error: Exception | None = None,
    ) -> None:
        pending.state = RequestState.DONE
        pending.outputs = outputs
        pending.error = error
        try:
            pending.done(pending)
        except Exception:
            _log.exception("a response could not be sent")


def _ignore(_pending: PendingRequest) -> None:
    """No-op callback."""
