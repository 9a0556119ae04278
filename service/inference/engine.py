"""Computes waiting requests in batches, without delay: on the event loop or on a thread."""

import asyncio
import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import perf_counter_ns

import numpy as np

from service.arrays import FloatArray, Outputs
from service.classifier import Classifier
from service.clock import work_ns
from service.errors import DeadlineError, NotReadyError, QueueFullError
from service.inference.admission import LoopLoad, Refusals
from service.inference.batch import (
    ALWAYS_COMPUTED,
    BatchResult,
    gather,
    nonfinite_error,
    output_names,
)
from service.inference.column_values import ColumnValues
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest, Part, PendingRequest, RequestState, RowQueue

MEASURED_ROWS = 64  # at most: a larger batch would delay the start for nothing
# A batch that is expected to be shorter is computed on the event loop: to change threads takes
# longer than a small network. Nothing else is processed meanwhile, not even a health check.
MAX_LOOP_NS = 1_000_000

_log = logging.getLogger(__name__)


class Engine:
    """One model's queue and thread; the event loop waits for short batches only.

    Greedy: what arrives in one iteration of the event loop, or during a batch, forms the next one,
    up to the row limit. There is no timer: without a batch under way, a request does not wait.
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
        self._values = ColumnValues(classifier.metadata.input.columns)
        self._loop_load = LoopLoad()
        self._refusals = Refusals()
        self._batches: SimpleQueue[tuple[list[Part], int] | None] = SimpleQueue()  # for the thread
        self._computed: list[BatchResult] = []  # by the thread, until the loop ends its requests
        self._under_way = False  # the thread has a batch whose requests have not ended
        self._ended_ns = 0  # of the last batch if requests waited then
        self._open = False
        self._scheduled = False  # `_next_batch` will be called
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._work, name="inference", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread; callbacks run on `loop`."""
        self._loop = loop
        self._open = True
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether requests are accepted and the thread runs."""
        return self._open and self._thread.is_alive()

    async def compute(self, request: InferenceRequest, client: str = "") -> Outputs:
        """Return a request's own outputs or raise its error; if cancelled, drop the request."""
        done = asyncio.Event()
        pending = self.submit(request, lambda _: done.set(), client)
        timer: asyncio.TimerHandle | None = None
        if request.deadline_ns is not None:
            wait = (request.deadline_ns - perf_counter_ns()) * 1e-9
            timer = asyncio.get_running_loop().call_later(wait, self.expire, pending)
        try:
            await done.wait()
        except asyncio.CancelledError:
            self.cancel(pending)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if pending.error is not None:
            raise pending.error
        outputs = pending.outputs
        assert outputs is not None
        # The batch may have further outputs, which other requests want.
        return {name: outputs[name] for name in request.outputs | ALWAYS_COMPUTED}

    def submit(
        self,
        request: InferenceRequest,
        done: Callable[[PendingRequest], None],
        client: str = "",
    ) -> PendingRequest:
        """Queue a request, on the event loop; `done` is called there at the request's end.

        Clients get equal shares of the batches; `client` is the name of an API key or an address.

        A full queue is a `QueueFullError`, a closed engine a `NotReadyError`, and a category or a
        date out of range an `InputError`.
        """
        if not self._open or self._loop is None:
            raise self._not_ready()
        self._values.check(request.rows)
        pending = PendingRequest(request, done, client, perf_counter_ns())
        try:
            self._queue.put(pending)
        except QueueFullError:
            self._displace(pending)
        if not self._scheduled and not self._under_way:
            self._schedule()
        return pending

    def check_room(self, client: str) -> None:
        """Raise the error of a request of this client that would be refused whatever its size.

        To be called when its head has arrived, on the event loop.
        """
        if not self._open or self._loop is None:
            raise self._not_ready()
        load = self._loop_load
        if not load.began_ns:
            load.begin()
            if self._scheduled or self._under_way:
                self._loop.call_soon(load.end)
            else:
                self._schedule()
        load.check(client)
        if self._queue.rows:
            self._queue.check_room(client)

    def refuse(self, call: Callable[[], object]) -> None:
        """Make a call that sends a refusal, after a short delay that slows down its sender."""
        assert self._loop is not None
        self._refusals.add(self._loop, call)

    def cancel(self, pending: PendingRequest) -> None:
        """Drop a request whose client has disconnected; a batch under way is not stopped."""
        self._queue.withdraw(pending)
        pending.state = RequestState.DONE
        pending.done = _ignore  # it may have expired already, beside others that end before it

    def expire(self, pending: PendingRequest) -> None:
        """Fail a request whose deadline has passed, unless its last rows are in a batch."""
        if self._queue.withdraw(pending):
            self._fail_expired(pending)

    def stop(self) -> None:
        """Accept no more requests, and end the thread when the waiting ones are finished."""
        self._open = False
        if not self._scheduled and not self._under_way:
            self._batches.put(None)

    def close(self) -> None:
        """Stop, finish the waiting requests, and wait for the thread's end."""
        self._open = False
        if self._thread.is_alive():
            self._batches.put(None)
            self._thread.join()
        computed, self._computed, self._under_way = self._computed, [], False
        self._end_batches(computed)  # before the queue's: a request may have rows in both
        while self._queue.rows:
            parts, expired = self._queue.take(perf_counter_ns())
            self._end_expired(expired)
            if parts:
                self._end_batches(self._compute(parts, _rows_of(parts)))

    def _not_ready(self) -> NotReadyError:
        return NotReadyError(f"model '{self._classifier.metadata.name}' is not ready")

    def _displace(self, pending: PendingRequest) -> None:
        """Queue a request in the place of those of a client that exceeds its share."""
        displaced = self._queue.displace(pending)
        error = "queue: displaced by other clients' requests; retry later"
        for other in displaced:
            self._end(other, error=QueueFullError(error, retry_after=1))
        self._queue.put(pending)

    def _calibrate(self) -> None:
        """Measure a batch of one row and a full one, for the estimates of times."""
        rows = min(self._queue.max_batch_rows, MEASURED_ROWS)
        try:
            one_ns, many_ns = self._classifier.measure(1), self._classifier.measure(rows)
        except Exception:  # requests will fail with a better message, and the thread must go on
            _log.exception("the model could not be measured")
        else:
            self._queue.pace.calibrate(one_ns, many_ns, rows)

    def _schedule(self) -> None:
        """Compute a batch after the loop has read the other requests that have arrived."""
        assert self._loop is not None
        self._scheduled = True
        self._loop.call_soon(self._next_batch)

    def _next_batch(self) -> None:
        """Compute what waits: at once if that is short, else on the thread."""
        self._loop_load.end()
        self._scheduled = False
        if self._under_way and not self._computed:
            return  # the thread calls it again
        parts, expired = self._queue.take(perf_counter_ns())
        rows = _rows_of(parts)
        long = bool(parts) and not self._is_short(rows)
        computed, self._computed, self._under_way = self._computed, [], long
        if long:  # first, so that the thread computes while the loop responds
            self._batches.put((parts, rows))
        self._end_batches(computed)  # before this batch: a request may have rows in both
        self._end_expired(expired)
        if parts and not long:
            self._end_batches(self._compute(parts, rows))
        if not self._under_way and not self._scheduled:
            if self._queue.clients:
                self._schedule()
            elif not self._open:
                self._batches.put(None)

    def _is_short(self, rows: int) -> bool:
        return self._queue.pace.expected_ns(rows) <= MAX_LOOP_NS

    def _work(self) -> None:
        """Compute long batches, until there is None; the thread's function."""
        self._calibrate()
        while (batch := self._batches.get()) is not None:
            self._computed = self._compute(*batch)
            self._call_on_loop(self._next_batch)

    def _compute(self, parts: list[Part], rows: int) -> list[BatchResult]:
        """Compute the parts together or, if that fails, one by one: only the faulty one fails."""
        began = gathered = perf_counter_ns()
        work_began = work_ns()
        outputs: dict[str, FloatArray] = {}
        failure: Exception | None = None
        scale: FloatArray | None = None
        try:
            feed, scale = gather(parts)
            names = output_names(parts)
            gathered = perf_counter_ns()
            outputs = dict(zip(names, self._classifier.compute(names, feed, scale), strict=True))
        except Exception as error:  # of any kind: the engine must go on, the requests must end
            failure = error
        ended = perf_counter_ns()
        processor_ns = work_ns() - work_began
        if failure is not None and len(parts) > 1:
            alone = [self._compute([part], part.stop - part.start) for part in parts]
            return [result for results in alone for result in results]
        queue = self._queue
        return [
            BatchResult(
                parts,
                rows,
                outputs,
                failure,
                began_ns=began,
                gathered_ns=gathered,
                ended_ns=ended,
                processor_ns=processor_ns,
                wait_ns=queue.wait_ns,
                clients=queue.clients,
                scaled=scale is not None,
            )
        ]

    def _call_on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop was closed before the engine: no request is waiting
            _log.debug("a batch ended after the event loop")

    def _end_batches(self, results: list[BatchResult]) -> None:
        """End the requests of a batch; runs on the event loop."""
        for batch in results:
            self._update_pace(batch)
            try:
                self._end_batch(batch)
            except Exception as error:  # of any kind: the requests must end
                self._fail_batch(batch, error)
            try:
                self._on_batch(batch, perf_counter_ns())
            except Exception:  # of any kind: the next batch must be computed
                _log.exception("a batch could not be counted")

    def _fail_batch(self, batch: BatchResult, error: Exception) -> None:
        _log.error("the outputs of a batch could not be divided", exc_info=error)
        for pending, _, _ in batch.parts:
            if pending.state is not RequestState.DONE:
                self._queue.withdraw(pending)
                self._end(pending, error=error)

    def _update_pace(self, batch: BatchResult) -> None:
        ended_ns = batch.ended_ns
        if batch.error is None:  # the time of a failure says nothing about other batches
            since_ns = ended_ns - (self._ended_ns or batch.began_ns)
            self._queue.pace.batch_completed(batch.rows, batch.processor_ns, since_ns)
        self._ended_ns = ended_ns if self._queue.rows else 0

    def _end_batch(self, batch: BatchResult) -> None:
        """End every request whose last rows are in this batch."""
        if batch.error is not None:
            _log.error("a batch failed", exc_info=batch.error)
        whole = batch.error is None and batch.finite
        outputs = BatchOutputs(batch.outputs)
        began_ns, compute_ns = batch.began_ns, batch.ended_ns - batch.began_ns
        first = 0
        for part in batch.parts:
            pending, start, stop = part
            if pending.state is not RequestState.DONE:
                if not start:
                    pending.began_ns = began_ns
                pending.compute_ns += compute_ns
                pending.batch_rows = batch.rows
                if whole and stop - start == pending.size:
                    pending.state = RequestState.DONE
                    pending.batch = outputs
                    pending.first = first
                    _call_back(pending)
                else:
                    self._end_part(part, batch, outputs.rows(first, first + stop - start))
            first += stop - start

    def _end_part(self, part: Part, batch: BatchResult, outputs: Outputs) -> None:
        """Add the outputs for a part of a request's rows, in their order; or end a faulty one."""
        pending = part.pending
        error = batch.error or (None if batch.finite else nonfinite_error(part, outputs))
        if error is not None:
            self._queue.withdraw(pending)  # its other rows
            self._end(pending, error=error)
            return
        pieces = pending.pieces = pending.pieces or []
        pieces.append(outputs)
        if part.stop == pending.size:
            names = pending.request.outputs | ALWAYS_COMPUTED
            joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
            self._end(pending, BatchOutputs(joined))

    def _end_expired(self, expired: list[PendingRequest]) -> None:
        for pending in expired:
            self._fail_expired(pending)

    def _fail_expired(self, pending: PendingRequest) -> None:
        waited_ms = (perf_counter_ns() - pending.queued_ns) // 1_000_000
        message = f"deadline exceeded: waited {waited_ms} ms in the queue"
        self._end(pending, error=DeadlineError(message))

    def _end(
        self,
        pending: PendingRequest,
        batch: BatchOutputs | None = None,
        *,
        error: Exception | None = None,
    ) -> None:
        pending.state = RequestState.DONE
        pending.batch = batch
        pending.error = error
        _call_back(pending)


def _rows_of(parts: list[Part]) -> int:
    rows = 0
    for _, start, stop in parts:
        rows += stop - start
    return rows


def _ignore(_pending: PendingRequest) -> None:
    """No-op callback."""


def _call_back(pending: PendingRequest) -> None:
    try:
        pending.done(pending)
    except Exception:
        _log.exception("a response could not be sent")
