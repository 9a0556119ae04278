"""The drift monitor of a model, and the rule by which a window of traffic drifts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.drift.baseline import ATYPICAL_SHARES, TRAINED, HeldOut
from service.drift.distances import (
    excess_p_value,
    expected_gates,
    label_p_value,
    layer_p_values,
    population_stability,
)
from service.drift.windows import WINDOWS, SlotCounter, SlotLayout, Window, WindowCounts
from service.shared_counters import SharedCounters

FALSE_ALARMS_PER_WEEK = 0.01
LEAST_ROWS = 110  # in a window and held out, ten for each bin; fewer are not tested

FALSE_ALARMS = (
    "at most one in 100 weeks without drift for each model, however often it is requested; an "
    "average over models, because a model's held-out rows are a random sample too"
)
RULE = (
    "A window drifts if one of its tests has a p-value below the window's threshold: 0.01 false "
    "alarms a week, shared among 3 windows, their evaluations in a week (one for each slot that "
    "they slide by) and their tests. The tests: each layer's mean gate given the predicted label, "
    "and the labels, by a two-sample chi-square test against the artifact's held-out rows; the "
    "shares of rows whose typicality is at most 0.01 and at most 0.1, by the beta-binomial "
    f"distribution. A window of fewer than {LEAST_ROWS} rows is not tested, nor is a model that "
    "has fewer held-out rows or was trained on them. Rows with a gate_scale are not counted."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftDecision:
    """The result of one evaluation of a window; p-values are None if it is not tested.

    layer_psi: (layers,) given the labels. class_psi: (labels, layers). atypical_p_values: one for
    each of the `ATYPICAL_SHARES`. begin, end: seconds since 1970.
    """

    window: Window
    begin: int
    end: int
    counts: WindowCounts
    threshold: float
    layer_psi: NDArray[np.float64]
    class_psi: NDArray[np.float64]
    label_psi: float
    layer_p_values: list[float] | None
    label_p_value: float | None
    atypical_p_values: list[float] | None

    @property
    def drifting(self) -> bool:
        """Whether any test is below the threshold."""
        return any(self.below(p_value) for p_value in self.p_values)

    def below(self, p_value: float | None) -> bool:
        """Return whether one test alone makes the window drift."""
        return p_value is not None and p_value < self.threshold

    @property
    def p_values(self) -> Iterator[float]:
        """The p-values of all tests; empty if the window is not tested."""
        yield from self.layer_p_values or ()
        if self.label_p_value is not None:
            yield self.label_p_value
        yield from self.atypical_p_values or ()


def threshold(window: Window, layers: int) -> float:
    """Return the p-value below which one test of a window means drift."""
    tests = layers + 1 + len(ATYPICAL_SHARES)  # one for the labels
    return FALSE_ALARMS_PER_WEEK / len(WINDOWS) / window.evaluations_per_week / tests


def evaluate(counts: WindowCounts, held_out: HeldOut, window: Window, now: float) -> DriftDecision:
    """Compare the window that ends at `now` with the held-out rows."""
    first, stop = window.span(now)
    enough = min(counts.rows, held_out.rows) >= LEAST_ROWS and held_out.part != TRAINED
    observed, expected = expected_gates(counts, held_out)
    return DriftDecision(
        window=window,
        begin=first * window.seconds,
        end=stop * window.seconds,
        counts=counts,
        threshold=threshold(window, len(observed)),
        layer_psi=population_stability(observed, expected),
        class_psi=population_stability(counts.counts, held_out.counts),
        label_psi=float(population_stability(counts.labels, held_out.predicted)),
        layer_p_values=layer_p_values(observed, expected) if enough else None,
        label_p_value=label_p_value(counts.labels, held_out.predicted) if enough else None,
        atypical_p_values=[
            excess_p_value(int(count), counts.rows, share, held_out.rows)
            for count, share in zip(counts.atypical, ATYPICAL_SHARES, strict=True)
        ]
        if enough
        else None,
    )


class DriftMonitor:
    """Counts this process's rows, and evaluates the windows over all processes."""

    def __init__(self, held_out: HeldOut, shared_counters: SharedCounters, model: str) -> None:
        """Keep the slots in the shared counters; `model` is the model's key there."""
        self.held_out = held_out
        self._shared_counters = shared_counters
        self._layout = SlotLayout.of(held_out)
        self._key = f"{model}+drift"  # no model's name has a plus
        self._counter = SlotCounter(held_out, shared_counters.segment(self._key, self._layout))
        self._decisions: dict[Window, DriftDecision] = {}
        self.add = self._counter.add

    def decisions(self, now: float) -> list[DriftDecision]:
        """Return each window's last decision; `now` is in seconds since 1970.

        A window is evaluated once for each slot that it slides by, because each evaluation is a
        chance of a false alarm.
        """
        due = [window for window in WINDOWS if self._is_due(window, now)]
        if due:
            segments = self._shared_counters.segments(self._key, self._layout)
            numbers = [segment for segment, _ in segments]
            for window in due:
                counts = self._layout.total(numbers, window, now)
                self._decisions[window] = evaluate(counts, self.held_out, window, now)
        return [self._decisions[window] for window in WINDOWS]

    def _is_due(self, window: Window, now: float) -> bool:
        last = self._decisions.get(window)
        return last is None or last.end != window.span(now).stop * window.seconds
