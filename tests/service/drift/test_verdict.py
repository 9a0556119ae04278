import numpy as np
import pytest

from service.drift.slots import SlotShape, Tally
from service.drift.verdict import LEAST_ROWS, RULE, Verdict, judge, threshold
from service.drift.windows import WINDOWS
from tests.service.drift.conftest import even, held_out, rows

FIVE_MINUTES, HOUR, DAY = WINDOWS
NOON = 43200.0
SHAPE = SlotShape(labels=3, layers=2)


def judged(*added: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Verdict:
    """Judge a window of these rows."""
    block, base = np.zeros(SHAPE.size), held_out()
    tally = Tally(base, block)
    for each in added:
        tally.add(NOON, *each)
    now = NOON + 31
    return judge(SHAPE.total([block], FIVE_MINUTES, now), base, FIVE_MINUTES, now)


AS_HELD_OUT = (even(0, 20), even(1, 10))


def test_the_threshold_shares_one_false_alarm_in_100_weeks() -> None:
    # Three windows; two layers, the labels, two shares of unusual rows.
    assert threshold(FIVE_MINUTES, layers=2) == pytest.approx(0.01 / 3 / 20160 / 5)
    assert threshold(HOUR, layers=9) == pytest.approx(0.01 / 3 / 2016 / 12)
    assert threshold(DAY, layers=9) == pytest.approx(0.01 / 3 / 168 / 12)
    looks = sum(w.looks_a_week * threshold(w, 7) * 10 for w in WINDOWS)
    assert looks == pytest.approx(0.01)


def test_traffic_like_the_held_out_rows_does_not_drift() -> None:
    found = judged(*AS_HELD_OUT)
    assert not found.drifting
    assert (found.begin, found.end) == (42930, 43230)
    assert found.tallied.rows == 330
    assert found.layer_psi.tolist() == [0, 0]
    assert found.class_psi.tolist() == [[0, 0]] * 3
    assert found.label_psi == 0
    assert list(found.p_values) == pytest.approx([1] * 5)


def test_gates_that_moved_drift() -> None:
    label, gates, unusual = even(0, 20)
    gates[:, 1] = 0.01
    found = judged((label, gates, unusual), even(1, 10))
    assert found.drifting
    assert [found.below(p) for p in found.layer_p_values or ()] == [False, True]
    assert found.layer_psi[0] < 0.001
    assert found.layer_psi[1] > 1
    assert found.class_psi[0, 1] > 1
    assert found.class_psi[1, 1] == 0


def test_labels_that_moved_drift_alone() -> None:
    found = judged(even(0, 1), even(1, 30))
    assert found.drifting
    assert found.below(found.label_p_value)
    assert found.label_psi > 1
    assert not any(
        map(found.below, [*(found.layer_p_values or ()), *(found.unusual_p_values or ())])
    )


@pytest.mark.parametrize(("p_value", "drifting"), [(0.005, [True, True]), (0.05, [False, True])])
def test_many_unusual_rows_drift(p_value: float, drifting: list[bool]) -> None:
    changed = [(label, gates, np.full_like(p, p_value)) for label, gates, p in AS_HELD_OUT]
    found = judged(*changed)
    assert [found.below(p) for p in found.unusual_p_values or ()] == drifting
    assert found.drifting


def test_a_window_with_few_rows_is_not_judged() -> None:
    found = judged(rows(2, LEAST_ROWS - 1, 0.01))
    assert (found.layer_p_values, found.label_p_value, found.unusual_p_values) == (None,) * 3
    assert list(found.p_values) == []
    assert not found.drifting
    assert judged(rows(2, LEAST_ROWS, 0.01)).drifting


def test_few_held_out_rows_judge_nothing() -> None:
    few = held_out(
        rows=LEAST_ROWS - 1,
        predicted=[LEAST_ROWS - 1, 0, 0],
        counts=[[[LEAST_ROWS - 1] + [0] * 10] * 2, *[[[0] * 11] * 2] * 2],
    )
    block = np.zeros(SHAPE.size)
    Tally(few, block).add(NOON, *rows(2, 1000))
    found = judge(SHAPE.total([block], HOUR, NOON + 301), few, HOUR, NOON + 301)
    assert not found.drifting
    assert found.layer_p_values is None


def test_rows_that_were_trained_on_judge_nothing() -> None:
    """A network is surer of them than of any others, so all traffic would drift."""
    base, block = held_out(part="train"), np.zeros(SHAPE.size)
    Tally(base, block).add(NOON, *rows(2, 1000))
    found = judge(SHAPE.total([block], HOUR, NOON + 301), base, HOUR, NOON + 301)
    assert list(found.p_values) == []
    assert not found.drifting


def test_an_empty_window_does_not_drift() -> None:
    found = judged()
    assert not found.drifting
    assert found.tallied.rows == 0
    assert np.isfinite(found.layer_psi).all()


def test_every_window_is_judged_by_its_own_threshold() -> None:
    base, block = held_out(), np.zeros(SHAPE.size)
    for window in WINDOWS:
        verdict = judge(SHAPE.total([block], window, NOON), base, window, NOON)
        assert verdict.threshold == threshold(window, layers=2)


def test_the_rule_names_its_numbers() -> None:
    assert "0.01 false alarms a week, shared among 3 windows" in RULE
    assert "A window of fewer than 110 rows is not judged" in RULE
