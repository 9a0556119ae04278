import pytest
import torch

from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.network import HighwayClassifier, NetworkConfig, mean_gates, unit_gates
from models.networks.preparation import Contrast, Scale


def config(*widths: int) -> NetworkConfig:
    first = DenseBlock(width=4)
    layers = tuple(HighwayBlock(number=n, width=w) for n, w in enumerate(widths, start=1))
    return NetworkConfig(shape=(3,), classes=2, blocks=(first, *layers))


def conv_config(shape: tuple[int, ...]) -> NetworkConfig:
    blocks: tuple[Block, ...] = (
        ConvBlock(width=2, kernel=3),
        HighwayConvBlock(number=1, width=2),
        MaxPoolBlock(size=2, stride=2),
        HighwayConvBlock(number=2, width=2, gate_kernel=1),
    )
    return NetworkConfig(shape=shape, classes=3, blocks=blocks)


def test_forward_returns_logits_and_each_layers_gates() -> None:
    logits, gates = HighwayClassifier(config(4, 4))(torch.zeros(5, 3))
    assert logits.shape == (5, 2)
    assert [tuple(gate.shape) for gate in gates] == [(5, 4), (5, 4)]


def test_a_convolutional_network_takes_flat_rows_and_returns_gates_at_every_position() -> None:
    logits, gates = HighwayClassifier(conv_config((7, 6)))(torch.zeros(5, 42))
    assert logits.shape == (5, 3)
    assert [tuple(gate.shape) for gate in gates] == [(5, 2, 5, 4), (5, 2, 3, 2)]


def test_a_colour_image_is_stored_with_interleaved_channels() -> None:
    network = HighwayClassifier(conv_config((5, 5, 3)))
    row = torch.arange(75.0).reshape(1, 75)
    image = network.prepare(row)[0]
    assert image.shape == (3, 5, 5)
    assert image[:, 0, 0].tolist() == [0, 1, 2]
    assert image[0, 0].tolist() == [0, 3, 6, 9, 12]


def test_the_network_fits_and_applies_its_preparation() -> None:
    torch.manual_seed(0)
    network = HighwayClassifier(config(4))
    unit = torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])
    plain, _ = network(unit)
    network.fit_preparation(unit * 2 * torch.sqrt(torch.tensor(5 / 6)) + 10)
    prepared, _ = network(unit * 2 + 10)
    torch.testing.assert_close(prepared, plain)


@pytest.mark.parametrize("preparation", [Scale(divisor=256.0), Contrast()])
def test_a_fixed_preparation_is_not_fitted(preparation: Scale | Contrast) -> None:
    fixed = NetworkConfig(
        shape=(3,), classes=2, preparation=preparation, blocks=(DenseBlock(width=4),)
    )
    network, x = HighwayClassifier(fixed), torch.randn(2, 3)
    before, _ = network(x)
    network.fit_preparation(torch.randn(9, 3) * 100)
    assert torch.equal(network(x)[0], before)


def test_the_preparation_is_saved_with_the_weights_but_not_trained() -> None:
    network = HighwayClassifier(config(4))
    saved = {"preparation.mean", "preparation.spread"}
    assert saved <= set(network.state_dict())
    assert not saved & {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize("described", [config(4, 4), conv_config((6, 6))])
def test_a_gate_scale_of_ones_changes_nothing(described: NetworkConfig) -> None:
    network, x = HighwayClassifier(described), torch.randn(6, described.features)
    assert torch.equal(network(x)[0], network(x, torch.ones(1, 2))[0])


@pytest.mark.parametrize("described", [config(4, 4), conv_config((6, 6))])
def test_each_row_can_close_another_layer(described: NetworkConfig) -> None:
    torch.manual_seed(0)
    network, x = HighwayClassifier(described), torch.randn(1, described.features)
    both, _ = network(x.expand(2, -1), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    first, _ = network(x, torch.tensor([[0.0, 1.0]]))
    second, _ = network(x, torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(both, torch.cat([first, second]))
    assert not torch.allclose(first, second)


def test_gates_are_between_zero_and_one_in_training_with_dropout() -> None:
    blocks = (
        DenseBlock(width=6),
        DropoutBlock(rate=0.5),
        HighwayBlock(number=1, width=6),
        DropoutBlock(rate=0.5),
        HighwayBlock(number=2, width=6),
    )
    network = HighwayClassifier(NetworkConfig(shape=(4,), classes=2, blocks=blocks)).train()
    _, gates = network(torch.randn(200, 4) * 10)
    for gate in gates:
        assert ((gate >= 0) & (gate <= 1)).all()


def test_unit_gates_of_a_convolution_are_means_over_positions() -> None:
    dense, image = torch.rand(2, 3), torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
    assert torch.equal(unit_gates(dense), dense)
    assert unit_gates(image).tolist() == [[0.5]]


def test_mean_gates_average_over_units_of_equal_and_of_different_widths() -> None:
    wide, narrow = torch.tensor([[0.0, 0.5, 1.0, 0.5]]), torch.tensor([[0.25, 0.75, 1.0, 0.0]])
    assert mean_gates([wide, narrow]).tolist() == [[0.5, 0.5]]
    assert mean_gates([wide, torch.tensor([[0.2, 0.4]])])[0].tolist() == pytest.approx([0.5, 0.3])
