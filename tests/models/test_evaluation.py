import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Part
from models.evaluation import Evaluation, evaluate, merge, rows_in_order
from models.networks.blocks import ConvBlock, DenseBlock, HighwayBlock, HighwayConvBlock
from models.networks.layers import HighwayDense
from models.networks.network import HighwayClassifier, NetworkConfig


def quarter_network() -> HighwayClassifier:
    """One feature, two layers with closed and half-open gates; always predicts (1/4, 3/4)."""
    blocks = (
        DenseBlock(width=1, activation="softplus"),
        HighwayBlock(number=1, width=1),
        HighwayBlock(number=2, width=1),
    )
    network = HighwayClassifier(NetworkConfig(shape=(1,), classes=2, blocks=blocks))
    for parameter in network.parameters():
        parameter.data.zero_()
    closed = network.blocks[1]
    assert isinstance(closed, HighwayDense)
    closed.branches.bias.data[1] = -200.0
    network.output.bias.data = torch.tensor([0.0, math.log(3)])
    return network


ROWS = Part(x=np.zeros((4, 1), np.float32), y=np.array([1, 1, 1, 0]))


def test_accuracy_and_loss_match_a_hand_calculation() -> None:
    scores = evaluate(quarter_network(), ROWS)
    assert (scores.rows, scores.accuracy) == (4, 0.75)
    assert scores.loss == pytest.approx((3 * math.log(4 / 3) + math.log(4)) / 4)


def test_openness_is_the_mean_gate_of_each_layer() -> None:
    scores = evaluate(quarter_network(), ROWS)
    assert scores.openness == pytest.approx((0.0, 0.5))
    assert scores.mean_openness == pytest.approx(0.25)


def test_a_gate_scale_of_0_closes_a_layer() -> None:
    network = quarter_network()
    second = network.blocks[2]
    assert isinstance(second, HighwayDense)
    second.branches.bias.data[:] = torch.tensor([5.0, 200.0])
    network.output.weight.data = torch.tensor(
        [[1.0], [0.0]]
    )  # the layer's output of 5 selects label 0
    assert evaluate(network, ROWS).accuracy == 0.25
    assert evaluate(network, ROWS, torch.tensor([[1.0, 0.0]])).accuracy == 0.75


def test_evaluation_restores_the_mode_of_the_network() -> None:
    network = quarter_network().train()
    evaluate(network, ROWS)
    assert network.training


def test_batches_contain_every_row_once_in_order() -> None:
    part = Part(x=np.arange(10, dtype=np.float32).reshape(10, 1), y=np.arange(10))
    batches = [y.tolist() for _, y in rows_in_order(quarter_network(), part, batch_size=6)]
    assert batches == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]


def test_batches_of_a_convolution_are_limited_by_their_gates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = (ConvBlock(width=2, padding=1), HighwayConvBlock(number=1, width=2))
    network = HighwayClassifier(NetworkConfig(shape=(3, 3), classes=2, blocks=blocks)).eval()
    part = Part(x=np.zeros((7, 9), np.float32), y=np.arange(7))
    monkeypatch.setattr("models.evaluation.MAX_GATES", 3 * 2 * 9)  # of 2 channels, 9 positions
    batches = [y.tolist() for _, y in rows_in_order(network, part)]
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]
    monkeypatch.setattr("models.evaluation.MAX_GATES", 1)
    assert len(list(rows_in_order(network, part))) == 7


def test_the_interval_is_wilsons_score_interval() -> None:
    # 80 of 100: (0.80 + 0.0192 ± 0.0775) / 1.0384, from Wilson's formula with z = 1.96
    scores = Evaluation(rows=100, accuracy=0.8, loss=0.0, openness=())
    assert scores.accuracy_interval() == pytest.approx((0.7112, 0.8666), abs=1e-4)


@given(st.integers(1, 3))
def test_merged_scores_equal_the_scores_of_all_rows(cut: int) -> None:
    network = quarter_network()
    shares = [
        evaluate(network, ROWS.take(slice(None, cut))),
        evaluate(network, ROWS.take(slice(cut, None))),
    ]
    merged, expected = merge(shares), evaluate(network, ROWS)
    assert merged.rows == expected.rows
    assert merged.accuracy == pytest.approx(expected.accuracy)
    assert merged.loss == pytest.approx(expected.loss)
    assert merged.openness == pytest.approx(expected.openness)
