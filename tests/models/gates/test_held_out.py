import json
from dataclasses import asdict

import numpy as np
import pytest

from models.gates.held_out import BINS, LEAST_ROWS, MARGIN, held_out


def rising(rows: int) -> np.ndarray:
    """Gates 0, 1/rows … of two layers; the second layer's fall."""
    line = (np.arange(rows) / rows).astype(np.float32)
    return np.stack([line, line[::-1]], axis=1)


def test_bins_of_a_label_hold_equal_shares_of_its_rows() -> None:
    gates = np.concatenate([rising(220), rising(440) / 2])
    predicted = np.repeat([0, 1], [220, 440])
    found = held_out(gates, predicted, labels=2, part="validation")
    assert (found.rows, found.part, found.predicted) == (660, "validation", [220, 440])
    assert found.counts == [[[20] * BINS] * 2, [[40] * BINS] * 2]


def test_edges_are_the_labels_quantiles_and_a_margin() -> None:
    found = held_out(rising(110), np.zeros(110, np.int64), labels=1, part="validation")
    assert found.edges[0][0] == pytest.approx(
        [np.quantile(rising(110)[:, 0], i / 11) + MARGIN for i in range(1, 11)], abs=1e-6
    )
    assert found.edges[0][0] == found.edges[0][1]


def test_a_label_with_few_rows_takes_the_bins_of_all() -> None:
    predicted = np.zeros(400, np.int64)
    predicted[400 - (LEAST_ROWS - 1) :] = 1  # the highest gates of the first layer
    found = held_out(rising(400), predicted, labels=3, part="test")
    assert found.edges[1] == found.edges[2]
    assert found.edges[1][0][4] == pytest.approx(5 / 11, abs=0.01)
    assert found.predicted == [291, 109, 0]
    assert found.counts[1][0][:8] == [0] * 8
    assert sum(found.counts[1][0]) == 109
    assert found.counts[2] == [[0] * BINS] * 2


def test_a_constant_gate_is_in_the_first_bin_also_where_its_last_digits_differ() -> None:
    gates = np.full((200, 1), 0.25, np.float32)
    found = held_out(gates, np.zeros(200, np.int64), labels=1, part="validation")
    assert found.edges == [[[0.25001] * (BINS - 1)]]
    assert found.counts == [[[200] + [0] * (BINS - 1)]]


def test_what_is_counted_is_counted_by_the_edges_as_written() -> None:
    rng = np.random.default_rng(0)
    gates = rng.random((500, 3)).astype(np.float32)
    predicted = rng.integers(0, 2, 500)
    found = json.loads(json.dumps(asdict(held_out(gates, predicted, labels=2, part="test"))))
    edges = np.array(found["edges"], np.float32)[predicted]
    bins = (gates[:, :, None] > edges).sum(axis=2)
    for label in (0, 1):
        for layer in range(3):
            counts = np.bincount(bins[predicted == label, layer], minlength=BINS)
            assert found["counts"][label][layer] == counts.tolist()


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^held-out rows: expected at least one, found none$"):
        held_out(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), labels=2, part="test")
