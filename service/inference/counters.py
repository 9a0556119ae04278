"""Counters of one model that several processes add to and any of them can sum."""

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import prod
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]  # whole numbers are exact up to 2⁵³

SECONDS = (
    *(5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)  # upper bounds: from an answer of microseconds to one that nobody waits for
GATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

# Why a request got no answer.
REASONS = (
    *("bad_request", "too_large", "media_type", "deadline", "queue_full", "not_ready"),
    *("client_left", "fault"),
)

# The phases whose number and time the protocol's statistics tell, in its order.
PHASES = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Views of one block of numbers; histograms count per bucket, the last is beyond all bounds.

    phases: (phases, 2), number and ns. batches: (run_rows + 1, 4), by rows of the run: number,
    ns of gathering, model and handing over. queue, compute, request: requests by time, whose sums
    are among the phases. gates: (layers, bounds + 2), rows by mean gate, their sum at the end.
    """

    last_ms: Numbers  # of the last answer, since 1970
    rows: Numbers
    runs: Numbers
    phases: Numbers
    batches: Numbers
    queue: Numbers
    compute: Numbers
    request: Numbers
    predictions: Numbers  # by label
    unusual: Numbers  # rows, as the drift watch counts them
    gates: Numbers
    rejected: Numbers  # by reason
    pending: Numbers  # requests that wait or run now


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the size of a model's block of counters depends on."""

    labels: int
    layers: int
    run_rows: int

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """The shape of each field of `Counters`, in their order."""
        seconds = (len(SECONDS) + 1,)
        return dict(
            zip(
                [field.name for field in fields(Counters)],
                [
                    *((1,), (1,), (1,), (len(PHASES), 2), (self.run_rows + 1, 4)),
                    *(seconds, seconds, seconds),
                    *((self.labels,), (1,), (self.layers, len(GATES) + 2), (len(REASONS),), (1,)),
                ],
                strict=True,
            )
        )

    @property
    def size(self) -> int:
        """The number of numbers in a block."""
        return sum(prod(shape) for shape in self.parts.values())

    def view(self, block: Numbers) -> Counters:
        """Return a block's numbers by name; what is added to them is added to the block."""
        views, start = {}, 0
        for name, shape in self.parts.items():
            stop = start + prod(shape)
            views[name] = block[start:stop].reshape(shape)
            start = stop
        return Counters(**views)


class Sized(Protocol):
    """Says how many numbers a block has."""

    @property
    def size(self) -> int:
        """The number of numbers."""


class Board:
    """Where this process keeps the blocks of its models, and finds those of its siblings.

    With a `folder`, a file for each block, named after model and process, which outlives the
    process: a sum never shrinks when a worker is replaced. Without one, this process's memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._own: dict[str, Numbers] = {}

    def block(self, key: str, shape: Sized) -> Numbers:
        """Return this process's block of this key, a model's or another, zeros at first."""
        if key not in self._own:
            self._own[key] = np.frombuffer(self._memory(key, shape.size * 8), np.float64)
        return self._own[key]

    def total(self, key: str, shape: Shape) -> Counters:
        """Return the sums over all processes that have served the model."""
        total = np.zeros(shape.size)
        counters = shape.view(total)
        last, pending = 0.0, 0.0
        for block, alive in self.blocks(key, shape):
            total += block
            own = shape.view(block)
            last = max(last, own.last_ms[0])
            pending += own.pending[0] if alive else 0
        counters.last_ms[0], counters.pending[0] = last, pending
        return counters

    def blocks(self, key: str, shape: Sized) -> Iterator[tuple[Numbers, bool]]:
        """Yield every process's block, and whether the process is still there."""
        if self._folder is None:
            yield self.block(key, shape), True
            return
        for path in sorted(self._folder.iterdir()):
            if path.name.rpartition("@")[0] != key:
                continue
            block = np.fromfile(path, np.float64)
            if len(block) == shape.size:  # else it is being made
                yield block, _alive(int(path.name.rpartition("@")[2].partition("-")[0]))

    def _memory(self, key: str, size: int) -> mmap.mmap:
        if self._folder is None:
            return mmap.mmap(-1, size)
        # A process may get the number of one that has ended, whose counts are to stay.
        name = f"{key}@{os.getpid()}-{token_hex(4)}"
        with open(self._folder / name, "x+b") as file:
            file.truncate(size)
            return mmap.mmap(file.fileno(), size)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
