import numpy as np
import pytest

from models.baseline import QUANTILES, gate_baseline
from models.data.bundled import load
from models.evaluation import layer_openness
from models.network import HighwayClassifier
from models.presets import DensePreset


def test_the_baseline_is_what_the_gates_do_on_the_training_rows_of_each_label() -> None:
    data = load("digits")
    network = HighwayClassifier(DensePreset(depth=3, width=4).network(features=64, classes=10))
    baseline = gate_baseline(network, data)
    threes = layer_openness(network, data.train).numpy()[data.train.y == 3]
    found = baseline.by_label["3"]
    assert found.rows == len(threes)
    assert found.mean == pytest.approx(threes.mean(axis=0), abs=1e-5)
    assert found.spread == pytest.approx(threes.std(axis=0), abs=1e-5)
    assert found.quantiles[3] == pytest.approx(np.median(threes, axis=0), abs=1e-5)


def test_quantiles_have_a_row_for_each_level_and_a_column_for_each_layer() -> None:
    network = HighwayClassifier(DensePreset(depth=3, width=4).network(features=64, classes=10))
    baseline = gate_baseline(network, load("digits"))
    assert baseline.levels == QUANTILES
    assert np.shape(baseline.overall.quantiles) == (len(QUANTILES), 2)
    assert list(baseline.by_label) == list("0123456789")
