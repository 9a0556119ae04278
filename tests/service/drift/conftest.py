"""Held-out rows of a model with three labels and two layers, some of them easily changed."""

from dataclasses import replace
from typing import Any

import numpy as np

from service.contract import Metadata
from service.drift.baseline import BINS, HeldOut, read_held_out
from tests.service.conftest import METADATA

PREDICTED = [220, 110, 0]
EDGES = [round(edge / BINS, 3) for edge in range(1, BINS)]  # 0.091, 0.182 …
MIDDLES = [(edge + 0.5) / BINS for edge in range(BINS)]  # a gate in each bin


def told(**changes: Any) -> dict[str, Any]:
    """Return the artifact's member `held_out`: gates spread evenly over 0 to 1."""
    return {
        "rows": 330,
        "part": "validation",
        "predicted": PREDICTED,
        "edges": [[EDGES] * 2] * 3,
        "counts": [[[rows // BINS] * BINS] * 2 for rows in PREDICTED],
        **changes,
    }


def metadata(**changes: Any) -> Metadata:
    return replace(METADATA, gate_baseline={"held_out": told(**changes)})


def held_out(**changes: Any) -> HeldOut:
    found = read_held_out(metadata(**changes))
    assert found is not None
    return found


def rows(label: int, count: int, gate: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, gates and p-values of rows that are all alike, and usual."""
    return (
        np.full(count, label),
        np.full((count, 2), gate, np.float32),
        np.full(count, 0.5, np.float32),
    )


def even(label: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return as many rows in each bin of each layer, as unusual as chance makes them."""
    gates = np.repeat(np.array(MIDDLES, np.float32), count)
    p_values = (np.arange(len(gates)) + 0.5) / len(gates)
    return np.full(len(gates), label), np.stack([gates] * 2, axis=1), p_values.astype(np.float32)
