"""What a model has done so far: counted as it happens, in little time."""

from bisect import bisect_left
from time import time
from typing import NamedTuple

import numpy as np

from service.contract import GATE_MEAN, PROBABILITIES, UNUSUAL, UNUSUAL_BY
from service.drift.baseline import UNUSUAL_SHARES
from service.drift.watch import Watch
from service.inference.counters import (
    GATES,
    PHASES,
    REASONS,
    SECONDS,
    Board,
    Counters,
    Numbers,
    Shape,
)
from service.inference.run import Run

BUFFERED_ROWS = 256  # whose gates are counted together, at a tenth of the cost

BOTH = UNUSUAL_BY.index("both")

NANOSECONDS = tuple(round(bound * 1e9) for bound in SECONDS)

_SUCCESS, _FAIL, _QUEUE, _INPUT, _INFER, _OUTPUT = range(0, 2 * len(PHASES), 2)


class Timing(NamedTuple):
    """How long the phases of one answered request took, in ns; `total` from its first to its last.

    `model` counts all its runs, from gathering rows to the outputs; `batch_rows` is how many rows,
    others' too, were in the last of them.
    """

    decode: int
    queue: int
    model: int
    encode: int
    total: int
    batch_rows: int


class Statistics:
    """One process's share of a model's counters, and the sums over all processes.

    Only the event loop's thread may add to them.
    """

    def __init__(self, board: Board, key: str, shape: Shape, watch: Watch | None = None) -> None:
        """Count on the board under this key; the rows also where drift is watched."""
        self._board = board
        self._key = key
        self._shape = shape
        self._watch = watch
        block = board.block(key, shape)
        own = shape.view(block)
        self._own = own
        self._phases = _memory(own.phases)
        self._queue = _memory(own.queue)
        self._compute = _memory(own.compute)
        self._request = _memory(own.request)
        self._pending = _memory(own.pending)
        self._gates = np.empty((max(BUFFERED_ROWS, shape.run_rows), shape.layers), np.float32)
        self._probabilities = np.empty((len(self._gates), shape.labels), np.float32)
        self._unusual = np.empty(len(self._gates), np.float32)
        self._plain = np.empty(len(self._gates), np.bool_)  # asked without a gate scale
        self._buffered = 0

    def entered(self) -> None:
        """Count in a request that was queued."""
        self._pending[0] += 1

    def answered(self, timing: Timing) -> None:
        """Count out a request that got its answer."""
        # Line by line, for a loop takes twice the time, and this is done for every request.
        self._pending[0] -= 1
        decode, queue, model, encode, total, _ = timing
        phases = self._phases
        phases[_SUCCESS] += 1
        phases[_SUCCESS + 1] += total
        phases[_QUEUE] += 1
        phases[_QUEUE + 1] += queue
        phases[_INPUT] += 1
        phases[_INPUT + 1] += decode
        phases[_INFER] += 1
        phases[_INFER + 1] += model
        phases[_OUTPUT] += 1
        phases[_OUTPUT + 1] += encode
        self._queue[bisect_left(NANOSECONDS, queue)] += 1
        self._compute[bisect_left(NANOSECONDS, model)] += 1
        self._request[bisect_left(NANOSECONDS, total)] += 1

    def failed(self, reason: str, total_ns: int, *, entered: bool) -> None:
        """Count out a request that got no answer, for one of the `REASONS`."""
        if entered:
            self._pending[0] -= 1
        self._phases[_FAIL] += 1
        self._phases[_FAIL + 1] += total_ns
        self._own.rejected[REASONS.index(reason)] += 1

    def ran(self, run: Run, handed_over_ns: int) -> None:
        """Count a run of the model that ended well, its labels and gates."""
        if run.error is not None:
            return
        own = self._own
        own.last_ms[0] = int(time() * 1000)
        own.rows[0] += run.rows
        own.runs[0] += 1
        own.batches[run.rows] += (
            1,
            run.model_ns - run.began_ns,
            run.ended_ns - run.model_ns,
            handed_over_ns - run.ended_ns,
        )
        self._keep(run)

    @property
    def buffered(self) -> bool:
        """Whether rows wait for `settle`."""
        return self._buffered > 0

    def settle(self) -> None:
        """Count the labels and gates of the rows that were kept for it, now, and watch them."""
        count, self._buffered = self._buffered, 0
        probabilities, gates = self._probabilities[:count], self._gates[:count]
        finite = np.isfinite(probabilities).all(axis=1) & np.isfinite(gates).all(axis=1)
        plain, unusual = self._plain[:count][finite], self._unusual[:count][finite]
        gates, labels = gates[finite], probabilities[finite].argmax(axis=1)
        own = self._own
        own.predictions[:] += np.bincount(labels, minlength=self._shape.labels)
        bounds = len(GATES) + 1
        codes = np.searchsorted(GATES, gates) + bounds * np.arange(self._shape.layers)
        counts = np.bincount(codes.reshape(-1), minlength=bounds * self._shape.layers)
        own.gates[:, :-1] += counts.reshape(self._shape.layers, bounds)
        own.gates[:, -1] += gates.sum(axis=0, dtype=np.float64)
        labels, gates, unusual = labels[plain], gates[plain], unusual[plain]
        own.unusual[0] += np.count_nonzero(unusual <= UNUSUAL_SHARES[0])
        if self._watch is not None:
            self._watch.add(time(), labels, gates, unusual)

    def total(self) -> Counters:
        """Return the sums over all processes; another's last half second of gates may lack."""
        self.settle()
        return self._board.total(self._key, self._shape)

    def _keep(self, run: Run) -> None:
        if self._buffered + run.rows > len(self._gates):
            self.settle()
        first, last = self._buffered, self._buffered + run.rows
        self._gates[first:last] = run.outputs[GATE_MEAN]
        self._probabilities[first:last] = run.outputs[PROBABILITIES]
        self._unusual[first:last] = run.outputs[UNUSUAL][:, BOTH]
        self._plain[first:last] = True
        for ticket, start, stop in run.parts:
            if ticket.question.gate_scale is not None:
                self._plain[first : first + stop - start] = False
            first += stop - start
        self._buffered = last


def _memory(numbers: Numbers) -> "memoryview[float]":
    """Return the numbers as a memoryview: adding to one takes a third of an array's time."""
    return numbers.reshape(-1).data.cast("B").cast("d")
