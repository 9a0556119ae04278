import math

import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.evaluation import evaluate
from models.gates.lesions import joint_lesions, single_lesions
from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.layers import HighwayDense, PlainDense
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale


def no_op(_: int) -> None:
    pass


def hand_made() -> HighwayClassifier:
    """One unit: x becomes 3/4 · 3 + x/4, then stays; the label is 1 where that exceeds 2.6."""
    highway = tuple(HighwayBlock(number=number, width=1) for number in (1, 2))
    blocks: tuple[Block, ...] = (DenseBlock(width=1), *highway)
    network = HighwayClassifier(
        NetworkConfig(shape=(1,), classes=2, preparation=Scale(divisor=1.0), blocks=blocks)
    )
    for parameter in network.parameters():
        parameter.data.zero_()
    plain, useful, idle = network.blocks
    assert isinstance(plain, PlainDense)
    assert isinstance(useful, HighwayDense)
    assert isinstance(idle, HighwayDense)
    plain.linear.weight.data.fill_(1.0)
    useful.branches.bias.data = torch.tensor([3.0, math.log(3)])  # H = 3, T = 3/4
    idle.branches.weight.data[0] = 1.0  # H(x) = x
    network.output.weight.data[1] = 10.0
    network.output.bias.data[1] = -26.0
    return network


PART = Part(x=np.array([[1.0], [2.0]], np.float32), y=np.array([0, 1]))


def loss(*margins: float) -> float:
    """The mean loss of rows whose right logit leads by these margins."""
    return sum(math.log1p(math.exp(-margin)) for margin in margins) / len(margins)


def random_network(spatial: bool) -> HighwayClassifier:
    torch.manual_seed(0)
    first: tuple[Block, ...] = (
        ConvBlock(width=2, kernel=3),
        HighwayConvBlock(number=1, width=2, gate_bias=0.0),
        MaxPoolBlock(size=2, stride=2),
        DropoutBlock(rate=0.5),
        ConvBlock(width=3, kernel=1),
        HighwayConvBlock(number=2, width=3, gate_kernel=1, gate_bias=0.0),
    )
    last: tuple[Block, ...] = (
        DenseBlock(width=6, activation="tanh"),
        *(HighwayBlock(number=n, width=6, gate_bias=0.0) for n in (3, 4, 5)),
    )
    blocks = first + last if spatial else last
    return HighwayClassifier(NetworkConfig(shape=(6, 6), classes=3, blocks=blocks))


def random_rows() -> Part:
    x = np.random.default_rng(0).normal(size=(1500, 36)).astype(np.float32)
    return Part(x=x, y=np.arange(1500) % 3)


def test_single_lesions_by_hand() -> None:
    lesions = single_lesions(hand_made(), PART, no_op)
    assert lesions.intact.accuracy == 1.0
    assert lesions.intact.loss == pytest.approx(loss(1.0, 1.5), abs=1e-5)
    assert lesions.single[0].accuracy == 0.5  # 1 and 2 are both below 2.6
    assert lesions.single[0].loss == pytest.approx(loss(16.0, -6.0), abs=1e-5)


def test_closing_an_idle_layer_changes_nothing() -> None:
    lesions = single_lesions(hand_made(), PART, no_op)
    idle = lesions.single[1]
    assert (idle.accuracy, idle.loss) == (lesions.intact.accuracy, lesions.intact.loss)
    assert lesions.least_useful_first() == (1, 0)


def test_joint_lesions_by_hand() -> None:
    lesions = single_lesions(hand_made(), PART, no_op)
    joint = joint_lesions(hand_made(), PART, (1, 0), no_op)
    assert joint == (lesions.intact, lesions.single[1], lesions.single[0])


@pytest.mark.parametrize("spatial", [False, True])
def test_a_lesion_equals_a_gate_scale_of_zero(spatial: bool) -> None:
    network, part = random_network(spatial), random_rows()
    layers = len(network.config.highway_blocks)
    lesions = single_lesions(network, part, no_op)
    for layer in range(layers):
        scale = torch.ones(1, layers)
        scale[0, layer] = 0.0
        expected = evaluate(network, part, scale)
        assert (lesions.single[layer].accuracy, lesions.single[layer].loss) == (
            expected.accuracy,
            expected.loss,
        )


@pytest.mark.parametrize("spatial", [False, True])
def test_joint_lesions_equal_gate_scales_of_zero(spatial: bool) -> None:
    network, part = random_network(spatial), random_rows()
    layers = len(network.config.highway_blocks)
    order = tuple(reversed(range(layers)))
    scale = torch.ones(1, layers)
    for count, outcome in enumerate(joint_lesions(network, part, order, no_op)):
        scale[0, list(order[:count])] = 0.0
        expected = evaluate(network, part, scale)
        assert (outcome.accuracy, outcome.loss) == (expected.accuracy, expected.loss)


def test_progress_counts_the_rows_of_each_lesion() -> None:
    single: list[int] = []
    joint: list[int] = []
    single_lesions(hand_made(), PART, single.append)
    joint_lesions(hand_made(), PART, (1, 0), joint.append)
    assert (sum(single), sum(joint)) == (2 * 2, 3 * 2)


def test_the_change_of_accuracy_is_measured_on_the_same_rows() -> None:
    # Without the useful layer one of two rows becomes wrong: −1/4 ± 1.96 · sqrt(2/4 − 1/16) / 2.
    useful, idle = single_lesions(hand_made(), PART, no_op).single
    assert useful.change == pytest.approx((-0.8982, 0.3982), abs=1e-4)
    assert idle.change == pytest.approx((-0.49, 0.49))  # 1.96 · sqrt(1/4) / 2


def test_layers_that_few_rows_cannot_tell_apart_are_ties() -> None:
    few = single_lesions(hand_made(), PART, no_op)
    assert few.ties == few.least_useful_first()[1:]
    many = Part(x=np.repeat(PART.x, 50, axis=0), y=np.repeat(PART.y, 50))
    assert single_lesions(hand_made(), many, no_op).ties == ()
