"""What the event loop hands over to the ledger's thread: entries, gathered in batches."""

from typing import NamedTuple

import numpy as np

from service.contract import Metadata
from service.inference.statistics import Timing

FLOAT = np.dtype("<f4")  # of all values that are kept as bytes

Unusual = tuple[float, float, float]  # p-values of gates, confidence and both


class Entry(NamedTuple):
    """One answered row: its bytes hold numbers of type `FLOAT`; `time_us` counts from 1970.

    `row` counts from 0 among the request's `rows`. `content` is the input, where it is kept.
    """

    time_us: int
    request_id: str
    row: int
    rows: int
    door: str
    model: Metadata
    timing: Timing
    probabilities: bytes
    gate_mean: bytes
    unusual: Unusual | None
    gate_scale: bytes | None
    tags: tuple[str, ...]
    content: bytes | None


class Batch(NamedTuple):
    """The entries that stand for `seen` rows answered from `began_us` to `ended_us`."""

    began_us: int
    ended_us: int
    seen: int
    entries: tuple[Entry, ...]

    @property
    def weight(self) -> float:
        """How many rows each entry stands for."""
        return self.seen / len(self.entries)


class Gap(NamedTuple):
    """Rows that were answered and are not in the ledger, and a sentence that says why."""

    began_us: int
    ended_us: int
    rows: int
    reason: str
