"""Counters of one model: requests, batches, labels and gates, summed over all processes."""

import asyncio
from bisect import bisect_left
from dataclasses import dataclass
from math import prod
from time import time
from typing import NamedTuple

import numpy as np

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

BUFFERED_ROWS = 256  # whose gates are counted together, at a tenth of the cost
FLUSH_SECONDS = 0.5  # until buffered rows are counted where other processes see them

_SUCCESS, _FAIL, _QUEUE, _INPUT, _INFER, _OUTPUT = range(0, 2 * len(PHASES), 2)
_COMBINED = TYPICALITY_COLUMNS.index("combined")
_NANOSECONDS = tuple(round(bound * 1e9) for bound in SECONDS)


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
        self._phases = _memory(own.phases)
        self._queue = _memory(own.queue)
        self._compute = _memory(own.compute)
        self._request = _memory(own.request)
        self._pending = _memory(own.pending)
        self._wait = _memory(own.wait)
        self._clients = _memory(own.clients)
        capacity = max(BUFFERED_ROWS, layout.max_batch_rows)
        self._gates = np.empty((capacity, layout.layers), np.float32)
        self._probabilities = np.empty((capacity, layout.labels), np.float32)
        self._typicality = np.empty(capacity, np.float32)
        self._unscaled = np.empty(capacity, np.bool_)  # rows without a gate scale
        self._buffered = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Flush buffered rows on `loop` from now on."""
        self._loop = loop

    def request_queued(self) -> None:
        """Count a request that was queued."""
        self._pending[0] += 1

    def request_succeeded(self, timing: Timing) -> None:
        """Count a queued request with its response."""
        # Not a loop, which takes twice the time: this runs for every request.
        self._pending[0] -= 1
        decode, queue, compute, encode, total, _ = timing
        phases = self._phases
        phases[_SUCCESS] += 1
        phases[_SUCCESS + 1] += total
        phases[_QUEUE] += 1
        phases[_QUEUE + 1] += queue
        phases[_INPUT] += 1
        phases[_INPUT + 1] += decode
        phases[_INFER] += 1
        phases[_INFER + 1] += compute
        phases[_OUTPUT] += 1
        phases[_OUTPUT + 1] += encode
        self._queue[bisect_left(_NANOSECONDS, queue)] += 1
        self._compute[bisect_left(_NANOSECONDS, compute)] += 1
        self._request[bisect_left(_NANOSECONDS, total)] += 1

    def request_failed(self, reason: str, total_ns: int, *, queued: bool) -> None:
        """Count a request that failed for one of the `REASONS`."""
        if queued:
            self._pending[0] -= 1
        self._phases[_FAIL] += 1
        self._phases[_FAIL + 1] += total_ns
        self._own.rejected[REASONS.index(reason)] += 1

    def batch_completed(self, batch: BatchResult, delivered_ns: int) -> None:
        """Count a batch unless it failed; its labels and gates are buffered until `flush`."""
        self._wait[0] = batch.wait_ns * 1e-9
        self._clients[0] = batch.clients
        if batch.error is not None:
            return
        own = self._own
        own.last_ms[0] = int(time() * 1000)
        own.rows[0] += batch.rows
        own.batches[batch.rows] += (
            1,
            batch.gathered_ns - batch.began_ns,
            batch.ended_ns - batch.gathered_ns,
            delivered_ns - batch.ended_ns,
        )
        if not self._buffered and self._loop is not None:
            self._loop.call_later(FLUSH_SECONDS, self.flush)
        self._buffer(batch)

    def flush(self) -> None:
        """Count the labels and gates of the buffered rows, also in the drift monitor."""
        count, self._buffered = self._buffered, 0
        probabilities, gates = self._probabilities[:count], self._gates[:count]
        finite = np.isfinite(probabilities).all(axis=1) & np.isfinite(gates).all(axis=1)
        unscaled, typicality = self._unscaled[:count][finite], self._typicality[:count][finite]
        gates, labels = gates[finite], probabilities[finite].argmax(axis=1)
        own, layers = self._own, self._layout.layers
        own.predictions[:] += np.bincount(labels, minlength=self._layout.labels)
        buckets = len(GATES) + 1
        codes = np.searchsorted(GATES, gates) + buckets * np.arange(layers)
        counts = np.bincount(codes.reshape(-1), minlength=buckets * layers)
        own.gates[:, :-1] += counts.reshape(layers, buckets)
        own.gates[:, -1] += gates.sum(axis=0, dtype=np.float64)
        labels, gates, typicality = labels[unscaled], gates[unscaled], typicality[unscaled]
        own.atypical[0] += np.count_nonzero(typicality <= ATYPICAL_SHARES[0])
        if self._drift_monitor is not None:
            self._drift_monitor.add(time(), labels, gates, typicality)

    def total(self) -> ModelCounters:
        """Return the sums over all processes, without rows that other processes have buffered."""
        self.flush()
        return total_counters(self._shared_counters, self._key, self._layout)

    def _buffer(self, batch: BatchResult) -> None:
        if self._buffered + batch.rows > len(self._gates):
            self.flush()
        first, last = self._buffered, self._buffered + batch.rows
        self._gates[first:last] = batch.outputs[GATE_MEAN]
        self._probabilities[first:last] = batch.outputs[PROBABILITIES]
        self._typicality[first:last] = batch.outputs[TYPICALITY][:, _COMBINED]
        self._unscaled[first:last] = True
        for pending, start, stop in batch.parts:
            if pending.request.gate_scale is not None:
                self._unscaled[first : first + stop - start] = False
            first += stop - start
        self._buffered = last


def _memory(numbers: Numbers) -> "memoryview[float]":
    """Return the numbers as a memoryview: adding to one takes a third of an array's time."""
    return numbers.reshape(-1).data.cast("B").cast("d")
