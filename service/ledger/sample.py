"""An unbiased sample of rows that come one after another, nobody knows how many.

Algorithm L of K.-H. Li, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))",
ACM Transactions on Mathematical Software 20 (1994): after each row taken it draws how many to pass
over, so that a row which is not taken costs a comparison.
"""

from collections.abc import Iterator
from math import exp, floor, log, log1p
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """Holds at most `size` items, each of those seen with the same chance; it starts empty.

    `seen` counts the items that were offered, `next` is the first that will be taken, from 0: to
    add to the one and compare it with the other is to `offer`.
    """

    __slots__ = ("_random", "_share", "_size", "items", "next", "seen")

    def __init__(self, size: int, random: Random) -> None:
        self._size = size
        self._random = random
        self.items: list[T] = []
        self.seen = 0
        self.next = 0
        self._share = 1.0  # the algorithm's W

    def offer(self, count: int) -> bool:
        """Pass `count` items by; True says that `wanted` names some of them."""
        self.seen += count
        return self.seen > self.next

    def wanted(self, count: int) -> Iterator[int]:
        """Yield which of the `count` items that were just offered to `keep`, from 0."""
        first = self.seen - count
        while self.next < self.seen:
            yield self.next - first

    def keep(self, item: T) -> None:
        """Put in the item that `wanted` has just named."""
        if len(self.items) < self._size:
            self.items.append(item)
        else:
            self.items[self._random.randrange(self._size)] = item
        self.next += 1
        if len(self.items) == self._size:
            self._share *= exp(log(self._draw()) / self._size)
            if self._share < 1:
                self.next += floor(log(self._draw()) / log1p(-self._share))

    def take_all(self) -> tuple[int, list[T]]:
        """Return how many were seen and what was kept of them, and start anew."""
        seen, items = self.seen, self.items
        self.items, self.seen, self.next, self._share = [], 0, 0, 1.0
        return seen, items

    def _draw(self) -> float:
        """Return a number above 0 and at most 1."""
        return 1 - self._random.random()
