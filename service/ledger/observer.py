"""Samples the answered rows on the event loop and hands them to the writer twice a second.

The sample is drawn by Algorithm L of K.-H. Li, "Reservoir-sampling algorithms of time complexity
O(n(1 + log(N/n)))", ACM Transactions on Mathematical Software 20 (1994). After each row taken it
draws how many rows to skip, so that a skipped row costs one comparison.
"""

import asyncio
from collections.abc import Callable, Iterator
from math import exp, floor, log, log1p
from random import Random
from time import time_ns
from typing import Generic, TypeVar

from service.ledger.fields import ledger_row
from service.ledger.write_buffer import RowSample
from service.observers import SUCCESS, RequestEvent

T = TypeVar("T")

INTERVAL_SECONDS = 0.5  # between samples; a killed process loses the last one


class LedgerObserver:
    """Records up to `rate` rows a second, beyond that a sample of them.

    Only the event loop's thread may call it. An interval begins with its first response, so an idle
    server uses no timer.
    """

    def __init__(self, put: Callable[[RowSample], None], *, rate: float, inputs: bool) -> None:
        """Pass the sample of each interval to `put`, with the rows' inputs if `inputs` is set."""
        self._put = put
        self._inputs = inputs
        size = max(1, round(rate * INTERVAL_SECONDS))
        self._reservoir: Reservoir[tuple[int, RequestEvent, int]] = Reservoir(size, Random())
        self._began_us = 0
        self._timer: asyncio.TimerHandle | None = None

    def wants(self, status: int, rows: int) -> bool:
        """Return whether the sample takes one of the response's rows."""
        if status != SUCCESS:
            return False
        reservoir = self._reservoir  # not a method of it: the call would double the cost
        seen = reservoir.seen = reservoir.seen + rows
        return seen > reservoir.next

    def observe(self, event: RequestEvent) -> None:
        """Keep the rows that the sample takes."""
        now_us = time_ns() // 1000
        if self._timer is None:
            self._began_us = now_us
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(INTERVAL_SECONDS, self.flush)
        for row in self._reservoir.wanted(event.rows):
            self._reservoir.keep((now_us, event, row))

    def flush(self) -> None:
        """End the interval, if one has begun, and hand over its sample."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        seen, taken = self._reservoir.take_all()
        # Not earlier: most rows taken were replaced since. Not later: events hold whole batches.
        rows = tuple(
            ledger_row(event, row, time_us=time_us, with_input=self._inputs)
            for time_us, event, row in taken
        )
        self._put(RowSample(self._began_us, time_ns() // 1000, seen, rows))


class Reservoir(Generic[T]):
    """A uniform sample of at most `size` items from a stream of unknown length.

    The caller adds to `seen` the number of items that arrive. `next` is the index of the next item
    to take: if `seen` exceeds it, `wanted` yields items.
    """

    __slots__ = ("_random", "_size", "_weight", "items", "next", "seen")

    def __init__(self, size: int, random: Random) -> None:
        self._size = size
        self._random = random
        self.items: list[T] = []
        self.seen = 0
        self.next = 0
        self._weight = 1.0  # W in the paper

    def wanted(self, count: int) -> Iterator[int]:
        """Yield the indices, among the last `count` items, of those to `keep`."""
        first = self.seen - count
        while self.next < self.seen:
            yield self.next - first

    def keep(self, item: T) -> None:
        """Take the item whose index `wanted` has just yielded."""
        if len(self.items) < self._size:
            self.items.append(item)
        else:
            self.items[self._random.randrange(self._size)] = item
        self.next += 1
        if len(self.items) == self._size:
            self._weight *= exp(log(self._draw()) / self._size)
            if self._weight < 1:
                self.next += floor(log(self._draw()) / log1p(-self._weight))

    def take_all(self) -> tuple[int, list[T]]:
        """Return the number of items seen and the sample, and start again."""
        seen, items = self.seen, self.items
        self.items, self.seen, self.next, self._weight = [], 0, 0, 1.0
        return seen, items

    def _draw(self) -> float:
        """Return a number above 0 and at most 1."""
        return 1 - self._random.random()
