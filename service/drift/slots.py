"""A process's rows by label, layer and bin in the slots of every window, in one block of numbers.

A slot is a line of 32-bit numbers: its number since 1970, rows that look as unusual as each of the
`UNUSUAL_SHARES`, rows by label, and rows by label, layer and bin. Lines are used in turn. One
whose number is not of a window is not counted to it, so nobody has to clear what is over, and the
lines of several processes add up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from service.drift.baseline import BINS, UNUSUAL_SHARES, HeldOut, Whole
from service.drift.windows import WINDOWS, Window
from service.inference.counters import Numbers

Lines = NDArray[np.uint32]  # (slots, numbers)

SPARE = 2  # lines beyond the window's: the one being filled, and one that a slow reader may read
ROWS = 256  # that are counted together
_NUMBER, _UNUSUAL, _LABELS = 0, 1, 1 + len(UNUSUAL_SHARES)  # where they begin in a line


@dataclass(frozen=True, kw_only=True, eq=False)
class Tallied:
    """Rows that were answered in a window.

    unusual: (UNUSUAL_SHARES,) rows. labels: (labels,) rows by predicted label. counts: (labels,
    layers, BINS), as in `HeldOut`.
    """

    unusual: Whole
    labels: Whole
    counts: Whole

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.labels.sum())


@dataclass(frozen=True, kw_only=True)
class SlotShape:
    """What the size of a model's block of slots depends on."""

    labels: int
    layers: int

    @classmethod
    def of(cls, held_out: HeldOut) -> "SlotShape":
        """Take the sizes of a model's held-out rows."""
        labels, layers, _ = held_out.counts.shape
        return cls(labels=labels, layers=layers)

    @property
    def line(self) -> int:
        """The number of numbers in a slot."""
        return _LABELS + self.labels + self.labels * self.layers * BINS

    @property
    def size(self) -> int:
        """The number of 64-bit numbers in a block, which hold two of a slot's each."""
        return (self._ends[-1] * self.line + 1) // 2

    def lines(self, block: Numbers) -> dict[Window, Lines]:
        """Return a block's slots by window; what is added to them is added to the block."""
        numbers = block.view(np.uint32)[: self._ends[-1] * self.line].reshape(-1, self.line)
        spans = pairwise(self._ends)
        return {w: numbers[a:b] for w, (a, b) in zip(WINDOWS, spans, strict=True)}

    @property
    def _ends(self) -> list[int]:
        return [0, *np.cumsum([window.slots + SPARE for window in WINDOWS]).tolist()]

    def total(self, blocks: Iterable[Numbers], window: Window, now: float) -> Tallied:
        """Add up a window over the blocks of all processes."""
        first, stop = window.span(now)
        total = np.zeros(self.line, np.int64)
        for block in blocks:
            lines = self.lines(block)[window]
            within = (lines[:, _NUMBER] >= first) & (lines[:, _NUMBER] < stop)
            total += lines[within].sum(axis=0, dtype=np.int64)
        middle = _LABELS + self.labels
        return Tallied(
            unusual=total[_UNUSUAL:_LABELS],
            labels=total[_LABELS:middle],
            counts=total[middle:].reshape(self.labels, self.layers, BINS),
        )


class Tally:
    """Adds rows to the slots of this process's block; only one thread may."""

    def __init__(self, held_out: HeldOut, block: Numbers) -> None:
        shape = SlotShape.of(held_out)
        self._labels, self._layers = shape.labels, shape.layers
        self._lines = shape.lines(block)
        self._edges = np.ascontiguousarray(held_out.edges.transpose(2, 0, 1))  # by edge first
        self._line = np.zeros(shape.line, np.uint32)
        self._first_code = BINS * np.arange(shape.layers)
        # Kept, for memory that is new at each call would take most of the time.
        size = (ROWS, shape.layers)
        self._bins, self._above = np.empty(size, np.uint8), np.empty(size, np.bool_)
        self._own_edges, self._codes = np.empty(size, np.float32), np.empty(size, np.intp)

    def add(
        self,
        now: float,
        labels: NDArray[np.intp],
        gates: NDArray[np.float32],
        unusual: NDArray[np.float32],
    ) -> None:
        """Count rows answered now, in seconds since 1970.

        labels: (rows,) predicted ones, from 0. gates: (rows, layers) mean gates. unusual: (rows,)
        shares of held-out rows that look less usual.
        """
        if not len(labels):
            return
        line, middle = self._line, _LABELS + self._labels
        line[_UNUSUAL:_LABELS] = [np.count_nonzero(unusual <= s) for s in UNUSUAL_SHARES]
        line[_LABELS:middle] = np.bincount(labels, minlength=self._labels)
        line[middle:] = 0
        for first in range(0, len(labels), ROWS):
            some = slice(first, first + ROWS)
            codes = self._codes_of(labels[some], gates[some])
            line[middle:] += np.bincount(codes, minlength=len(line) - middle).astype(np.uint32)
        for window, lines in self._lines.items():
            number = window.slot(now)
            slot = lines[number % len(lines)]
            if slot[_NUMBER] != number:
                slot[:] = 0  # no number before it is empty
                slot[_NUMBER] = number
            slot[_UNUSUAL:] += line[_UNUSUAL:]

    def _codes_of(self, labels: NDArray[np.intp], gates: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the place of each row's bin in each layer among all labels, layers and bins."""
        rows = len(labels)
        bins, edges, above = self._bins[:rows], self._own_edges[:rows], self._above[:rows]
        bins[:] = 0
        for edge in self._edges:
            edge.take(labels, axis=0, out=edges, mode="clip")  # which checks no label, and is quick
            np.greater(gates, edges, out=above)
            bins += above
        codes = self._codes[:rows]
        np.add(bins, self._first_code, out=codes)
        codes += (labels * (self._layers * BINS))[:, None]
        return codes.reshape(-1)
