import numpy as np
import pytest

from service.drift.baseline import HeldOut
from service.drift.monitor import DriftDecision, evaluate
from service.drift.summary import summary_of
from service.drift.windows import WINDOWS, SlotCounter, SlotLayout
from tests.service.conftest import METADATA
from tests.service.drift.conftest import even, held_out, rows

NOON = 43200.0
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
AS_HELD_OUT = (even(0, 20), even(1, 10))


def decisions(*added: tuple[float, Rows], base: HeldOut | None = None) -> list[DriftDecision]:
    """Evaluate all windows of rows at these seconds before noon."""
    base = base or held_out()
    layout = SlotLayout.of(base)
    segment = np.zeros(layout.size)
    counter = SlotCounter(base, segment)
    for seconds, batch in added:
        counter.add(NOON - seconds, *batch)
    return [evaluate(layout.total([segment], w, NOON), base, w, NOON) for w in WINDOWS]


def summary(*added: tuple[float, Rows], base: HeldOut | None = None) -> str:
    return summary_of(METADATA, base or held_out(), decisions(*added, base=base))


def test_a_model_without_held_out_rows_cannot_be_tested() -> None:
    assert summary_of(METADATA, None, ()) == (
        "tiny version 1 cannot be tested: its file has no held-out rows; export it again."
    )


def test_a_model_whose_held_out_rows_are_training_rows_is_not_tested() -> None:
    assert summary((3700, rows(0, 500)), base=held_out(part="train")) == (
        "tiny version 1 is not tested: its training had too few validation rows; train on more "
        "rows or with a larger validation share."
    )


def test_few_rows_are_not_tested_yet() -> None:
    assert summary((3700, rows(0, 20))) == (
        "tiny version 1 is not tested yet: 20 rows were counted in the last day, and a test needs "
        "110; new rows are counted within 30 seconds."
    )
    assert summary((3700, rows(0, 1))).startswith("tiny version 1 is not tested yet: 1 row was ")


def test_traffic_like_the_held_out_rows_is_described_by_its_longest_window() -> None:
    hours_ago = [(3700.0, batch) for batch in AS_HELD_OUT]
    assert summary(*hours_ago) == (
        "tiny version 1 does not drift: in the last day, 0.91 % of 330 rows were as unusual as the "
        "most unusual 1 % of held-out rows; layers and labels are as among held-out rows."
    )


@pytest.mark.parametrize(
    ("p_value", "found"),
    [
        (0.005, "100 % of 330 rows were as unusual as the most unusual 1 % of held-out rows"),
        (0.05, "100 % of 330 rows were as unusual as the most unusual 10 % of held-out rows"),
    ],
)
def test_many_atypical_rows_are_named(p_value: float, found: str) -> None:
    changed = [(label, gates, np.full_like(p, p_value)) for label, gates, p in AS_HELD_OUT]
    assert summary(*[(600, batch) for batch in changed]) == (
        f"tiny version 1 drifts: in the last hour, {found}."
    )


@pytest.mark.parametrize(
    ("gate", "change"), [(0.99, "was more open"), (0.01, "was less open"), (0.5, "has other gates")]
)
def test_the_layer_whose_gates_differ_most_is_named(gate: float, change: str) -> None:
    changed = []
    for label, gates, typicality in AS_HELD_OUT:
        gates = gates.copy()
        gates[:, 1] = gate
        changed.append((label, gates, typicality))
    assert summary(*[(600, batch) for batch in changed]) == (
        "tiny version 1 drifts: in the last hour, 0.91 % of 330 rows were as unusual as the "
        f"most unusual 1 % of held-out rows; layer 'highway 2' {change} than among held-out rows."
    )


def test_several_layers_are_counted() -> None:
    changed = [(label, np.full_like(g, 0.01), p) for label, g, p in AS_HELD_OUT]
    assert "(the largest difference of 2 layers)" in summary(*[(600, batch) for batch in changed])


def test_the_label_whose_share_differs_most_is_named() -> None:
    assert summary((600, even(0, 1)), (600, even(1, 30))).endswith(
        "; the label 'b' was predicted for 97 % of rows instead of 33 %."
    )


def test_a_tiny_share_has_no_exponent() -> None:
    found = summary((3700, even(0, 1)), (3700, even(1, 11_000)))
    assert "; the label 'a' was predicted for under 0.01 % of rows instead of " in found


def test_the_longest_window_that_drifts_is_described() -> None:
    """An incident of some hours ago is no longer in the shorter windows."""
    assert "in the last day, " in summary((7200, rows(2, 500)), *[(60, b) for b in AS_HELD_OUT])
