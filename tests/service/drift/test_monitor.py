import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.drift.baseline import HeldOut
from service.drift.monitor import (
    LEAST_ROWS,
    RULE,
    DriftDecision,
    DriftMonitor,
    evaluate,
    threshold,
)
from service.drift.windows import WINDOWS, SlotCounter, SlotLayout
from service.shared_counters import SharedCounters
from tests.conftest import ROOT
from tests.service.drift.conftest import even, held_out, rows

FIVE_MINUTES, HOUR, DAY = WINDOWS
NOON = 43200.0
AS_HELD_OUT = (even(0, 20), even(1, 10))

# Adds rows to the same model's counters, then waits to be killed.
SIBLING = """
import sys
from pathlib import Path
from service.drift.monitor import DriftMonitor
from service.shared_counters import SharedCounters
from tests.service.drift.conftest import held_out, rows
DriftMonitor(held_out(), SharedCounters(Path(sys.argv[1])), "tiny@1").add(43200.0, *rows(2, 40))
print("added", flush=True)
sys.stdin.read()
"""


def decision(
    *added: tuple[np.ndarray, np.ndarray, np.ndarray], base: HeldOut | None = None
) -> DriftDecision:
    """Evaluate a window of these rows."""
    base = base or held_out()
    layout, now = SlotLayout.of(base), NOON + 31
    segment = np.zeros(layout.size)
    counter = SlotCounter(base, segment)
    for batch in added:
        counter.add(NOON, *batch)
    return evaluate(layout.total([segment], FIVE_MINUTES, now), base, FIVE_MINUTES, now)


# Decisions.


def test_the_threshold_shares_one_false_alarm_in_100_weeks() -> None:
    # Three windows; two layers, the labels, two shares of atypical rows.
    assert threshold(FIVE_MINUTES, layers=2) == pytest.approx(0.01 / 3 / 20160 / 5)
    assert threshold(HOUR, layers=9) == pytest.approx(0.01 / 3 / 2016 / 12)
    assert threshold(DAY, layers=9) == pytest.approx(0.01 / 3 / 168 / 12)
    alarms = sum(window.evaluations_per_week * threshold(window, 7) * 10 for window in WINDOWS)
    assert alarms == pytest.approx(0.01)


def test_traffic_like_the_held_out_rows_does_not_drift() -> None:
    result = decision(*AS_HELD_OUT)
    assert not result.drifting
    assert (result.begin, result.end) == (42930, 43230)
    assert result.counts.rows == 330
    assert result.layer_psi.tolist() == [0, 0]
    assert result.class_psi.tolist() == [[0, 0]] * 3
    assert result.label_psi == 0
    assert list(result.p_values) == pytest.approx([1] * 5)


def test_changed_gates_drift() -> None:
    label, gates, typicality = even(0, 20)
    gates[:, 1] = 0.01
    result = decision((label, gates, typicality), even(1, 10))
    assert result.drifting
    assert [result.below(p) for p in result.layer_p_values or ()] == [False, True]
    assert result.layer_psi[0] < 0.001
    assert result.layer_psi[1] > 1
    assert result.class_psi[0, 1] > 1
    assert result.class_psi[1, 1] == 0


def test_changed_shares_of_labels_drift_by_the_labels_test_only() -> None:
    result = decision(even(0, 1), even(1, 30))
    assert result.drifting
    assert result.below(result.label_p_value)
    assert result.label_psi > 1
    assert not any(
        map(result.below, [*(result.layer_p_values or ()), *(result.atypical_p_values or ())])
    )


@pytest.mark.parametrize(("p_value", "drifting"), [(0.005, [True, True]), (0.05, [False, True])])
def test_many_atypical_rows_drift(p_value: float, drifting: list[bool]) -> None:
    changed = [(label, gates, np.full_like(p, p_value)) for label, gates, p in AS_HELD_OUT]
    result = decision(*changed)
    assert [result.below(p) for p in result.atypical_p_values or ()] == drifting
    assert result.drifting


def test_a_window_with_few_rows_is_not_tested() -> None:
    result = decision(rows(2, LEAST_ROWS - 1, 0.01))
    assert (result.layer_p_values, result.label_p_value, result.atypical_p_values) == (None,) * 3
    assert list(result.p_values) == []
    assert not result.drifting
    assert decision(rows(2, LEAST_ROWS, 0.01)).drifting


def test_a_model_with_few_held_out_rows_is_not_tested() -> None:
    few = held_out(
        rows=LEAST_ROWS - 1,
        predicted=[LEAST_ROWS - 1, 0, 0],
        counts=[[[LEAST_ROWS - 1] + [0] * 10] * 2, *[[[0] * 11] * 2] * 2],
    )
    result = decision(rows(2, 1000), base=few)
    assert not result.drifting
    assert result.layer_p_values is None


def test_a_model_with_training_rows_as_held_out_rows_is_not_tested() -> None:
    """A network is surer of them than of other rows, so all traffic would drift."""
    result = decision(rows(2, 1000), base=held_out(part="train"))
    assert list(result.p_values) == []
    assert not result.drifting


def test_an_empty_window_does_not_drift() -> None:
    result = decision()
    assert not result.drifting
    assert result.counts.rows == 0
    assert np.isfinite(result.layer_psi).all()


def test_every_window_has_its_own_threshold() -> None:
    monitor = DriftMonitor(held_out(), SharedCounters(), "tiny@1")
    thresholds = [decision.threshold for decision in monitor.decisions(NOON)]
    assert thresholds == [threshold(window, layers=2) for window in WINDOWS]


def test_the_rule_states_its_numbers() -> None:
    assert "0.01 false alarms a week, shared among 3 windows" in RULE
    assert "A window of fewer than 110 rows is not tested" in RULE


# The monitor.


def window_rows(monitor: DriftMonitor, now: float) -> list[int]:
    return [decision.counts.rows for decision in monitor.decisions(now)]


def test_rows_enter_each_window_when_their_slot_ends() -> None:
    monitor = DriftMonitor(held_out(), SharedCounters(), "tiny@1")
    monitor.add(NOON, *rows(0, 5))
    assert window_rows(monitor, NOON + 10) == [0, 0, 0]
    assert window_rows(monitor, NOON + 31) == [5, 0, 0]
    assert window_rows(monitor, NOON + 301) == [5, 5, 0]
    assert window_rows(monitor, NOON + 3601) == [0, 5, 5]


def test_between_two_evaluations_the_decision_is_the_same() -> None:
    """The number of evaluations in a week does not depend on the number of requests."""
    monitor = DriftMonitor(held_out(), SharedCounters(), "tiny@1")
    monitor.add(NOON, *even(0, 20))
    first = monitor.decisions(NOON + 31)
    same = [monitor.decisions(NOON + 31 + s)[0] is first[0] for s in (0, 10, 29, 30)]
    assert same == [True, True, True, False]
    assert monitor.decisions(NOON + 299)[1] is first[1]
    assert monitor.decisions(NOON + 301)[1] is not first[1]


def test_each_model_has_its_own_windows() -> None:
    shared_counters = SharedCounters()
    one = DriftMonitor(held_out(), shared_counters, "tiny@1")
    other = DriftMonitor(held_out(), shared_counters, "tiny@2")
    one.add(NOON, *rows(0, 5))
    assert window_rows(one, NOON + 31)[0] == 5
    assert window_rows(other, NOON + 31)[0] == 0


def test_a_window_has_the_rows_of_all_processes_and_of_killed_ones(tmp_path: Path) -> None:
    monitor = DriftMonitor(held_out(), SharedCounters(tmp_path), "tiny@1")
    monitor.add(NOON, *rows(0, 2))
    with subprocess.Popen(
        [sys.executable, "-c", SIBLING, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sibling:
        assert sibling.stdout is not None
        assert sibling.stdout.readline() == b"added\n"
        during = monitor.decisions(NOON + 31)[0].counts
        sibling.kill()
    after = monitor.decisions(NOON + 61)[0].counts
    assert during.labels.tolist() == after.labels.tolist() == [2, 0, 40]
