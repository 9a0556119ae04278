"""Sliding windows of traffic, counted in slots of shared memory.

A slot is a row of 32-bit integers: its number since 1970, rows at least as atypical as each of the
`ATYPICAL_SHARES`, rows by label, and rows by label, layer and bin. Each window reuses its slots
cyclically. A total skips slots whose number is outside the window, so old slots need no clean-up,
and the segments of several processes add up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.baselines import GATE_BINS
from service.drift.baseline import ATYPICAL_SHARES, HeldOut, IntArray
from service.shared_counters import Numbers

Slots = NDArray[np.uint32]  # (slots, integers)

WEEK_SECONDS = 7 * 24 * 3600
GRACE_SECONDS = 1.0  # another process may still add rows to a slot just after its end
SPARE_SLOTS = 2  # beyond the window: the slot being filled, and one that a slow reader may read
CHUNK_ROWS = 256  # rows counted at once
_NUMBER, _ATYPICAL, _LABELS = 0, 1, 1 + len(ATYPICAL_SHARES)  # offsets in a slot


class Span(NamedTuple):
    """Slot numbers from `first` to before `stop`, counted since 1970."""

    first: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """A sliding window of `slots` slots, each `seconds` long."""

    name: str
    slots: int
    seconds: int

    @property
    def evaluations_per_week(self) -> int:
        """The number of evaluations in a week: one for each slot that the window slides by."""
        return WEEK_SECONDS // self.seconds

    def slot(self, now: float) -> int:
        """Return the number of the slot that is filled at `now`, in seconds since 1970."""
        return int(now // self.seconds)

    def span(self, now: float) -> Span:
        """Return the slots of the window that is evaluated at `now`: complete ones only."""
        stop = self.slot(now - GRACE_SECONDS)
        return Span(stop - self.slots, stop)


WINDOWS = (
    Window(name="5m", slots=10, seconds=30),
    Window(name="1h", slots=12, seconds=300),
    Window(name="1d", slots=24, seconds=3600),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowCounts:
    """The rows of a window.

    atypical: (ATYPICAL_SHARES,) rows. labels: (labels,) rows by predicted label. counts: (labels,
    layers, GATE_BINS), as in `HeldOut`.
    """

    atypical: IntArray
    labels: IntArray
    counts: IntArray

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.labels.sum())


@dataclass(frozen=True, kw_only=True)
class SlotLayout:
    """The layout of a model's segment of slots."""

    labels: int
    layers: int

    @classmethod
    def of(cls, held_out: HeldOut) -> "SlotLayout":
        """Return the layout for a model's held-out rows."""
        labels, layers, _ = held_out.counts.shape
        return cls(labels=labels, layers=layers)

    @property
    def slot_size(self) -> int:
        """The number of integers in a slot."""
        return _LABELS + self.labels + self.labels * self.layers * GATE_BINS

    @property
    def size(self) -> int:
        """The number of 64-bit numbers in a segment; each holds two integers of a slot."""
        return (self._ends[-1] * self.slot_size + 1) // 2

    def slots(self, segment: Numbers) -> dict[Window, Slots]:
        """Return views of a segment's slots by window."""
        integers = segment.view(np.uint32)[: self._ends[-1] * self.slot_size]
        slots, spans = integers.reshape(-1, self.slot_size), pairwise(self._ends)
        return {w: slots[first:stop] for w, (first, stop) in zip(WINDOWS, spans, strict=True)}

    def total(self, segments: Iterable[Numbers], window: Window, now: float) -> WindowCounts:
        """Add up a window over the segments of all processes."""
        first, stop = window.span(now)
        total = np.zeros(self.slot_size, np.int64)
        for segment in segments:
            slots = self.slots(segment)[window]
            within = (slots[:, _NUMBER] >= first) & (slots[:, _NUMBER] < stop)
            total += slots[within].sum(axis=0, dtype=np.int64)
        bins = _LABELS + self.labels
        return WindowCounts(
            atypical=total[_ATYPICAL:_LABELS],
            labels=total[_LABELS:bins],
            counts=total[bins:].reshape(self.labels, self.layers, GATE_BINS),
        )

    @property
    def _ends(self) -> list[int]:
        return [0, *np.cumsum([window.slots + SPARE_SLOTS for window in WINDOWS]).tolist()]


class SlotCounter:
    """Adds rows to the slots of this process's segment; not thread-safe."""

    def __init__(self, held_out: HeldOut, segment: Numbers) -> None:
        layout = SlotLayout.of(held_out)
        self._labels, self._layers = layout.labels, layout.layers
        self._slots = layout.slots(segment)
        # (edges, labels, layers): rows are compared with one edge at a time.
        self._edges = np.ascontiguousarray(held_out.edges.transpose(2, 0, 1))
        self._counts = np.zeros(layout.slot_size, np.uint32)  # of one call, as in a slot
        self._first_code = GATE_BINS * np.arange(layout.layers)
        # Reused: allocating these at each call would take most of its time.
        shape = (CHUNK_ROWS, layout.layers)
        self._bins, self._above = np.empty(shape, np.uint8), np.empty(shape, np.bool_)
        self._row_edges, self._codes = np.empty(shape, np.float32), np.empty(shape, np.intp)

    def add(
        self,
        now: float,
        labels: NDArray[np.intp],
        gates: NDArray[np.float32],
        typicality: NDArray[np.float32],
    ) -> None:
        """Count rows predicted at `now`, in seconds since 1970.

        labels: (rows,) predicted label indices. gates: (rows, layers) mean gates. typicality:
        (rows,) combined p-values.
        """
        if not len(labels):
            return
        counts, bins = self._counts, _LABELS + self._labels
        counts[_ATYPICAL:_LABELS] = [np.count_nonzero(typicality <= s) for s in ATYPICAL_SHARES]
        counts[_LABELS:bins] = np.bincount(labels, minlength=self._labels)
        counts[bins:] = 0
        for first in range(0, len(labels), CHUNK_ROWS):
            chunk = slice(first, first + CHUNK_ROWS)
            codes = self._codes_of(labels[chunk], gates[chunk])
            counts[bins:] += np.bincount(codes, minlength=len(counts) - bins).astype(np.uint32)
        for window, slots in self._slots.items():
            number = window.slot(now)
            slot = slots[number % len(slots)]
            if slot[_NUMBER] != number:
                slot[:] = 0  # first, so that no reader adds old counts to the new number
                slot[_NUMBER] = number
            slot[_ATYPICAL:] += counts[_ATYPICAL:]

    def _codes_of(self, labels: NDArray[np.intp], gates: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return (rows · layers,) indices of the rows' bins in a flat (labels, layers, bins)."""
        rows = len(labels)
        bins, edges, above = self._bins[:rows], self._row_edges[:rows], self._above[:rows]
        bins[:] = 0
        for edge in self._edges:
            edge.take(labels, axis=0, out=edges, mode="clip")  # faster than with bounds checks
            np.greater(gates, edges, out=above)
            bins += above
        codes = self._codes[:rows]
        np.add(bins, self._first_code, out=codes)
        codes += (labels * (self._layers * GATE_BINS))[:, None]
        return codes.reshape(-1)
