"""One model's watch: adds this process's rows, and judges the windows over all processes."""

import numpy as np
from numpy.typing import NDArray

from service.drift.baseline import HeldOut
from service.drift.slots import SlotShape, Tally
from service.drift.verdict import Verdict, judge
from service.drift.windows import WINDOWS, Window
from service.inference.counters import Board


class Watch:
    """Counts rows as they come and looks at each window once for each slot, when it is asked."""

    def __init__(self, held_out: HeldOut, board: Board, model: str) -> None:
        """Keep the slots on the board, beside those of the model's other processes."""
        self.held_out = held_out
        self._board = board
        self._shape = SlotShape.of(held_out)
        self._key = f"{model}+drift"  # no model has a plus in its name
        self._tally = Tally(held_out, board.block(self._key, self._shape))
        self._looks: dict[Window, Verdict] = {}

    def add(
        self,
        now: float,
        labels: NDArray[np.intp],
        gates: NDArray[np.float32],
        unusual: NDArray[np.float32],
    ) -> None:
        """Count rows; see `Tally.add`."""
        self._tally.add(now, labels, gates, unusual)

    def verdicts(self, now: float) -> list[Verdict]:
        """Return what the last look at each window found, in seconds since 1970.

        Until a window slides on the answer is the same: its slots are over.
        """
        due = [window for window in WINDOWS if self._due(window, now)]
        blocks = [block for block, _ in self._board.blocks(self._key, self._shape)] if due else []
        for window in due:
            tallied = self._shape.total(blocks, window, now)
            self._looks[window] = judge(tallied, self.held_out, window, now)
        return [self._looks[window] for window in WINDOWS]

    def _due(self, window: Window, now: float) -> bool:
        last = self._looks.get(window)
        return last is None or last.end != window.span(now).stop * window.seconds
