"""How many rows the ledger wrote and left out, summed over the processes of this server."""

from typing import NamedTuple

import numpy as np

from service.inference.counters import Board
from service.ledger.entries import Batch

KEY = "ledger"


class Tally(NamedTuple):
    """Answered rows by what became of them, and how many processes can write now.

    The rows `written` stand for themselves and for those `sampled_out`; the rows `lost` are in the
    database's gaps, or will be; `waiting` are on their way.
    """

    written: int
    sampled_out: int
    lost: int
    waiting: int
    writing: int


class Tallies:
    """One process's share, and the sums."""

    size = len(Tally._fields)

    def __init__(self, board: Board) -> None:
        self._board = board
        self._own = board.block(KEY, self)

    @property
    def own(self) -> Tally:
        """This process's share."""
        return Tally(*self._own.astype(int).tolist())

    def wrote(self, batch: Batch) -> None:
        """Count a batch that is in the database."""
        self._own[0] += len(batch.entries)
        self._own[1] += batch.seen - len(batch.entries)

    def tell(self, *, lost: int, waiting: int, writing: bool) -> None:
        """Set what this process knows of the moment."""
        self._own[2:] = lost, waiting, writing

    def total(self) -> Tally:
        """Return the sums; of a process that has ended, only what it wrote and lost."""
        total = np.zeros(self.size)
        for block, alive in self._board.blocks(KEY, self):
            total[:3] += block[:3]
            total[3:] += block[3:] * alive
        return Tally(*total.astype(int).tolist())
