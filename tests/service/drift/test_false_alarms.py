"""False alarms of the rule on random traffic, in short; see also `python -m benchmarks.drift`."""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest

from models.gates.record import held_out_rows
from service.drift.baseline import HeldOut
from service.drift.monitor import DriftDecision, DriftMonitor, evaluate
from service.drift.windows import WINDOWS, SlotCounter, SlotLayout
from service.shared_counters import SharedCounters
from tests.service.drift.conftest import held_out

LABEL_SHARES = (0.6, 0.38, 0.02)
NOON = 43200.0
LAYOUT = SlotLayout(labels=3, layers=2)
EVALUATIONS = 800

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def traffic(random: np.random.Generator, count: int) -> Rows:
    """Draw labels, two layers' gates that depend on each other and on the label, and typicality."""
    labels = random.choice(3, size=count, p=LABEL_SHARES)
    common = random.normal(size=(count, 1))
    gates = 1 / (1 + np.exp(-(labels[:, None] - 1 + common + random.normal(size=(count, 2)))))
    return labels, gates.astype(np.float32), random.random(count, np.float32)


def drawn_held_out(random: np.random.Generator, count: int) -> HeldOut:
    labels, gates, _ = traffic(random, count)
    return held_out(**asdict(held_out_rows(gates, labels, labels=3, part="drawn")))


def uncalibrated(rows: Rows, random: np.random.Generator, held: int) -> Rows:
    """Distort the typicality as a random sample of held-out rows does."""
    labels, gates, typicality = rows
    knots = np.concatenate([[0], np.sort(random.random(held)), [1]])
    distorted = np.interp(typicality, knots, np.linspace(0, 1, held + 2))
    return labels, gates, distorted.astype(np.float32)


def evaluations(rows: int, held: int) -> Iterator[DriftDecision]:
    """Evaluate windows without drift, each with its own held-out rows."""
    random, now = np.random.default_rng(rows + held), NOON + 31
    for _ in range(EVALUATIONS):
        base, segment = drawn_held_out(random, held), np.zeros(LAYOUT.size)
        batch = uncalibrated(traffic(random, rows), random, held)
        SlotCounter(base, segment).add(NOON, *batch)
        yield evaluate(LAYOUT.total([segment], WINDOWS[0], now), base, WINDOWS[0], now)


@pytest.mark.parametrize(("rows", "held"), [(120, 330), (1000, 330), (400, 2000)])
def test_small_p_values_are_no_more_frequent_than_they_state(rows: int, held: int) -> None:
    p_values = np.array([list(decision.p_values) for decision in evaluations(rows, held)])
    assert p_values.shape == (EVALUATIONS, 5)
    for share in (0.2, 0.05, 0.01):
        frequency = (p_values <= share).mean(axis=0)
        error = 4 * np.sqrt(share / EVALUATIONS)  # four standard deviations
        assert (frequency <= share * 1.1 + error).all()
        assert frequency.max() >= share / 2 - error  # the tests are not far too cautious


def test_a_day_without_drift_is_far_from_an_alarm() -> None:
    """At two rows a second; no p-value comes near its threshold."""
    random = np.random.default_rng(0)
    monitor = DriftMonitor(drawn_held_out(random, 1000), SharedCounters(), "tiny@1")
    ratios = []
    for slot in range(24 * 3600 // 30):
        monitor.add(NOON + 30 * slot, *traffic(random, random.poisson(60)))
        ratios += [
            min(decision.p_values, default=1) / decision.threshold
            for decision in monitor.decisions(NOON + 30 * slot)
        ]
    assert min(ratios) > 1


def test_changed_gates_of_one_row_in_five_drift_within_an_hour() -> None:
    random = np.random.default_rng(0)
    monitor = DriftMonitor(drawn_held_out(random, 1000), SharedCounters(), "tiny@1")
    for slot in range(120):
        labels, gates, typicality = traffic(random, 60)
        gates[:12] = 0.01
        monitor.add(NOON + 30 * slot, labels, gates, typicality)
    five_minutes, hour, _ = monitor.decisions(NOON + 3601)
    assert five_minutes.drifting
    assert hour.drifting
