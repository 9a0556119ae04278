import numpy as np
import pytest

from models.data.source import Source, load
from models.gates.baseline import QUANTILES, gate_baseline, layer_openness
from models.gates.held_out import HeldOut, held_out
from models.networks.blocks import Block, DenseBlock, HighwayBlock
from models.networks.network import HighwayClassifier, NetworkConfig


def network() -> HighwayClassifier:
    highway = tuple(HighwayBlock(number=number, width=4) for number in (1, 2))
    blocks: tuple[Block, ...] = (DenseBlock(width=4), *highway)
    return HighwayClassifier(NetworkConfig(shape=(8, 8), classes=10, blocks=blocks))


def some_held_out() -> HeldOut:
    gates = np.full((2, 2), 0.25, np.float32)
    return held_out(gates, np.array([0, 9]), labels=10, part="validation")


def test_the_baseline_is_what_the_gates_do_on_the_training_rows_of_each_label() -> None:
    data, untrained = load(Source.of("digits")), network()
    baseline = gate_baseline(untrained, data, some_held_out())
    threes = layer_openness(untrained, data.train)[data.train.y == 3]
    found = baseline.by_label["3"]
    assert found.rows == len(threes)
    assert found.mean == pytest.approx(threes.mean(axis=0), abs=1e-5)
    assert found.spread == pytest.approx(threes.std(axis=0), abs=1e-5)
    assert found.quantiles[3] == pytest.approx(np.median(threes, axis=0), abs=1e-5)


def test_quantiles_have_a_row_for_each_level_and_a_column_for_each_layer() -> None:
    baseline = gate_baseline(network(), load(Source.of("digits")), some_held_out())
    assert baseline.levels == QUANTILES
    assert np.shape(baseline.overall.quantiles) == (len(QUANTILES), 2)
    assert list(baseline.by_label) == list("0123456789")


def test_the_held_out_rows_are_kept_as_they_were_counted() -> None:
    held = some_held_out()
    assert gate_baseline(network(), load(Source.of("digits")), held).held_out == held
    assert (held.rows, held.predicted) == (2, [1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
