import math

import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.evaluation import Evaluation, evaluate, layer_openness
from models.layers import HighwayDense
from models.network import DenseBlock, HighwayBlock, HighwayClassifier, NetworkConfig


def sign_network() -> HighwayClassifier:
    """One feature, one unit, closed gates: logits (−x, x), so that the sign decides the label."""
    blocks = (
        DenseBlock(width=1, activation="softplus"),
        HighwayBlock(number=1, width=1, gate_bias=-200.0),
        HighwayBlock(number=2, width=1, gate_bias=0.0),
    )
    network = HighwayClassifier(NetworkConfig(features=1, classes=2, blocks=blocks))
    for parameter in network.parameters():
        parameter.data.zero_()
    closed = network.blocks[1]
    assert isinstance(closed, HighwayDense)
    closed.branches.bias.data[1] = -200.0
    network.output.bias.data = torch.tensor([0.0, math.log(3)])  # always (1/4, 3/4)
    return network


ROWS = Part(x=np.zeros((4, 1), np.float32), y=np.array([1, 1, 1, 0]))


def test_accuracy_and_loss_worked_out_by_hand() -> None:
    scores = evaluate(sign_network(), ROWS)
    assert (scores.rows, scores.accuracy) == (4, 0.75)
    assert scores.loss == pytest.approx((3 * math.log(4 / 3) + math.log(4)) / 4)


def test_openness_is_each_layers_mean_gate() -> None:
    assert evaluate(sign_network(), ROWS).openness == pytest.approx((0.0, 0.5))
    assert layer_openness(sign_network(), ROWS).tolist() == [[0.0, 0.5]] * 4


def test_evaluation_leaves_the_network_in_the_mode_it_had() -> None:
    network = sign_network().train()
    evaluate(network, ROWS)
    assert network.training


def test_the_interval_is_wilsons() -> None:
    # 80 of 100: (0.80 + 0.0192 ± 0.0775) / 1.0384, from Wilson's formula with z = 1.96
    scores = Evaluation(rows=100, accuracy=0.8, loss=0.0, openness=())
    assert scores.accuracy_interval() == pytest.approx((0.7112, 0.8666), abs=1e-4)
