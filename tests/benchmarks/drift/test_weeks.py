import numpy as np
import pytest

from benchmarks.drift.power import required_rows
from benchmarks.drift.rows import Rows, draw_baseline
from benchmarks.drift.weeks import DAY, Traffic, budget, day_and_night, detect, steady

RANDOM = np.random.default_rng(0)


def population(count: int, shift: float = 0) -> Rows:
    labels = RANDOM.integers(0, 2, count)
    gates = RANDOM.normal(size=(count, 3)) * 0.1 + 0.3 + labels[:, None] * 0.2 + shift
    typicality = RANDOM.random(count) - 10 * shift
    return Rows(
        labels=labels, gates=gates.astype(np.float32), typicality=typicality.astype(np.float32)
    )


TYPICAL, ATYPICAL = population(4000), population(4000, 0.3)


def traffic(rate: float) -> Traffic:
    random = np.random.default_rng(1)
    return Traffic(draw_baseline(TYPICAL, 1000, 2, random), steady(rate), random)


def test_the_rate_is_lowest_at_midnight_and_highest_at_noon() -> None:
    rate = day_and_night(1, 64)
    assert [rate(hour * 3600) for hour in (0, 6, 12, 24)] == pytest.approx([1, 8, 64, 1])


def test_a_step_adds_the_requests_of_one_slot() -> None:
    simulation = traffic(10)
    for _ in range(100):
        simulation.step((TYPICAL, 1.0))
    assert simulation.now == 3000
    assert simulation.rows == pytest.approx(30_000, rel=0.05)


def test_every_evaluation_is_yielded_once() -> None:
    simulation, results = traffic(1), []
    for _ in range(120):
        simulation.step((TYPICAL, 1.0))
        results += [(decision.window.name, decision.end) for decision in simulation.evaluations()]
    assert len(results) == len(set(results))
    assert [sum(name == window for name, _ in results) for window in ("5m", "1h")] == [120, 13]


def test_without_drift_the_budget_of_an_alarm_is_high() -> None:
    simulation = traffic(10)
    for _ in range(20):
        simulation.step((TYPICAL, 1.0))
    assert min(budget(decision) for decision in simulation.evaluations()) > 1


def test_a_drift_is_detected_after_a_day_without_drift() -> None:
    simulation = traffic(1)
    results = detect(simulation, TYPICAL, ATYPICAL, 0.5)
    assert results is not None
    assert results[0] < 3600
    assert simulation.now < DAY + 3600


def test_atypical_rows_make_every_large_window_drift() -> None:
    results = required_rows(TYPICAL, ATYPICAL, 0.3, labels=2, trials=3, seed=0)
    assert [rows.window for rows in results] == ["5m", "1h", "1d"]
    assert all(rows.nine_in_ten is not None and rows.nine_in_ten < 5000 for rows in results)
