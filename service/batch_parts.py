"""A batch in parts: long batches use all threads, and no part needs much memory.

onnxruntime's own threads divide every single product, and wait for each other after each of them.
The products of a highway network are small, so they gain nothing, or less than parts of the rows
that pass through the whole network. docs/measurements/session.md compares both.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.arrays import FloatArray

# onnxruntime keeps a plan of the memory for each number of rows that it has computed, 50 kB in 100
# layers. Without a limit, many different large batches would fill the memory with plans.
MOST_ROWS = 128
# Each part costs a fixed time: at most an eighth of the shortest part with a thread of its own, and
# a 32nd of the longest. Longer ones save no time, and need more memory.
SHORTEST_IN_ROW_TIMES, LONGEST_IN_SHORTEST = 8, 4
# All intermediate values of a part are in one block of memory. glibc keeps blocks of up to 32 MiB,
# and gets larger ones anew from the system; a convolutional network fills 16 MiB in this time.
LONGEST_NS = 10_000_000
MEASURED_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class PartLimits:
    """The number of rows of a part: at least for a thread of its own, and at most."""

    least: int = MOST_ROWS // 2
    most: int = MOST_ROWS

    @classmethod
    def measured(cls, one_ns: int, several_ns: int) -> "PartLimits":
        """Return the limits of a network by its times for 1 row and for `MEASURED_ROWS`."""
        row_ns = max(1.0, (several_ns - one_ns) / (MEASURED_ROWS - 1))
        fixed_ns = max(0.0, one_ns - row_ns)
        shortest = (SHORTEST_IN_ROW_TIMES * one_ns - fixed_ns) / row_ns
        longest = min(LONGEST_IN_SHORTEST * shortest, LONGEST_NS / row_ns)
        most = _rows(longest, MOST_ROWS)
        return cls(least=_rows(shortest, min(most, MOST_ROWS // 2)), most=most)

    def divide(self, rows: int, threads: int) -> list[slice]:
        """Return slices of almost equal lengths."""
        count = max(-(-rows // self.most), min(threads, rows // self.least), 1)
        edges = [rows * edge // count for edge in range(count + 1)]
        return [slice(*pair) for pair in pairwise(edges)]


class PartThreads:
    """Threads that compute the parts of a batch, the calling one among them."""

    def __init__(self, threads: int) -> None:
        """Start no thread before a batch has several parts."""
        self.count = threads
        self._others = ThreadPoolExecutor(max(1, threads - 1), "batch-part")

    def compute(
        self, parts: Sequence[slice], compute: Callable[[slice], list[FloatArray]]
    ) -> list[FloatArray]:
        """Return the outputs of all parts, joined in the order of the rows."""
        computed: list[list[FloatArray]] = [[] for _ in parts]
        waiting = iter(enumerate(parts))  # each thread takes its next part from it

        def work() -> None:
            for index, part in waiting:
                computed[index] = compute(part)

        others: list[Future[None]] = [
            self._others.submit(work) for _ in range(min(self.count, len(parts)) - 1)
        ]
        work()
        for other in others:
            if not other.cancel():  # a thread that another batch keeps is not waited for
                other.result()
        return [np.concatenate(output) for output in zip(*computed, strict=True)]


def _rows(number: float, most: int) -> int:
    return max(MEASURED_ROWS, int(min(number, most)))
