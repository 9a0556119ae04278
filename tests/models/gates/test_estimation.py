import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.gates.estimation import Moments, estimation_errors
from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.layers import HighwayDense, PlainDense
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale

PART = Part(x=np.array([[1.0], [2.0]], np.float32), y=np.array([1, 1]))


def no_op(_: int) -> None:
    pass


def half_open() -> HighwayClassifier:
    """One unit with constant gates of 1/2: x becomes (x + 3) / 2, then (x + 2x) / 2."""
    layers = (HighwayBlock(number=n, width=1, gate_bias=0.0, constant_gate=True) for n in (1, 2))
    blocks: tuple[Block, ...] = (DenseBlock(width=1), *layers)
    network = HighwayClassifier(
        NetworkConfig(shape=(1,), classes=2, preparation=Scale(divisor=1.0), blocks=blocks)
    )
    plain, first, second = network.blocks
    assert isinstance(plain, PlainDense)
    assert isinstance(first, HighwayDense)
    assert isinstance(second, HighwayDense)
    plain.linear.weight.data.fill_(1.0)
    first.transform.weight.data.zero_()
    first.transform.bias.data.fill_(3.0)
    second.transform.weight.data.fill_(2.0)
    return network


def images(*layers_of_stages: int) -> HighwayClassifier:
    """A random network of stages of convolutions, with a pool after each."""
    torch.manual_seed(0)
    blocks: list[Block] = [ConvBlock(width=2, kernel=3)]
    number = 0
    for layers in layers_of_stages:
        for _ in range(layers):
            number += 1
            blocks.append(HighwayConvBlock(number=number, width=2, gate_bias=0.0))
        blocks.append(MaxPoolBlock(size=2, stride=2))
    return HighwayClassifier(NetworkConfig(shape=(8, 8), classes=3, blocks=tuple(blocks)))


def random_rows(rows: int) -> Part:
    x = np.random.default_rng(0).normal(size=(rows, 64)).astype(np.float32)
    return Part(x=x, y=np.arange(rows) % 3)


def test_errors_by_hand() -> None:
    # The layers' outputs are 2 and 2.5, then 3 and 3.75: the errors are −1 and −1.25.
    first, last = estimation_errors(half_open(), PART, no_op)
    assert (first.layer, first.stage) == (0, 1)
    assert (first.mean, first.spread) == pytest.approx((1.125, 0.125))
    assert first.relative_mean == pytest.approx(3.0)  # the final output's spread is 0.375
    assert first.relative_spread == pytest.approx(1 / 3)
    assert (last.layer, last.mean, last.spread, last.relative_spread) == (1, 0.0, 0.0, 0.0)


def test_means_of_units_do_not_cancel_out() -> None:
    moments = Moments()
    moments.add(torch.tensor([[1.0, -1.0], [3.0, -3.0]]))
    assert (moments.mean, moments.spread) == (2.0, 1.0)


def test_positions_of_a_channel_count_as_rows() -> None:
    moments = Moments()
    moments.add(torch.tensor([[[[1.0, 3.0]], [[-1.0, -3.0]]]]))
    assert (moments.mean, moments.spread) == (2.0, 1.0)


def test_moments_of_batches_equal_those_of_one_batch() -> None:
    values = 100.0 + torch.rand(10, 3, generator=torch.Generator().manual_seed(0))
    whole, batches = Moments(), Moments()
    whole.add(values)
    for batch in values.split([1, 7, 2]):
        batches.add(batch)
    assert batches.mean == pytest.approx(whole.mean, rel=1e-6)
    assert batches.spread == pytest.approx(whole.spread, rel=1e-4)


def test_small_batches_give_the_same_errors() -> None:
    part = random_rows(10)
    one = estimation_errors(images(2, 3), part, no_op)
    for whole, batched in zip(
        one, estimation_errors(images(2, 3), part, no_op, batch_size=3), strict=True
    ):
        assert batched.mean == pytest.approx(whole.mean, rel=1e-3, abs=1e-6)
        assert batched.spread == pytest.approx(whole.spread, rel=1e-3, abs=1e-6)


def test_each_stage_is_compared_with_its_own_last_layer() -> None:
    errors = estimation_errors(images(2, 3), random_rows(5), no_op)
    assert [(layer.stage, layer.layer) for layer in errors] == [
        *((1, 0), (1, 1)),
        *((2, 2), (2, 3), (2, 4)),
    ]
    assert [layer.spread > 0 for layer in errors] == [True, False, True, True, False]


def test_a_stage_of_one_layer_has_no_errors() -> None:
    assert estimation_errors(images(1, 1), random_rows(5), no_op) == ()
    errors = estimation_errors(images(1, 2), random_rows(5), no_op)
    assert [(layer.stage, layer.layer) for layer in errors] == [(2, 1), (2, 2)]


def test_errors_of_a_constant_output_have_no_relative_numbers() -> None:
    network = half_open()
    for parameter in network.parameters():
        parameter.data.zero_()
    for layer in estimation_errors(network, PART, no_op):
        assert (layer.mean, layer.spread) == (0.0, 0.0)
        assert (layer.relative_mean, layer.relative_spread) == (None, None)


def test_a_plain_network_has_estimation_errors_too() -> None:
    blocks = tuple(DenseBlock(width=1) for _ in range(3))
    network = HighwayClassifier(
        NetworkConfig(shape=(2,), classes=2, preparation=Scale(divisor=1.0), blocks=blocks)
    )
    for parameter in network.parameters():
        parameter.data.fill_(1.0)  # x and y become x + y + 1, then one more in each layer
    part = Part(x=np.array([[1.0, 0.0], [0.0, 3.0]], np.float32), y=np.array([0, 1]))
    first, last = estimation_errors(network, part, no_op)
    assert (first.mean, first.spread, first.relative_mean) == (1.0, 0.0, 1.0)
    assert (last.layer, last.mean) == (1, 0.0)


def test_progress_counts_the_rows() -> None:
    done: list[int] = []
    estimation_errors(half_open(), PART, done.append, batch_size=1)
    assert done == [1, 1]
