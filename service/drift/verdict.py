"""The rule for "drifting": what a window's tests say together, at a stated rate of false alarms."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.drift.baseline import TRAINED, UNUSUAL_SHARES, HeldOut
from service.drift.distances import (
    excess_p_value,
    expected_gates,
    label_p_value,
    layer_p_values,
    population_stability,
)
from service.drift.slots import Tallied
from service.drift.windows import WINDOWS, Window

FALSE_ALARMS_A_WEEK = 0.01
LEAST_ROWS = 110  # in a window and held out: ten in a bin; with fewer nothing is judged

FALSE_ALARMS = (
    "at most one in 100 weeks without drift, for each model, however often somebody asks; on "
    "average over models, for what a model's held-out rows are is chance too"
)
RULE = (
    "A window drifts when one of its tests has a p-value below the window's threshold: 0.01 false "
    "alarms a week, shared among 3 windows, their looks in a week (one for each slot they slide "
    "on by) and their tests. The tests: every layer's mean gate given the predicted label and the "
    "labels, by a chi-square test of two samples against the artifact's held-out rows; the shares "
    "of rows that look as unusual as 1 % and as 10 % of the held-out ones, by the beta-binomial "
    f"distribution. A window of fewer than {LEAST_ROWS} rows is not judged, nor is a model that "
    "has fewer held-out rows or was trained on them. Rows asked with a gate_scale do not count."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """What one look at a window found; p-values are None where it is not judged.

    layer_psi: (layers,) given the labels. class_psi: (labels, layers). unusual_p_values: one for
    each of the `UNUSUAL_SHARES`.
    """

    window: Window
    begin: int  # in seconds since 1970
    end: int
    tallied: Tallied
    threshold: float
    layer_psi: NDArray[np.float64]
    class_psi: NDArray[np.float64]
    label_psi: float
    layer_p_values: list[float] | None
    label_p_value: float | None
    unusual_p_values: list[float] | None

    @property
    def drifting(self) -> bool:
        """Whether any test is below the threshold."""
        return any(self.below(p_value) for p_value in self.p_values)

    def below(self, p_value: float | None) -> bool:
        """Say whether one test alone makes the window drift."""
        return p_value is not None and p_value < self.threshold

    @property
    def p_values(self) -> Iterator[float]:
        """Every test's, none where the window is not judged."""
        yield from self.layer_p_values or ()
        if self.label_p_value is not None:
            yield self.label_p_value
        yield from self.unusual_p_values or ()


def threshold(window: Window, layers: int, alarms: float = FALSE_ALARMS_A_WEEK) -> float:
    """Return the p-value below which a test says drift, for so many false alarms a week at most."""
    tests = layers + 1 + len(UNUSUAL_SHARES)  # the labels are the one
    return alarms / len(WINDOWS) / window.looks_a_week / tests


def judge(tallied: Tallied, held_out: HeldOut, window: Window, now: float) -> Verdict:
    """Compare a window, as it is judged now, with the held-out rows."""
    first, stop = window.span(now)
    enough = min(tallied.rows, held_out.rows) >= LEAST_ROWS and held_out.part != TRAINED
    found, expected = expected_gates(tallied, held_out)
    return Verdict(
        window=window,
        begin=first * window.seconds,
        end=stop * window.seconds,
        tallied=tallied,
        threshold=threshold(window, len(found)),
        layer_psi=population_stability(found, expected),
        class_psi=population_stability(tallied.counts, held_out.counts),
        label_psi=float(population_stability(tallied.labels, held_out.predicted)),
        layer_p_values=layer_p_values(found, expected) if enough else None,
        label_p_value=label_p_value(tallied.labels, held_out.predicted) if enough else None,
        unusual_p_values=_unusual(tallied, held_out) if enough else None,
    )


def _unusual(tallied: Tallied, held_out: HeldOut) -> list[float]:
    return [
        excess_p_value(int(count), tallied.rows, share, held_out.rows)
        for count, share in zip(tallied.unusual, UNUSUAL_SHARES, strict=True)
    ]
