import math

import numpy as np
import pytest
import torch

from models.data.dataset import FloatRows, Part
from models.gates.statistics import gate_biases, mean_unit_gates, row_gates
from models.networks.blocks import Block, ConvBlock, DenseBlock, HighwayBlock, HighwayConvBlock
from models.networks.layers import HighwayConv, HighwayDense, PlainDense
from models.networks.network import HighwayClassifier, NetworkConfig, unit_gates
from models.networks.preparation import Scale


def no_op(_: int) -> None:
    pass


def hand_made() -> HighwayClassifier:
    """Two units that carry (x₁, x₂), gates sigmoid(x₁ ln 3) and 1/4, and H = 0."""
    blocks = (DenseBlock(width=2), HighwayBlock(number=1, width=2))
    network = HighwayClassifier(
        NetworkConfig(shape=(2,), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    )
    for parameter in network.parameters():
        parameter.data.zero_()
    plain, highway = network.blocks
    assert isinstance(plain, PlainDense)
    assert isinstance(highway, HighwayDense)
    plain.linear.weight.data = torch.eye(2)
    highway.branches.weight.data[2, 0] = math.log(3)
    highway.branches.bias.data[3] = -math.log(3)
    return network


def rows(*values: tuple[float, float]) -> FloatRows:
    return np.array(values, np.float32)


PART = Part(x=rows((0, 0), (1, 0), (1, 4)), y=np.array([0, 1, 1]))


def convolutional() -> tuple[HighwayClassifier, Part]:
    torch.manual_seed(0)
    blocks: tuple[Block, ...] = (
        ConvBlock(width=2, kernel=3),
        HighwayConvBlock(number=1, width=2, gate_bias=-2.0),
        ConvBlock(width=3, kernel=3),
        HighwayConvBlock(number=2, width=3, gate_kernel=1, gate_bias=-1.0),
    )
    network = HighwayClassifier(NetworkConfig(shape=(7, 7), classes=3, blocks=blocks))
    x = np.random.default_rng(0).normal(size=(20, 49)).astype(np.float32)
    return network, Part(x=x, y=np.arange(20) % 3)


def test_mean_gates_by_hand() -> None:
    means = mean_unit_gates(hand_made(), PART, no_op)
    assert means.overall[0] == pytest.approx([(0.5 + 0.75 + 0.75) / 3, 0.25])
    assert means.by_class[0][:2] == pytest.approx(np.array([[0.5, 0.25], [0.75, 0.25]]))
    assert means.class_rows == (1, 2, 0)


def test_a_class_without_rows_has_no_mean() -> None:
    assert np.isnan(mean_unit_gates(hand_made(), PART, no_op).by_class[0][2]).all()


def test_the_gates_and_outputs_of_one_row_by_hand() -> None:
    result = row_gates(hand_made(), PART.x[2])
    assert result.gates[0] == pytest.approx([0.75, 0.25])
    assert result.outputs[0] == pytest.approx([0.25 * 1, 0.75 * 4])


def test_gate_biases_exclude_the_transform() -> None:
    assert gate_biases(hand_made())[0] == pytest.approx([0.0, -math.log(3)])


def test_a_separate_gate_convolution_has_a_separate_bias() -> None:
    network, _ = convolutional()
    shared, separate = (block for block in network.blocks if isinstance(block, HighwayConv))
    assert shared.gate_bias.tolist() == [-2.0, -2.0]
    assert separate.gate_bias.tolist() == [-1.0, -1.0, -1.0]
    assert [bias.tolist() for bias in gate_biases(network)] == [[-2.0] * 2, [-1.0] * 3]


@pytest.mark.parametrize("batch_size", [1, 7])
def test_mean_gates_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    network, part = convolutional()
    at_once = mean_unit_gates(network, part, no_op)
    steps: list[int] = []
    batched = mean_unit_gates(network, part, steps.append, batch_size=batch_size)
    assert sum(steps) == len(part)
    for name in ("overall", "by_class"):
        for one, other in zip(getattr(at_once, name), getattr(batched, name), strict=True):
            assert one == pytest.approx(other, abs=1e-6)


def test_a_channel_is_averaged_over_its_positions() -> None:
    network, part = convolutional()
    with torch.no_grad():
        gates = [unit_gates(gate) for gate in network(torch.from_numpy(part.x))[1]]
    means, row = mean_unit_gates(network, part, no_op), row_gates(network, part.x[4])
    for layer, gate in enumerate(gates):
        assert means.overall[layer] == pytest.approx(gate.mean(dim=0).numpy(), abs=1e-6)
        assert row.gates[layer] == pytest.approx(gate[4].numpy(), abs=1e-6)
        assert row.outputs[layer].shape == gate[4].shape
