"""The artifact's held-out rows as arrays, the reference for drift."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.baselines import HeldOutRows

IntArray = NDArray[np.int64]

TRAINED = "train"  # `part` of training rows, used where too few rows were held out

# A row is atypical if its typicality is at most the first share. The second share has more rows,
# so it detects a drift that makes many rows slightly unusual.
ATYPICAL_SHARES = (0.01, 0.1)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Held-out rows by predicted label, with histograms of each layer's mean gate.

    predicted: (labels,) rows. edges: (labels, layers, GATE_BINS − 1) float32, in rising order.
    counts: (labels, layers, GATE_BINS) rows of that label by the number of edges below their mean
    gate.
    """

    rows: int
    part: str
    predicted: IntArray
    edges: NDArray[np.float32]
    counts: IntArray

    @classmethod
    def of(cls, rows: HeldOutRows) -> "HeldOut":
        """Convert the contract's lists to arrays."""
        return cls(
            rows=rows.rows,
            part=rows.part,
            predicted=np.array(rows.predicted, np.int64),
            edges=np.array(rows.edges, np.float32),
            counts=np.array(rows.counts, np.int64),
        )
