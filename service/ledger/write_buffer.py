"""Bounded buffer of samples between the event loop and the writer."""

from collections import deque
from itertools import accumulate
from threading import Condition
from typing import NamedTuple

from service.ledger.fields import LedgerRow

MAX_GAPS = 16  # buffered; beyond it, the newest ones are merged
MAX_INPUT_BYTES = 1 << 25  # buffered; beyond it, rows are buffered without their inputs
TOO_SLOW = "the database was too slow"


class RowSample(NamedTuple):
    """A sample of the `seen` rows that were answered from `began_us` to `ended_us`.

    The weights of the `rows` add up to `seen`.
    """

    began_us: int
    ended_us: int
    seen: int
    rows: tuple[LedgerRow, ...]

    @property
    def input_bytes(self) -> int:
        """The size of the inputs of its rows, in bytes."""
        return sum(len(row.content) for row in self.rows if row.content is not None)

    def with_inputs(self, max_bytes: int) -> "RowSample":
        """Return the sample with the inputs of its first rows, at most `max_bytes` of them."""
        sizes = accumulate(0 if row.content is None else len(row.content) for row in self.rows)
        rows = tuple(
            row if size <= max_bytes else row._replace(content=None)
            for row, size in zip(self.rows, sizes, strict=True)
        )
        return self._replace(rows=rows)

    def divide(self) -> tuple["RowSample", "RowSample"]:
        """Return the rows that represent no ordinary ones, and the others, as two samples."""
        rare = tuple(row for row in self.rows if not row.ordinary)
        ordinary = tuple(row for row in self.rows if row.ordinary)
        seen = round(sum(row.weight for row in rare))
        return (
            self._replace(seen=seen, rows=rare),
            self._replace(seen=self.seen - seen, rows=ordinary),
        )


class Gap(NamedTuple):
    """A number of answered rows that are missing in the ledger, and the reason in a sentence."""

    began_us: int
    ended_us: int
    rows: int
    reason: str


class WriteBatch(NamedTuple):
    """What is written in one transaction; `number` counts from 1."""

    number: int
    sample: RowSample | None
    gaps: tuple[Gap, ...]


class WriteBuffer:
    """A queue that, if it is full, replaces ordinary rows by gaps, and then its oldest samples."""

    def __init__(self, capacity: int) -> None:
        """Hold at most `capacity` rows, but always the newest sample, and `MAX_INPUT_BYTES`."""
        self._capacity = capacity
        self._reduced: deque[RowSample] = deque()  # older ones, without their ordinary rows
        self._samples: deque[RowSample] = deque()
        self._buffered_rows = 0
        self._input_bytes = 0
        self._gaps: list[Gap] = []
        self._number = 0
        self._changed = Condition()
        self.closed = False
        self.reason = TOO_SLOW  # of the next gap; set by the writer
        self.lost_rows = 0  # answered rows of all that was discarded

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        with self._changed:
            return not (self._reduced or self._samples or self._gaps)

    @property
    def rows(self) -> int:
        """Number of answered rows that the buffered samples represent."""
        with self._changed:
            return sum(sample.seen for sample in (*self._reduced, *self._samples))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps that are in no write batch yet."""
        with self._changed:
            return tuple(self._gaps)

    def put(self, sample: RowSample) -> None:
        """Add a sample without waiting."""
        with self._changed:
            room = MAX_INPUT_BYTES - self._input_bytes
            size = sample.input_bytes
            if size > room:
                sample = sample.with_inputs(room)
                size = sample.input_bytes
            self._samples.append(sample)
            self._buffered_rows += len(sample.rows)
            self._input_bytes += size
            while self._buffered_rows > self._capacity and self._reduce():
                pass
            self._changed.notify()

    def reject(self, write_batch: WriteBatch, reason: str) -> None:
        """Turn the sample of a write batch into a gap: the database will never accept it."""
        with self._changed:
            self._gaps[:0] = write_batch.gaps
            if write_batch.sample is not None:
                self._discard(write_batch.sample, reason)

    def close(self) -> None:
        """End all waits; no more samples follow."""
        with self._changed:
            self.closed = True
            self._changed.notify()

    def take(self) -> WriteBatch | None:
        """Return the next write batch, None if the buffer is empty."""
        with self._changed:
            if not (self._reduced or self._samples or self._gaps):
                return None
            oldest = self._reduced or self._samples
            sample = oldest.popleft() if oldest else None
            if sample is not None:
                self._buffered_rows -= len(sample.rows)
                self._input_bytes -= sample.input_bytes
            gaps, self._gaps = tuple(self._gaps), []
            self._number += 1
            return WriteBatch(self._number, sample, gaps)

    def wait(self, seconds: float) -> None:
        """Wait for a sample or `close`, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or bool(self._samples), seconds)

    def pause(self, seconds: float) -> None:
        """Wait for `close`, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed, seconds)

    def _reduce(self) -> bool:
        """Discard ordinary rows of the oldest sample that has some, or else the oldest sample.

        Return False if there is only the newest one.
        """
        if len(self._samples) > 1:
            rare, discarded = self._samples.popleft().divide()
            if rare.rows:
                self._reduced.append(rare)
        elif self._reduced:
            discarded = self._reduced.popleft()
        else:
            return False
        if discarded.rows:
            self._buffered_rows -= len(discarded.rows)
            self._input_bytes -= discarded.input_bytes
            self._discard(discarded, self.reason)
        return True

    def _discard(self, sample: RowSample, reason: str) -> None:
        self.lost_rows += sample.seen
        gap = Gap(sample.began_us, sample.ended_us, sample.seen, reason)
        if self._gaps and (self._gaps[-1].reason == reason or len(self._gaps) >= MAX_GAPS):
            last = self._gaps.pop()
            began_us, rows = min(last.began_us, gap.began_us), last.rows + gap.rows
            gap = Gap(began_us, max(last.ended_us, gap.ended_us), rows, last.reason)
        self._gaps.append(gap)
