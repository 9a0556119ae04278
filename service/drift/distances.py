"""How far a window is from the held-out rows: distances to show, and tests with a p-value.

The rows of a window and the held-out ones are both samples; no test takes the held-out rows for
the truth, so a window of millions of rows is not held against the chance of a few thousand.
"""

from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

from service.drift.baseline import BINS, HeldOut
from service.drift.chi_square import survival
from service.drift.slots import Tallied

Counts = NDArray[np.float64] | NDArray[np.int64]

LEAST_EXPECTED = 5.0  # rows of a label in the smaller sample; rarer labels count as one
TAIL_TERMS = 100_000  # of a sum, before what is left is bounded


def population_stability(observed: Counts, expected: Counts) -> NDArray[np.float64]:
    """Return Σ (p − q)·ln(p/q) over the last axis, half a row added to each count.

    By chance alone it is about (bins − 1) · (1/rows + 1/held-out rows).
    """
    p, q = _shares(observed), _shares(expected)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def difference(one: Counts, other: Counts) -> NDArray[np.float64]:
    """Return how different two samples are over the last axis, as a chi-square of bins − 1.

    The smaller of `two_statistics`. Far out either can be too large by chance: Pearson's where few
    rows are expected in a bin or one sample is much larger, the other where few are expected in
    every bin.
    """
    return np.maximum(0, np.minimum(*two_statistics(one, other)))


def two_statistics(one: Counts, other: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Pearson's statistic and the likelihood ratio's for two samples of one distribution."""
    n, m = one.sum(axis=-1, keepdims=True), other.sum(axis=-1, keepdims=True)
    pooled = (one + other) / (n + m)
    pearson, likelihood = np.zeros(one.shape[:-1]), np.zeros(one.shape[:-1])
    for counts, rows in ((one, n), (other, m)):
        expected = np.maximum(rows * pooled, np.finfo(float).tiny)  # 0 where both have none
        pearson += ((counts - expected) ** 2 / expected).sum(axis=-1)
        logs = np.log(np.where(counts > 0, counts, expected) / expected)
        likelihood += 2 * (counts * logs).sum(axis=-1)
    return pearson, likelihood


def expected_gates(tallied: Tallied, held_out: HeldOut) -> tuple[Counts, Counts]:
    """Return rows by layer and bin, (layers, BINS): found, and as the held-out rows let expect.

    Each label's held-out rows are weighted as the label is in the window, so that another mix of
    labels moves no layer. They sum to as many rows as would tell as much without weights. Labels
    that no held-out row has are left out of both.
    """
    known = held_out.predicted > 0
    rows, held = tallied.labels[known].astype(float), held_out.predicted[known]
    weights = rows / held
    expected = np.einsum("c,clb->lb", weights, held_out.counts[known].astype(float))
    square = (rows * weights).sum()
    effective = rows.sum() / square if square else 0.0
    return tallied.counts[known].sum(axis=0), expected * effective


def layer_p_values(found: Counts, expected: Counts) -> list[float]:
    """Return each layer's chance of rows at least as different from those expected."""
    if not found.any():
        return [1.0] * len(found)
    return [survival(value, BINS - 1) for value in difference(found, expected).tolist()]


def label_p_value(labels: Counts, predicted: Counts) -> float:
    """Return the chance of labels at least as different from those of the held-out rows."""
    both = np.stack([labels, predicted]).astype(float)
    smaller = min(both.sum(axis=1))
    rare = both.sum(axis=0) * smaller / both.sum() < LEAST_EXPECTED
    merged = np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])
    bins = int((merged.sum(axis=0) > 0).sum())
    return survival(float(difference(merged[0], merged[1])), bins - 1)


def excess_p_value(count: int, rows: int, share: float, held_out_rows: int) -> float:
    """Return the chance of `count` or more of `rows`, where a share of held-out rows was so.

    How many of all rows lie beyond a quantile of the held-out ones is itself left to chance, as a
    beta distribution tells; so the count is beta-binomial. Exact where the tail has no more than
    `TAIL_TERMS` terms that matter, above it otherwise. No excess is 1.
    """
    if count <= share * rows:
        return 1.0
    a, b = share * held_out_rows, (1 - share) * held_out_rows
    ways = lgamma(rows + 1) - lgamma(count + 1) - lgamma(rows - count + 1)
    first = ways + _log_beta(count + a, rows - count + b) - _log_beta(a, b)
    k = np.arange(count, min(rows, count + TAIL_TERMS), dtype=float)
    ratios = (rows - k) * (k + a) / ((k + 1) * (rows - k - 1 + b))
    terms = np.concatenate([[1.0], np.exp(np.cumsum(np.log(ratios)))])
    rest = 0.0
    if count + TAIL_TERMS < rows and ratios[-1] < 1:
        rest = terms[-1] * ratios[-1] / (1 - ratios[-1])
    return min(1.0, exp(first + log(terms.sum() + rest)))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _shares(counts: Counts) -> NDArray[np.float64]:
    bins = counts.shape[-1]
    return np.asarray((counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + bins / 2))
