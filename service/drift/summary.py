"""Drift in words: what a person reads before the numbers."""

from collections.abc import Iterable, Sequence

import numpy as np

from service.contract import Metadata
from service.drift.baseline import ATYPICAL_SHARES, TRAINED, HeldOut
from service.drift.distances import expected_gates
from service.drift.monitor import LEAST_ROWS, DriftDecision

SPANS = {"5m": "the last 5 minutes", "1h": "the last hour", "1d": "the last day"}
# Of a bin: the shift of a layer's mean gate, below which its gates are spread differently at most.
LEAST_SHIFT = 0.5
LEAST_PERCENT = 0.01  # that is written as a number


def summary_of(
    metadata: Metadata, held_out: HeldOut | None, decisions: Sequence[DriftDecision]
) -> str:
    """Return sentences about a model's windows: whether it drifts, since when, and by what.

    They describe one window: the longest that drifts, or else the longest that was tested.
    """
    name = f"{metadata.name} version {metadata.version}"
    if held_out is None or not decisions:
        return f"{name} cannot be tested: its file has no held-out rows; export it again."
    if held_out.part == TRAINED or held_out.rows < LEAST_ROWS:
        return (
            f"{name} is not tested: its training had too few validation rows; train on more rows "
            "or with a larger validation share."
        )
    drifting = [decision for decision in decisions if decision.drifting]
    tested = [decision for decision in decisions if decision.layer_p_values is not None]
    if not tested:
        fullest = max(reversed(decisions), key=lambda decision: decision.counts.rows)
        count = fullest.counts.rows
        rows = "row was" if count == 1 else "rows were"
        return (
            f"{name} is not tested yet: {count:,} {rows} counted in {SPANS[fullest.window.name]}, "
            f"and a test needs {LEAST_ROWS}; new rows are counted within 30 seconds."
        )
    if not drifting:
        found = _atypical(tested[-1])
        return f"{name} does not drift: {found}; layers and labels are as among held-out rows."
    decision = drifting[-1]
    causes = [
        *_layers(metadata, held_out, decision),
        *_labels(metadata, held_out, decision),
    ]
    return f"{name} drifts: {'; '.join([_atypical(decision), *causes])}."


def _atypical(decision: DriftDecision) -> str:
    """Describe the share of atypical rows, that of the test which fired if only one did."""
    p_values = decision.atypical_p_values or [1.0] * len(ATYPICAL_SHARES)
    index = int(not decision.below(p_values[0]) and decision.below(p_values[1]))
    rows, expected = decision.counts.rows, ATYPICAL_SHARES[index]
    share = decision.counts.atypical[index] / rows
    return (
        f"in {SPANS[decision.window.name]}, {_percent(share)} of {rows:,} rows were as unusual as "
        f"the most unusual {_percent(expected)} of held-out rows"
    )


def _layers(metadata: Metadata, held_out: HeldOut, decision: DriftDecision) -> Iterable[str]:
    """Describe the layer whose gates differ most, if its test fired."""
    p_values = decision.layer_p_values or []
    drifting = [index for index, p_value in enumerate(p_values) if decision.below(p_value)]
    if not drifting:
        return
    most = max(drifting, key=lambda index: float(decision.layer_psi[index]))
    observed, expected = (
        gates[most] / max(gates[most].sum(), 1)
        for gates in expected_gates(decision.counts, held_out)
    )
    shift = float(((observed - expected) * np.arange(len(observed))).sum())
    change = "was more open" if shift > 0 else "was less open"
    if abs(shift) < LEAST_SHIFT:
        change = "has other gates"
    count = len(drifting)
    among = f" (the largest difference of {count} layers)" if count > 1 else ""
    yield f"layer {metadata.layers[most].name!r} {change} than among held-out rows{among}"


def _labels(metadata: Metadata, held_out: HeldOut, decision: DriftDecision) -> Iterable[str]:
    """Describe the label whose share differs most, if the labels' test fired."""
    if not decision.below(decision.label_p_value):
        return
    shares = decision.counts.labels / decision.counts.rows
    expected = held_out.predicted / held_out.rows
    most = int(np.abs(shares - expected).argmax())
    yield (
        f"the label {metadata.labels[most]!r} was predicted for {_percent(shares[most])} of rows "
        f"instead of {_percent(expected[most])}"
    )


def _percent(share: float) -> str:
    """Write a share with two significant digits below 10 %: 0.031 is "3.1 %"."""
    percent = 100 * float(share)
    if 0 < percent < LEAST_PERCENT:
        return f"under {LEAST_PERCENT} %"
    return f"{percent:.0f} %" if percent >= 10 or percent == round(percent) else f"{percent:.2g} %"
