"""What the model said of rows that were held out of its training, read from the artifact."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.contract import Metadata
from service.metadata_reading import expect, positive, typed

Whole = NDArray[np.int64]
Edges = NDArray[np.float32]

BINS = 11  # of a layer's mean gate; their edges are 1/11 … 10/11 quantiles
HELD_OUT = "held_out"
TRAINED = "train"  # the part where too few rows were kept out, and trained ones stand in

# A row is unusual where at most the first share of held-out rows looks less usual. Of the second
# more rows tell, which notices a drift that makes all a little strange.
UNUSUAL_SHARES = (0.01, 0.1)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Held-out rows by predicted label, and how open each layer was for them.

    predicted: (labels,) rows. edges: (labels, layers, BINS − 1), they never fall. counts: (labels,
    layers, BINS) rows of that label by the number of its edges that the mean gate is above.
    """

    rows: int
    part: str
    predicted: Whole
    edges: Edges
    counts: Whole


def read_held_out(metadata: Metadata) -> HeldOut | None:
    """Return the artifact's held-out rows, None if it tells none; a `ContractError` if wrongly."""
    where = f"gate_baseline: {HELD_OUT}"
    if metadata.gate_baseline.get(HELD_OUT) is None:
        return None
    values = typed(dict(metadata.gate_baseline), HELD_OUT, dict, "gate_baseline: ")
    where += ": "
    labels, layers = len(metadata.labels), len(metadata.layers)
    held_out = HeldOut(
        rows=positive(values, "rows", where),
        part=typed(values, "part", str, where),
        predicted=_whole(values, "predicted", where, (labels,)),
        edges=_edges(values, where, (labels, layers, BINS - 1)),
        counts=_whole(values, "counts", where, (labels, layers, BINS)),
    )
    _check_sums(held_out, where)
    return held_out


def _check_sums(held_out: HeldOut, where: str) -> None:
    total = int(held_out.predicted.sum())
    expect(total == held_out.rows, where + "predicted", f"{held_out.rows} rows", f"{total}")
    right = (held_out.counts.sum(axis=2) == held_out.predicted[:, None]).all()
    expected = "as many rows of a label in every layer as predicted"
    expect(bool(right), where + "counts", expected, "others")


def _whole(values: dict[str, Any], key: str, where: str, shape: tuple[int, ...]) -> Whole:
    array = _array(values, key, where, shape)
    right = array.dtype.kind == "i" and array.min(initial=0) >= 0
    expect(bool(right), where + key, "whole numbers from 0", "others")
    return array.astype(np.int64)


def _edges(values: dict[str, Any], where: str, shape: tuple[int, ...]) -> Edges:
    array = _array(values, "edges", where, shape)
    key, expected = where + "edges", "finite numbers that never fall"
    expect(array.dtype.kind in "if", key, expected, "others")
    with np.errstate(over="ignore", invalid="ignore"):  # what is refused below, without a warning
        edges: Edges = array.astype(np.float32)
        right = np.isfinite(edges).all() and (np.diff(edges, axis=2) >= 0).all()
    expect(bool(right), key, expected, "others")
    return edges


def _array(
    values: dict[str, Any], key: str, where: str, shape: tuple[int, ...]
) -> NDArray[np.generic]:
    size = " × ".join(map(str, shape))
    try:
        array: NDArray[np.generic] = np.asarray(values.get(key))
    except (ValueError, OverflowError):  # lists of different lengths
        array = np.empty(0, np.int64)
    expect(array.shape == shape, where + key, f"lists of {size} numbers", "another shape")
    return array
