"""Counters of one model: requests, batches, labels and gates, summed over all processes."""

import asyncio
from dataclasses import dataclass
from math import prod
from time import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.arrays import all_finite
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY, TYPICALITY_COLUMNS
from service.drift.baseline import ATYPICAL_SHARES
from service.drift.monitor import DriftMonitor
from service.inference.batch import BatchResult
from service.shared_counters import Numbers, SharedCounters

SECONDS = (
    *(5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)  # upper bounds of the histograms of time
GATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

# Reasons of requests without an inference response.
REASONS = (
    *("bad_request", "too_large", "media_type", "deadline", "queue_full", "not_ready"),
    *("client_disconnected", "internal_error"),
)

# The phases that the protocol's statistics count and time, in its order.
PHASES = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")

# Buffered until there are so many requests, gates or rows, which are counted in a millisecond, or
# until this time has passed.
BUFFERED_REQUESTS = 2048
BUFFERED_GATES = 16_384
LEAST_ROWS = 64
FLUSH_SECONDS = 0.5  # until they are counted where other processes see them

_FAIL = PHASES.index("fail")
_COMBINED = TYPICALITY_COLUMNS.index("combined")
_NANOSECONDS = np.array(SECONDS) * 1e9
_GATE_BOUNDS = np.array(GATES, np.float32)


class Timing(NamedTuple):
    """The duration of each phase of a successful request in ns; `total` from arrival to end.

    `compute` is the time of all its batches, from gathering rows to the outputs; `batch_rows` is
    the size of the last one, including other requests' rows.
    """

    decode: int
    queue: int
    compute: int
    encode: int
    total: int
    batch_rows: int


@dataclass(frozen=True, kw_only=True)
class ModelCounters:
    """Views of one segment; histograms count per bucket, the last is above all bounds.

    phases: (phases, 2), number and ns. batches: (max_batch_rows + 1, 4), by rows of the batch:
    number, ns of gathering, model and delivery. queue, compute, request: requests by time, whose
    sums are among the phases. gates: (layers, bounds + 2), rows by mean gate, with the sum last.
    """

    last_ms: Numbers  # time of the last batch since 1970
    rows: Numbers
    phases: Numbers
    batches: Numbers
    queue: Numbers
    compute: Numbers
    request: Numbers
    predictions: Numbers  # by label
    atypical: Numbers  # rows, without those with a gate scale
    gates: Numbers
    rejected: Numbers  # by reason
    pending: Numbers  # requests that wait or are in a batch
    wait: Numbers  # estimated seconds until a further row is in a batch
    clients: Numbers  # with waiting requests


@dataclass(frozen=True, kw_only=True)
class CountersLayout:
    """The shape of a model's counters."""

    labels: int
    layers: int
    max_batch_rows: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each field of `ModelCounters`, in the segment's order."""
        return {
            **dict.fromkeys(("last_ms", "rows", "atypical"), (1,)),
            **dict.fromkeys(("pending", "wait", "clients"), (1,)),
            **dict.fromkeys(("queue", "compute", "request"), (len(SECONDS) + 1,)),
            "phases": (len(PHASES), 2),
            "batches": (self.max_batch_rows + 1, 4),
            "predictions": (self.labels,),
            "gates": (self.layers, len(GATES) + 2),
            "rejected": (len(REASONS),),
        }

    @property
    def size(self) -> int:
        """The number of float64 values in a segment."""
        return sum(prod(shape) for shape in self.shapes.values())

    def view(self, segment: Numbers) -> ModelCounters:
        """Return views of a segment's numbers by name."""
        views, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + prod(shape)
            views[name] = segment[start:stop].reshape(shape)
            start = stop
        return ModelCounters(**views)


def total_counters(shared: SharedCounters, key: str, layout: CountersLayout) -> ModelCounters:
    """Return the sums over all processes that have served the model.

    Of the time of the last batch and of the wait it is the maximum. What waits is that of the
    processes that are alive.
    """
    total = np.zeros(layout.size)
    counters = layout.view(total)
    last = wait = pending = clients = 0.0
    for segment, alive in shared.segments(key, layout):
        total += segment
        own = layout.view(segment)
        last = max(last, own.last_ms[0])
        if alive:
            pending += own.pending[0]
            clients += own.clients[0]
            wait = max(wait, own.wait[0])
    counters.last_ms[0], counters.pending[0] = last, pending
    counters.wait[0], counters.clients[0] = wait, clients
    return counters


class Statistics:
    """One process's counters of a model, and the sums over all processes.

    Only the event loop's thread may change them.
    """

    def __init__(
        self,
        shared_counters: SharedCounters,
        key: str,
        layout: CountersLayout,
        drift_monitor: DriftMonitor | None = None,
    ) -> None:
        """Count in the segment of this key, and rows in `drift_monitor` too."""
        self._shared_counters = shared_counters
        self._key = key
        self._layout = layout
        self._drift_monitor = drift_monitor
        self._loop: asyncio.AbstractEventLoop | None = None
        own = layout.view(shared_counters.segment(key, layout))
        self._own = own
        self._pending = _memory(own.pending)
        # What ended since the last flush: to count it at once takes a tenth of the time.
        self._timings: list[Timing] = []
        self._batches: list[tuple[int, int, int, int]] = []  # rows, and the times that are counted
        self._last = 0.0, 0  # estimated wait and number of clients after the last batch
        self._max_rows = max(LEAST_ROWS, BUFFERED_GATES // (layout.layers + layout.labels))
        capacity = max(self._max_rows, layout.max_batch_rows)
        # Copies: the arrays of the batches would take the place of warmer memory.
        self._gates = np.empty((capacity, layout.layers), np.float32)
        self._probabilities = np.empty((capacity, layout.labels), np.float32)
        self._typicality = np.empty(capacity, np.float32)
        self._unscaled = np.ones(capacity, np.bool_)  # rows without a gate scale
        self._rows = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Flush buffered rows on `loop` from now on."""
        self._loop = loop

    def request_queued(self) -> None:
        """Count a request that was queued."""
        self._pending[0] += 1

    def request_succeeded(self, timing: Timing) -> None:
        """Count a queued request with its response."""
        self._pending[0] -= 1
        self._timings.append(timing)
        if len(self._timings) >= BUFFERED_REQUESTS:
            self.flush()
        elif self._timer is None:  # a long response may end after the flush of its batch
            self._flush_later()

    def request_failed(self, reason: str, total_ns: int, *, queued: bool) -> None:
        """Count a request that failed for one of the `REASONS`."""
        if queued:
            self._pending[0] -= 1
        self._own.phases[_FAIL] += 1, total_ns
        self._own.rejected[REASONS.index(reason)] += 1

    def batch_completed(self, batch: BatchResult, delivered_ns: int) -> None:
        """Count a batch unless it failed."""
        if batch.error is not None:
            return
        if self._rows + batch.rows > len(self._gates):
            self._count_batches()
        gathered, ended = batch.gathered_ns, batch.ended_ns
        times = (gathered - batch.began_ns, ended - gathered, delivered_ns - ended)
        self._batches.append((batch.rows, *times))
        self._last = batch.wait_ns, batch.clients
        first, last = self._rows, self._rows + batch.rows
        self._gates[first:last] = batch.outputs[GATE_MEAN]
        self._probabilities[first:last] = batch.outputs[PROBABILITIES]
        self._typicality[first:last] = batch.outputs[TYPICALITY][:, _COMBINED]
        if batch.scaled:
            self._unscaled[first:last] = _unscaled(batch)
        self._rows = last
        if last >= self._max_rows:
            self._count_batches()
        elif self._timer is None:
            self._flush_later()

    def flush(self) -> None:
        """Count what is buffered, the rows also in the drift monitor."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._count_requests()
        self._count_batches()

    def _flush_later(self) -> None:
        if self._loop is not None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self.flush)

    def _count_requests(self) -> None:
        timings, self._timings = self._timings, []
        if not timings:
            return
        own = self._own
        decode, queue, compute, encode, total, _ = zip(*timings, strict=True)
        for phase, times in (
            *(("success", total), ("queue", queue), ("compute_input", decode)),
            *(("compute_infer", compute), ("compute_output", encode)),
        ):
            own.phases[PHASES.index(phase)] += len(timings), sum(times)
        for histogram, times in ((own.queue, queue), (own.compute, compute), (own.request, total)):
            buckets = np.searchsorted(_NANOSECONDS, np.array(times, np.float64))
            histogram += np.bincount(buckets, minlength=len(SECONDS) + 1)

    def _count_batches(self) -> None:
        batches, self._batches = self._batches, []
        if not batches:
            return
        own = self._own
        rows, *times = zip(*batches, strict=True)
        np.add.at(own.batches, list(rows), np.column_stack((np.ones(len(rows)), *times)))
        own.rows[0] += sum(rows)
        wait_ns, own.clients[0] = self._last
        own.wait[0] = wait_ns * 1e-9
        own.last_ms[0] = int(time() * 1000)
        count, self._rows = self._rows, 0
        self._count_rows(count)
        self._unscaled[:count] = True

    def _count_rows(self, count: int) -> None:
        """Count the labels and gates of the buffered rows."""
        gates, probabilities = self._gates[:count], self._probabilities[:count]
        typicality, unscaled = self._typicality[:count], self._unscaled[:count]
        if not (all_finite(gates.reshape(-1)) and all_finite(probabilities.reshape(-1))):
            finite = np.isfinite(probabilities).all(axis=1) & np.isfinite(gates).all(axis=1)
            gates, probabilities = gates[finite], probabilities[finite]
            typicality, unscaled = typicality[finite], unscaled[finite]
        labels = probabilities.argmax(axis=1)
        own, layers = self._own, self._layout.layers
        own.predictions[:] += np.bincount(labels, minlength=self._layout.labels)
        buckets = len(GATES) + 1
        codes = np.searchsorted(_GATE_BOUNDS, gates) + buckets * np.arange(layers)
        counts = np.bincount(codes.reshape(-1), minlength=buckets * layers)
        own.gates[:, :-1] += counts.reshape(layers, buckets)
        own.gates[:, -1] += gates.sum(axis=0, dtype=np.float64)
        if not unscaled.all():
            labels, gates, typicality = labels[unscaled], gates[unscaled], typicality[unscaled]
        own.atypical[0] += np.count_nonzero(typicality <= ATYPICAL_SHARES[0])
        if self._drift_monitor is not None:
            self._drift_monitor.add(time(), labels, gates, typicality)

    def total(self) -> ModelCounters:
        """Return the sums over all processes, without what other processes have buffered."""
        self.flush()
        return total_counters(self._shared_counters, self._key, self._layout)


def _unscaled(batch: BatchResult) -> NDArray[np.bool_]:
    """Return for each row of a batch whether it has no gate scale."""
    scales = [part.pending.request.gate_scale is None for part in batch.parts]
    return np.repeat(scales, [part.stop - part.start for part in batch.parts])


def _memory(numbers: Numbers) -> "memoryview[float]":
    """Return the numbers as a memoryview: adding to one takes a third of an array's time."""
    return numbers.reshape(-1).data.cast("B").cast("d")
