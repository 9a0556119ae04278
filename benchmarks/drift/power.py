"""How many rows a window needs before an odd share among them makes it drift."""

import numpy as np

from benchmarks.drift.results import Needed
from benchmarks.drift.rows import Answers, Tried, drawn
from service.drift.slots import SlotShape, Tally
from service.drift.verdict import LEAST_ROWS, Verdict, judge
from service.drift.windows import WINDOWS
from service.inference.counters import Board

SIZES = [round(LEAST_ROWS * 2 ** (step / 2)) for step in range(23)]  # to 225,000 rows
HELD_OUT_ROWS = 6000
NOON = 12 * 3600.0


def needed(
    usual: Answers, odd: Answers, share: float, *, labels: int, trials: int, seed: int
) -> list[Needed]:
    """Try windows of rising size, each trial with held-out rows of its own."""
    chance = np.random.default_rng(seed)
    found = {window.name: np.zeros(len(SIZES)) for window in WINDOWS}
    signs = {window.name: np.zeros((len(SIZES), 3)) for window in WINDOWS}
    for _ in range(trials):
        tried = drawn(usual, HELD_OUT_ROWS, labels, chance)
        for size, verdicts in enumerate(_growing(tried, usual, odd, share, chance)):
            for verdict in verdicts:
                found[verdict.window.name][size] += verdict.drifting
                signs[verdict.window.name][size] += _signs(verdict)
    return [
        Needed(
            window=window.name,
            share=share,
            half=_least(found[window.name] / trials, 0.5),
            nine_in_ten=_least(found[window.name] / trials, 0.9),
            by_gates=_least(signs[window.name][:, 0] / trials, 0.9),
            by_labels=_least(signs[window.name][:, 1] / trials, 0.9),
            by_unusual=_least(signs[window.name][:, 2] / trials, 0.9),
        )
        for window in WINDOWS
    ]


def _growing(
    tried: Tried, usual: Answers, odd: Answers, share: float, chance: np.random.Generator
) -> list[list[Verdict]]:
    """Judge every window as if all rows so far were in it, at each of the sizes."""
    shape = SlotShape.of(tried.held_out)
    block = Board().block("drift", shape)
    tally = Tally(tried.held_out, block)
    verdicts, rows = [], 0
    for size in SIZES:
        count = chance.binomial(size - rows, share)
        for answers, part in ((odd, count), (usual, size - rows - count)):
            some = answers.take(chance.integers(len(answers), size=part))
            tally.add(NOON, some.labels, some.gates, tried.unusual(some))
        rows = size
        # All are in one slot, which is over for each window two hours later.
        tallied = shape.total([block], WINDOWS[-1], NOON + 7200)
        verdicts.append([judge(tallied, tried.held_out, each, NOON) for each in WINDOWS])
    return verdicts


def _signs(verdict: Verdict) -> list[bool]:
    gates = any(verdict.below(value) for value in verdict.layer_p_values or ())
    unusual = any(verdict.below(value) for value in verdict.unusual_p_values or ())
    return [gates, verdict.below(verdict.label_p_value), unusual]


def _least(shares: np.ndarray, wanted: float) -> int | None:
    """Return the first size from which on so many trials found the drift."""
    short = np.flatnonzero(shares < wanted)
    first = short[-1] + 1 if len(short) else 0
    return SIZES[first] if first < len(SIZES) else None
