"""Samples of the rows of an interval: uniform in each stratum, with exact weights.

Each stratum is sampled by Algorithm L of K.-H. Li, "Reservoir-sampling algorithms of time
complexity O(n(1 + log(N/n)))", ACM Transactions on Mathematical Software 20 (1994). After each item
taken it draws how many items to skip, so that a skipped item costs one comparison.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import exp, floor, log, log1p
from random import Random
from typing import Generic, NamedTuple, TypeVar

from service.ledger.strata import ORDINARY, STRATA

T = TypeVar("T")


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


class Sampled(NamedTuple, Generic[T]):
    """One item of a sample, and how many items it represents.

    `ordinary` if it represents ordinary rows too.
    """

    item: T
    stratum: int
    weight: float
    ordinary: bool


class StratifiedSample(Generic[T]):
    """A reservoir for each stratum, which together yield at most `size` items."""

    def __init__(self, size: int, random: Random) -> None:
        self.size = size
        self._random = random
        self.reservoirs: tuple[Reservoir[T], ...] = tuple(Reservoir(size, random) for _ in STRATA)

    def take_all(self) -> tuple[int, list[Sampled[T]]]:
        """Return the number of items seen and the sample, and start again.

        The weights of the sampled items add up to the number of items seen.
        """
        taken = [reservoir.take_all() for reservoir in self.reservoirs]
        counts = [seen for seen, _ in taken]
        sampled: list[Sampled[T]] = []
        for group, kept in zip(*self._allotment(counts), strict=True):
            weight = sum(counts[stratum] for stratum in group) / kept
            numbers = self._divide([counts[stratum] for stratum in group], kept)
            for stratum, number in zip(group, numbers, strict=True):
                items = taken[stratum][1]
                chosen = items if number == len(items) else self._random.sample(items, number)
                sampled += (Sampled(item, stratum, weight, ORDINARY in group) for item in chosen)
        return sum(counts), sampled

    def _allotment(self, counts: Sequence[int]) -> tuple[list[list[int]], list[int]]:
        groups = grouped(counts, self.size)
        sums = [sum(counts[stratum] for stratum in group) for group in groups]
        return groups, allot(sums, self.size)

    def _divide(self, counts: Sequence[int], kept: int) -> list[int]:
        """Return how many of `kept` items, drawn from all strata of a group, each of them has."""
        if len(counts) == 1:
            return [kept]
        drawn = self._random.sample(range(sum(counts)), kept)
        edges = [sum(counts[:index]) for index in range(len(counts) + 1)]
        return [sum(first <= item < last for item in drawn) for first, last in pairwise(edges)]


def grouped(counts: Sequence[int], size: int) -> list[list[int]]:
    """Return the strata with items, in at most `size` groups: if there are more, the last are one.

    Each group is sampled uniformly, and so each needs an item.
    """
    strata = [stratum for stratum, count in enumerate(counts) if count]
    alone = strata if len(strata) <= size else strata[: size - 1]
    rest = strata[len(alone) :]
    return [[stratum] for stratum in alone] + ([rest] if rest else [])


def allot(counts: Sequence[int], size: int) -> list[int]:
    """Return how many items of each group are kept, at most `size`, at least one of each.

    It depends on the counts alone, so that the weights are unbiased. Each group in order gets at
    most half of what is left, the last one all of it; what it does not need goes to the first.
    """
    kept: list[int] = []
    left = size
    for number, count in enumerate(counts, 1):
        later = len(counts) - number
        most = min(max(1, left // 2), left - later) if later else left
        kept.append(min(count, most))
        left -= kept[-1]
    for index, count in enumerate(counts):
        more = min(count - kept[index], left)
        kept[index] += more
        left -= more
    return kept
