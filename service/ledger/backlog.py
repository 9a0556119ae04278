"""Batches on their way from the event loop to the writer: bounded, so that memory is."""

from collections import deque
from threading import Condition
from typing import NamedTuple

from service.ledger.entries import Batch, Gap

MOST_GAPS = 16  # that are told apart while they wait for the database
SLOW = "the database was too slow"


class Shipment(NamedTuple):
    """What goes into the database in one transaction; `number` counts from 1."""

    number: int
    batch: Batch | None
    gaps: tuple[Gap, ...]


class Backlog:
    """A queue whose oldest batches give way, and are told as a gap, when it is full."""

    def __init__(self, capacity: int) -> None:
        """Hold at most `capacity` entries, but always the newest batch."""
        self._capacity = capacity
        self._batches: deque[Batch] = deque()
        self._entries = 0
        self._gaps: list[Gap] = []
        self._number = 0
        self._changed = Condition()
        self._closed = False
        self.reason = SLOW  # why a batch has to go, as the writer knows it
        self.lost_rows = 0  # rows of batches that gave way

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        with self._changed:
            return not self._batches and not self._gaps

    @property
    def rows(self) -> int:
        """How many answered rows the waiting batches stand for."""
        with self._changed:
            return sum(batch.seen for batch in self._batches)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps that no shipment has taken yet."""
        with self._changed:
            return tuple(self._gaps)

    def put(self, batch: Batch) -> None:
        """Add a batch; never waits."""
        with self._changed:
            self._batches.append(batch)
            self._entries += len(batch.entries)
            while self._entries > self._capacity and len(self._batches) > 1:
                oldest = self._batches.popleft()
                self._entries -= len(oldest.entries)
                self._lose(oldest, self.reason)
            self._changed.notify()

    def refuse(self, shipment: Shipment, reason: str) -> None:
        """Tell a shipment's batch as a gap: the database will never take it."""
        with self._changed:
            self._gaps[:0] = shipment.gaps
            if shipment.batch is not None:
                self._lose(shipment.batch, reason)

    def close(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def closed(self) -> bool:
        """Whether nothing more comes."""
        return self._closed

    def take(self) -> Shipment | None:
        """Return what is to be written next, None if there is nothing."""
        with self._changed:
            if not self._batches and not self._gaps:
                return None
            batch = self._batches.popleft() if self._batches else None
            self._entries -= len(batch.entries) if batch else 0
            gaps, self._gaps = tuple(self._gaps), []
            self._number += 1
            return Shipment(self._number, batch, gaps)

    def wait(self, seconds: float) -> None:
        """Wait until there is something to take, it is closed, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._batches), seconds)

    def pause(self, seconds: float) -> None:
        """Wait until it is closed, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def _lose(self, batch: Batch, reason: str) -> None:
        self.lost_rows += batch.seen
        gap = Gap(batch.began_us, batch.ended_us, batch.seen, reason)
        if self._gaps and (self._gaps[-1].reason == reason or len(self._gaps) >= MOST_GAPS):
            last = self._gaps.pop()
            began_us, rows = min(last.began_us, gap.began_us), last.rows + gap.rows
            gap = Gap(began_us, max(last.ended_us, gap.ended_us), rows, last.reason)
        self._gaps.append(gap)
