"""The bounded queue of a model: pending requests, counted in rows, fair to small ones."""

import math
from collections import deque
from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import NamedTuple

from service.arrays import FloatArray, Outputs
from service.errors import QueueFullError


class InferenceRequest(NamedTuple):
    """Rows (n, features) and the names of the outputs wanted for them.

    `gate_scale`, (1 or n, layers), multiplies the gates. `deadline_ns` is on the clock of
    `time.perf_counter_ns`. A named tuple costs a third of a frozen dataclass, for every request.
    """

    rows: FloatArray
    outputs: frozenset[str]
    gate_scale: FloatArray | None = None
    deadline_ns: int | None = None


class RequestState(Enum):
    """The progress of a pending request."""

    WAITING = "in the queue, though some rows may be computed"
    RUNNING = "the last rows are in a batch"
    DONE = "succeeded, failed, expired or cancelled"


class PendingRequest:
    """A request from the queue to its end; all times in ns of `time.perf_counter_ns`.

    Unless it was cancelled, `outputs` or `error` is set at its end. `compute_ns` is the total time
    of its batches, `batch_rows` the size of the last one, including other requests' rows.
    """

    __slots__ = (
        *("request", "done", "queued_ns", "size", "taken", "state", "pieces"),
        *("began_ns", "compute_ns", "batch_rows", "outputs", "error"),
    )

    def __init__(
        self, request: InferenceRequest, done: Callable[["PendingRequest"], None], queued_ns: int
    ) -> None:
        self.request = request
        self.done = done
        self.queued_ns = queued_ns
        self.size = len(request.rows)
        self.taken = 0  # rows that went into a batch
        self.state = RequestState.WAITING
        self.pieces: list[Outputs] | None = None  # of a request larger than a batch
        self.began_ns = 0
        self.compute_ns = 0
        self.batch_rows = 0
        self.outputs: Outputs | None = None
        self.error: Exception | None = None

    @property
    def remaining(self) -> int:
        """The number of rows that are in no batch yet."""
        return self.size - self.taken


class Part(NamedTuple):
    """Rows `start` to `stop` of a pending request, as part of one batch."""

    pending: PendingRequest
    start: int
    stop: int


class RowQueue:
    """Pending requests, of which `take` returns as many rows as fit one batch.

    The event loop puts and withdraws, the inference thread takes. A request larger than a batch
    gives one batch at a time and goes to the back, so that small requests are taken in between.
    """

    def __init__(self, *, capacity: int, max_batch_rows: int) -> None:
        """Hold at most `capacity` waiting rows; a batch has at most `max_batch_rows`."""
        self._capacity = capacity
        self._max_batch_rows = max_batch_rows
        self._waiting: deque[PendingRequest] = deque()
        self._lock = Lock()
        self._idle = True  # the thread found the queue empty and sleeps
        self._ns_per_row = 0.0  # a moving average, to estimate when there will be room
        self.rows = 0  # waiting

    def put(self, pending: PendingRequest) -> bool:
        """Add a request or raise `QueueFullError`; return whether the thread must be woken."""
        with self._lock:
            if self.rows + pending.size > self._capacity:
                raise QueueFullError(
                    f"queue: expected room for {pending.size} rows, found "
                    f"{self._capacity - self.rows} of {self._capacity}; retry later",
                    retry_after=max(1, math.ceil(self.rows * self._ns_per_row / 1e9)),
                )
            self.rows += pending.size
            self._waiting.append(pending)
            wake, self._idle = self._idle, False
            return wake

    def withdraw(self, pending: PendingRequest) -> bool:
        """Remove a request that is no longer needed; False if all its rows are in batches."""
        with self._lock:
            if pending.state is not RequestState.WAITING:
                return False
            pending.state = RequestState.DONE
            self.rows -= pending.remaining
            return True  # `take` skips it: removal from the middle of a deque is expensive

    def take(self, now_ns: int) -> tuple[list[Part], list[PendingRequest]]:
        """Return the parts of the next batch, and the requests whose deadline has passed.

        Both are empty only if nothing waits; the next `put` then returns True.
        """
        parts: list[Part] = []
        expired: list[PendingRequest] = []
        room = self._max_batch_rows
        with self._lock:
            while room and self._waiting:
                pending = self._waiting[0]
                if pending.state is RequestState.DONE:
                    self._waiting.popleft()
                    continue
                deadline_ns = pending.request.deadline_ns
                if deadline_ns is not None and now_ns > deadline_ns:
                    self._waiting.popleft()
                    pending.state = RequestState.DONE
                    self.rows -= pending.remaining
                    expired.append(pending)
                    continue
                if parts and room < pending.remaining <= self._max_batch_rows:
                    break  # it fits the next batch; split now, it would need two
                self._waiting.popleft()
                parts.append(self._part(pending, room))
                room -= parts[-1].stop - parts[-1].start
            self._idle = not parts and not expired
        return parts, expired

    def batch_completed(self, rows: int, ns: int) -> None:
        """Update the average time of a row."""
        self._ns_per_row += 0.1 * (ns / rows - self._ns_per_row)

    def _part(self, pending: PendingRequest, room: int) -> Part:
        start = pending.taken
        pending.taken = min(pending.size, start + room)
        self.rows -= pending.taken - start
        if pending.remaining:
            self._waiting.append(pending)
        else:
            pending.state = RequestState.RUNNING
        return Part(pending, start, pending.taken)
