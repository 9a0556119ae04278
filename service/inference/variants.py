"""Variants of one row: some of its inputs changed, computed a limited number at a time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from service.arrays import FloatArray, Outputs

# Computes rows (n, features).
Compute = Callable[[FloatArray], Awaitable[Outputs]]

MAX_ALL_VALUES, LEAST_ROWS = 1 << 25, 9  # of all rows that are computed for one purpose
MAX_VALUES = 1 << 17  # of the rows that are made at once, which takes the event loop about 0.1 ms


class Change(NamedTuple):
    """New values for some inputs; `where` is any index of numpy into the row."""

    where: Any
    values: Any


class Variants:
    """Computes one row with changes.

    The row has the shape that the changes index: (columns,), (height, width[, channels]).
    """

    def __init__(self, compute: Compute, row: FloatArray, max_rows: int) -> None:
        """Compute at most `max_rows` rows at once."""
        self.row = row
        self._compute = compute
        self._max_rows = max(1, min(max_rows, MAX_VALUES // row.size))

    def affordable(self, rows: int) -> int:
        """Return how many rows may be computed for one purpose: `rows`, or fewer if they are long.

        However long they are, it may be `LEAST_ROWS`.
        """
        return min(rows, max(LEAST_ROWS, MAX_ALL_VALUES // self.row.size))

    async def compute(self, changes: Sequence[Change]) -> Outputs:
        """Compute the row with each of the changes, at least one."""
        parts = []
        for first in range(0, len(changes), self._max_rows):
            part = changes[first : first + self._max_rows]
            rows = np.repeat(self.row[None], len(part), axis=0)
            for row, change in zip(rows, part, strict=True):
                row[change.where] = change.values
            parts.append(await self._compute(rows.reshape(len(part), -1)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
