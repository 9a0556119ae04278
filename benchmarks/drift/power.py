"""Number of rows that a window needs to detect a share of atypical rows."""

import numpy as np

from benchmarks.drift.results import Required
from benchmarks.drift.rows import Baseline, Rows, draw_baseline
from service.drift.monitor import LEAST_ROWS, DriftDecision, evaluate
from service.drift.windows import WINDOWS, SlotCounter, SlotLayout
from service.shared_counters import SharedCounters

SIZES = [round(LEAST_ROWS * 2 ** (step / 2)) for step in range(23)]  # to 225,000 rows
HELD_OUT_ROWS = 6000
NOON = 12 * 3600.0


def required_rows(
    typical: Rows, atypical: Rows, share: float, *, labels: int, trials: int, seed: int
) -> list[Required]:
    """Try windows of rising size; each trial has its own held-out rows."""
    random = np.random.default_rng(seed)
    drifting = {window.name: np.zeros(len(SIZES)) for window in WINDOWS}
    by_kind = {window.name: np.zeros((len(SIZES), 3)) for window in WINDOWS}
    for _ in range(trials):
        baseline = draw_baseline(typical, HELD_OUT_ROWS, labels, random)
        for size, decisions in enumerate(_growing(baseline, typical, atypical, share, random)):
            for decision in decisions:
                drifting[decision.window.name][size] += decision.drifting
                by_kind[decision.window.name][size] += _kinds(decision)
    return [
        Required(
            window=window.name,
            share=share,
            half=_least(drifting[window.name] / trials, 0.5),
            nine_in_ten=_least(drifting[window.name] / trials, 0.9),
            by_gates=_least(by_kind[window.name][:, 0] / trials, 0.9),
            by_labels=_least(by_kind[window.name][:, 1] / trials, 0.9),
            by_atypical=_least(by_kind[window.name][:, 2] / trials, 0.9),
        )
        for window in WINDOWS
    ]


def _growing(
    baseline: Baseline, typical: Rows, atypical: Rows, share: float, random: np.random.Generator
) -> list[list[DriftDecision]]:
    """Evaluate every window at each of the sizes; it contains all rows so far."""
    layout = SlotLayout.of(baseline.held_out)
    segment = SharedCounters().segment("drift", layout)
    counter = SlotCounter(baseline.held_out, segment)
    decisions, rows = [], 0
    for size in SIZES:
        count = random.binomial(size - rows, share)
        for population, part in ((atypical, count), (typical, size - rows - count)):
            some = population.take(random.integers(len(population), size=part))
            counter.add(NOON, some.labels, some.gates, baseline.p_values(some))
        rows = size
        # All rows are in one slot, which is complete for every window two hours later.
        counts = layout.total([segment], WINDOWS[-1], NOON + 7200)
        decisions.append([evaluate(counts, baseline.held_out, window, NOON) for window in WINDOWS])
    return decisions


def _kinds(decision: DriftDecision) -> list[bool]:
    """Return whether the tests of gates, of labels and of atypical rows alone detect drift."""
    gates = any(decision.below(value) for value in decision.layer_p_values or ())
    atypical = any(decision.below(value) for value in decision.atypical_p_values or ())
    return [gates, decision.below(decision.label_p_value), atypical]


def _least(shares: np.ndarray, share: float) -> int | None:
    """Return the smallest size from which at least this share of the trials drift."""
    short = np.flatnonzero(shares < share)
    first = short[-1] + 1 if len(short) else 0
    return SIZES[first] if first < len(SIZES) else None
