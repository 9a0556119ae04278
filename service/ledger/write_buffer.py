"""Bounded buffer of samples between the event loop and the writer."""

from collections import deque
from threading import Condition
from typing import NamedTuple

from service.ledger.fields import LedgerRow

MAX_GAPS = 16  # buffered; beyond it, the newest ones are merged
TOO_SLOW = "the database was too slow"


class RowSample(NamedTuple):
    """A sample of the `seen` rows that were answered from `began_us` to `ended_us`."""

    began_us: int
    ended_us: int
    seen: int
    rows: tuple[LedgerRow, ...]

    @property
    def weight(self) -> float:
        """How many answered rows each row represents."""
        return self.seen / len(self.rows)


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
    """A queue that replaces its oldest samples by a gap when it is full."""

    def __init__(self, capacity: int) -> None:
        """Hold at most `capacity` rows, but always the newest sample."""
        self._capacity = capacity
        self._samples: deque[RowSample] = deque()
        self._buffered_rows = 0
        self._gaps: list[Gap] = []
        self._number = 0
        self._changed = Condition()
        self.closed = False
        self.reason = TOO_SLOW  # of the next gap; set by the writer
        self.lost_rows = 0  # answered rows of all discarded samples

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        with self._changed:
            return not self._samples and not self._gaps

    @property
    def rows(self) -> int:
        """Number of answered rows that the buffered samples represent."""
        with self._changed:
            return sum(sample.seen for sample in self._samples)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps that are in no write batch yet."""
        with self._changed:
            return tuple(self._gaps)

    def put(self, sample: RowSample) -> None:
        """Add a sample without waiting."""
        with self._changed:
            self._samples.append(sample)
            self._buffered_rows += len(sample.rows)
            while self._buffered_rows > self._capacity and len(self._samples) > 1:
                oldest = self._samples.popleft()
                self._buffered_rows -= len(oldest.rows)
                self._discard(oldest, self.reason)
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
            if not self._samples and not self._gaps:
                return None
            sample = self._samples.popleft() if self._samples else None
            self._buffered_rows -= len(sample.rows) if sample else 0
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

    def _discard(self, sample: RowSample, reason: str) -> None:
        self.lost_rows += sample.seen
        gap = Gap(sample.began_us, sample.ended_us, sample.seen, reason)
        if self._gaps and (self._gaps[-1].reason == reason or len(self._gaps) >= MAX_GAPS):
            last = self._gaps.pop()
            began_us, rows = min(last.began_us, gap.began_us), last.rows + gap.rows
            gap = Gap(began_us, max(last.ended_us, gap.ended_us), rows, last.reason)
        self._gaps.append(gap)
