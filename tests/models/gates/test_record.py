import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from models.data.dataset import Dataset
from models.evaluation import evaluate
from models.gates.directions import tensor_log_odds
from models.gates.record import (
    MARGIN,
    MIN_LABEL_ROWS,
    MIN_NORMAL_ROWS,
    QUANTILES,
    gate_baseline,
    gate_outputs,
    held_out_rows,
    layer_openness,
    openness,
    record_gates,
)
from models.gates.typicality import Typicality, fit_typicality
from models.networks.network import HighwayClassifier
from service.baselines import GATE_BINS, HeldOutRows
from tests.models.gates.conftest import untrained


def some_held_out() -> HeldOutRows:
    gates = np.full((2, 2), 0.25, np.float32)
    return held_out_rows(gates, np.array([0, 9]), labels=10, part="validation")


def rising(rows: int) -> np.ndarray:
    """Gates 0, 1/rows … of two layers; the second layer's fall."""
    line = (np.arange(rows) / rows).astype(np.float32)
    return np.stack([line, line[::-1]], axis=1)


def same(first: Typicality, second: Typicality) -> bool:
    pairs = zip(first.buffers(), second.buffers(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_the_validation_rows_are_the_normal_ones(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    record = record_gates(network, dataset)
    assert (record.baseline.held_out.part, record.baseline.held_out.rows) == ("validation", 180)
    fitted = fit_typicality(
        gate_outputs(network, dataset.train),
        dataset.train.y,
        gate_outputs(network, dataset.validation),
        classes=10,
        widths=[8, 8, 8],
    )
    assert same(record.typicality, fitted)


def test_a_network_with_many_units_is_recorded_on_fewer_rows(
    network: HighwayClassifier, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.gates.record.MAX_GATES", 100 * 24)  # rows of three layers of 8
    record = record_gates(network, dataset)
    assert record.baseline.held_out.rows == 90  # every second of 180
    assert record.baseline.overall.rows == len(dataset.train)


@pytest.mark.parametrize(
    ("rows", "part", "counted"),
    [
        (MIN_NORMAL_ROWS, "validation", MIN_NORMAL_ROWS),
        (MIN_NORMAL_ROWS - 1, "train", 718),
        (0, "train", 718),
    ],
)
def test_with_few_validation_rows_every_second_training_row_is_held_out(
    rows: int, part: str, counted: int, network: HighwayClassifier, dataset: Dataset
) -> None:
    assert len(dataset.train) == 1437
    few = replace(dataset, validation=dataset.validation.take(slice(rows)))
    held_out = record_gates(network, few).baseline.held_out
    assert (held_out.part, held_out.rows) == (part, counted)


def test_without_validation_rows_one_half_is_fitted_and_the_other_calibrates(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    none = replace(dataset, validation=dataset.validation.take(slice(0)))
    even, odd = (dataset.train.take(slice(first, None, 2)) for first in (0, 1))
    fitted = fit_typicality(
        gate_outputs(network, even),
        even.y,
        gate_outputs(network, odd),
        classes=10,
        widths=[8, 8, 8],
    )
    assert same(record_gates(network, none).typicality, fitted)


def test_a_row_of_each_label_is_enough(network: HighwayClassifier, dataset: Dataset) -> None:
    first = np.unique(dataset.train.y, return_index=True)[1]
    ten = replace(
        dataset,
        train=dataset.train.take(first),
        validation=dataset.validation.take(slice(0)),
    )
    record = record_gates(network, ten)
    assert record.baseline.held_out.rows == 5
    outputs = gate_outputs(network, dataset.test)
    logits = torch.from_numpy(outputs.logits)
    log_odds = tensor_log_odds(torch.from_numpy(outputs.gate_units))
    p_values = record.typicality(logits, torch.softmax(logits, dim=1), log_odds)
    assert ((p_values > 0) & (p_values <= 1)).all()


def test_held_out_rows_are_counted_by_predicted_label(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    held_out = record_gates(network, dataset).baseline.held_out
    labels = gate_outputs(network, dataset.validation).logits.argmax(axis=1)
    assert held_out.predicted == np.bincount(labels, minlength=10).tolist()
    counts = np.array(held_out.counts)  # (labels, layers, bins)
    predicted = np.array(held_out.predicted)[:, None].repeat(3, axis=1)
    assert counts.sum(axis=2) == pytest.approx(predicted)


def test_outputs_are_those_of_evaluation_mode(network: HighwayClassifier, dataset: Dataset) -> None:
    network.train()
    outputs = gate_outputs(network, dataset.test)
    assert not network.training
    assert outputs.logits.shape == (180, 10)
    assert outputs.gate_units.shape == (180, 24)
    scores = evaluate(network, dataset.test)
    right = (outputs.logits.argmax(axis=1) == dataset.test.y).mean()
    assert right == pytest.approx(scores.accuracy)
    means = openness(outputs.gate_units, [8, 8, 8]).mean(axis=0)
    assert means == pytest.approx(np.array(scores.openness), abs=1e-5)


def test_openness_is_the_mean_of_each_layers_units() -> None:
    units = np.array([[0.0, 1.0, 0.25], [0.5, 0.5, 1.0]], np.float32)
    assert openness(units, [2, 1]).tolist() == [[0.5, 0.25], [0.5, 1.0]]


def test_the_baseline_has_the_gates_of_each_labels_training_rows(dataset: Dataset) -> None:
    network = untrained(seed=0, gate_bias=-2.0)
    baseline = gate_baseline(network, dataset, some_held_out())
    threes = layer_openness(network, dataset.train)[dataset.train.y == 3]
    statistics = baseline.by_label["3"]
    assert statistics.rows == len(threes)
    assert statistics.mean == pytest.approx(threes.mean(axis=0), abs=1e-5)
    assert statistics.spread == pytest.approx(threes.std(axis=0), abs=1e-5)
    assert statistics.quantiles[3] == pytest.approx(np.median(threes, axis=0), abs=1e-5)


def test_quantiles_have_a_row_for_each_level_and_a_column_for_each_layer(dataset: Dataset) -> None:
    baseline = gate_baseline(untrained(seed=0, gate_bias=-2.0), dataset, some_held_out())
    assert baseline.levels == QUANTILES
    assert np.shape(baseline.overall.quantiles) == (len(QUANTILES), 2)
    assert list(baseline.by_label) == list("0123456789")


def test_bins_of_a_label_hold_equal_shares_of_its_rows() -> None:
    gates = np.concatenate([rising(220), rising(440) / 2])
    predicted = np.repeat([0, 1], [220, 440])
    held_out = held_out_rows(gates, predicted, labels=2, part="validation")
    assert (held_out.rows, held_out.part) == (660, "validation")
    assert held_out.predicted == [220, 440]
    assert held_out.counts == [[[20] * GATE_BINS] * 2, [[40] * GATE_BINS] * 2]


def test_edges_are_the_labels_quantiles_and_a_margin() -> None:
    gates = rising(110)
    held_out = held_out_rows(gates, np.zeros(110, np.int64), labels=1, part="validation")
    assert held_out.edges[0][0] == pytest.approx(
        [np.quantile(gates[:, 0], i / 11) + MARGIN for i in range(1, 11)], abs=1e-6
    )
    assert held_out.edges[0][0] == held_out.edges[0][1]


def test_a_label_with_few_rows_has_the_bins_of_all_rows() -> None:
    predicted = np.zeros(400, np.int64)
    predicted[400 - (MIN_LABEL_ROWS - 1) :] = 1  # the highest gates of the first layer
    held_out = held_out_rows(rising(400), predicted, labels=3, part="test")
    assert held_out.edges[1] == held_out.edges[2]
    assert held_out.edges[1][0][4] == pytest.approx(5 / 11, abs=0.01)
    assert held_out.predicted == [291, 109, 0]
    assert held_out.counts[1][0][:8] == [0] * 8
    assert sum(held_out.counts[1][0]) == 109
    assert held_out.counts[2] == [[0] * GATE_BINS] * 2


def test_a_constant_gate_is_in_the_first_bin_whatever_its_last_digits() -> None:
    gates = np.full((200, 1), 0.25, np.float32)
    held_out = held_out_rows(gates, np.zeros(200, np.int64), labels=1, part="validation")
    assert held_out.edges == [[[0.25001] * (GATE_BINS - 1)]]
    assert held_out.counts == [[[200] + [0] * (GATE_BINS - 1)]]


def test_rows_are_counted_by_the_edges_as_written() -> None:
    rng = np.random.default_rng(0)
    gates = rng.random((500, 3)).astype(np.float32)
    predicted = rng.integers(0, 2, 500)
    held_out = held_out_rows(gates, predicted, labels=2, part="test")
    written = json.loads(json.dumps(asdict(held_out)))
    edges = np.array(written["edges"], np.float32)[predicted]
    bins = (gates[:, :, None] > edges).sum(axis=2)
    for label in (0, 1):
        for layer in range(3):
            counts = np.bincount(bins[predicted == label, layer], minlength=GATE_BINS)
            assert written["counts"][label][layer] == counts.tolist()


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^held-out rows: at least one row is needed$"):
        held_out_rows(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), labels=2, part="test")
