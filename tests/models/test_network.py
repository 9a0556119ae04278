import pytest
import torch

from models.errors import ConfigError
from models.network import (
    DenseBlock,
    HighwayBlock,
    HighwayClassifier,
    NetworkConfig,
    mean_gates,
)


def config(*widths: int) -> NetworkConfig:
    first = DenseBlock(width=4)
    layers = tuple(HighwayBlock(number=n, width=w) for n, w in enumerate(widths, start=1))
    return NetworkConfig(features=3, classes=2, blocks=(first, *layers))


def test_forward_gives_logits_and_every_layers_gates() -> None:
    logits, gates = HighwayClassifier(config(4, 4))(torch.zeros(5, 3))
    assert logits.shape == (5, 2)
    assert [tuple(gate.shape) for gate in gates] == [(5, 4), (5, 4)]


def test_the_network_subtracts_the_mean_and_divides_by_the_spread_itself() -> None:
    torch.manual_seed(0)
    network = HighwayClassifier(config(4))
    plain, _ = network(torch.tensor([[1.0, -1.0, 2.0]]))
    network.normalise(torch.tensor([10.0, 10.0, 10.0]), torch.tensor([2.0, 2.0, 2.0]))
    normalised, _ = network(torch.tensor([[12.0, 8.0, 14.0]]))
    assert torch.equal(plain, normalised)


def test_the_normalisation_is_kept_with_the_weights_but_is_not_trained() -> None:
    network = HighwayClassifier(config(4))
    assert {"input_mean", "input_spread"} <= set(network.state_dict())
    assert not {"input_mean", "input_spread"} & {name for name, _ in network.named_parameters()}


def test_a_gate_scale_of_ones_changes_nothing() -> None:
    network, x = HighwayClassifier(config(4, 4)), torch.randn(6, 3)
    assert torch.equal(network(x)[0], network(x, torch.ones(1, 2))[0])


def test_each_row_may_close_another_layer() -> None:
    network, x = HighwayClassifier(config(4, 4)), torch.randn(1, 3)
    both, _ = network(x.expand(2, 3), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    first, _ = network(x, torch.tensor([[0.0, 1.0]]))
    second, _ = network(x, torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(both, torch.cat([first, second]))
    assert not torch.allclose(first, second)


def test_mean_gates_average_over_units_of_equal_and_of_different_widths() -> None:
    wide, narrow = torch.tensor([[0.0, 0.5, 1.0, 0.5]]), torch.tensor([[0.25, 0.75, 1.0, 0.0]])
    assert mean_gates([wide, narrow]).tolist() == [[0.5, 0.5]]
    assert mean_gates([wide, torch.tensor([[0.2, 0.4]])])[0].tolist() == pytest.approx([0.5, 0.3])


def test_a_highway_layer_of_another_width_says_which_and_what_it_needs() -> None:
    with pytest.raises(ConfigError) as error:
        HighwayClassifier(config(4, 6))
    assert str(error.value) == (
        "block 3: a highway layer hands its input on, so its width must be the 4 units it is "
        "given, found 6; put a dense block of width 6 before it"
    )
