"""Held-out rows of a model with three labels and two layers; tests may change a detail."""

from dataclasses import replace
from typing import Any

import numpy as np

from service.baselines import GATE_BINS
from service.contract import Metadata
from service.drift.baseline import HeldOut
from tests.service.conftest import METADATA

PREDICTED = [220, 110, 0]
EDGES = [round(edge / GATE_BINS, 3) for edge in range(1, GATE_BINS)]  # 0.091, 0.182 …
MIDDLES = [(edge + 0.5) / GATE_BINS for edge in range(GATE_BINS)]  # a gate in each bin


def held_out_json(**changes: Any) -> dict[str, Any]:
    """Return the artifact's `held_out`: gates spread evenly over 0 to 1."""
    return {
        "rows": 330,
        "part": "validation",
        "predicted": PREDICTED,
        "edges": [[EDGES] * 2] * 3,
        "counts": [[[rows // GATE_BINS] * GATE_BINS] * 2 for rows in PREDICTED],
        "usual": [[[0.1, 0.9]] * 2] * 3,
        **changes,
    }


def metadata(**changes: Any) -> Metadata:
    return replace(METADATA, gate_baseline={"held_out": held_out_json(**changes)})


def held_out(**changes: Any) -> HeldOut:
    rows = metadata(**changes).held_out
    assert rows is not None
    return HeldOut.of(rows)


def rows(label: int, count: int, gate: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, gates and typicality of equal rows, none of them atypical."""
    return (
        np.full(count, label),
        np.full((count, 2), gate, np.float32),
        np.full(count, 0.5, np.float32),
    )


def even(label: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `count` rows in each bin of each layer, with evenly spread typicality."""
    gates = np.repeat(np.array(MIDDLES, np.float32), count)
    typicality = (np.arange(len(gates)) + 0.5) / len(gates)
    return np.full(len(gates), label), np.stack([gates] * 2, axis=1), typicality.astype(np.float32)
