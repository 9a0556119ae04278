import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.networks.layers import HighwayConv, HighwayLayer
from models.pruning.surgery import (
    block_place,
    highway_places,
    rebuilt,
    with_constant_gates,
    without_layers,
)
from tests.models.pruning.conftest import (
    DENSE_LAYERS,
    SPATIAL_LAYERS,
    known_network,
    known_rows,
    logits,
    random_network,
    random_rows,
)


def layers_of(spatial: bool) -> int:
    return SPATIAL_LAYERS if spatial else DENSE_LAYERS


@pytest.mark.parametrize("spatial", [False, True])
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_removing_layers_does_what_closing_their_gates_does(
    spatial: bool, data: st.DataObject, seed: int
) -> None:
    network, part = random_network(spatial, seed), random_rows()
    gone = data.draw(st.sets(st.integers(0, layers_of(spatial) - 1)))
    scale = torch.ones(1, layers_of(spatial))
    scale[0, list(gone)] = 0.0
    with torch.no_grad():
        closed, _ = network(torch.from_numpy(part.x), scale)
    smaller = without_layers(network, gone)
    assert len(smaller.config.highway_blocks) == layers_of(spatial) - len(gone)
    torch.testing.assert_close(logits(smaller, part), closed, rtol=0, atol=1e-6)


def test_the_layers_left_keep_their_numbers() -> None:
    smaller = without_layers(random_network(True), (0, 2))
    assert [block.number for block in smaller.config.highway_blocks] == [2, 4, 5]


def test_layers_taken_out_of_the_known_network_worked_out_by_hand() -> None:
    # Layers 1 and 4 are left. At 0.5 the third unit is σ(5) = 0.993307, at 1.5 σ(−5) = 0.006693,
    # at 3 the second is 1 and the third σ(−20) ≈ 0: ten times their sum, less 1.
    smaller, rows = without_layers(known_network(), (1, 2)), known_rows().take(slice(0, 8, 2))
    found = logits(smaller, rows)[:, 1].tolist()
    assert found == pytest.approx([8.93307, -0.93307, 9.0, 9.0], abs=1e-4)


@pytest.mark.parametrize("spatial", [False, True])
def test_the_network_given_is_left_as_it_is(spatial: bool) -> None:
    network = random_network(spatial)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    config = network.config
    smaller = without_layers(network, (0,))
    folded = with_constant_gates(
        network, {0: torch.full((network.config.highway_blocks[0].width,), 0.5)}
    )
    for changed in (smaller, folded):
        for parameter in changed.parameters():
            parameter.data.fill_(7.0)
    assert network.config == config
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("spatial", [False, True])
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_a_constant_gate_does_what_a_gate_of_that_value_for_every_row_does(
    spatial: bool, data: st.DataObject, seed: int
) -> None:
    network, part = random_network(spatial, seed), random_rows()
    gates = {}
    places = highway_places(network)
    for layer in data.draw(st.sets(st.integers(0, layers_of(spatial) - 1))):
        block = network.blocks[places[layer]]
        assert isinstance(block, HighwayLayer)
        shares = st.lists(st.floats(0.01, 0.99), min_size=block.width, max_size=block.width)
        gates[layer] = torch.tensor(data.draw(shares))
        apart = isinstance(block, HighwayConv) and not block.shared
        branch = network.get_submodule(f"blocks.{places[layer]}.{'gate' if apart else 'branches'}")
        assert isinstance(branch, nn.Linear | nn.Conv2d)
        branch.weight.data[-block.width :] = 0
        assert branch.bias is not None
        branch.bias.data[-block.width :] = torch.logit(gates[layer])
    folded = with_constant_gates(network, gates)
    torch.testing.assert_close(logits(folded, part), logits(network, part), rtol=0, atol=1e-5)
    _, found = folded(torch.from_numpy(part.x))
    for layer, gate in gates.items():
        expected = gate[:, None, None] if found[layer].dim() == 4 else gate
        torch.testing.assert_close(found[layer], expected.expand_as(found[layer]))
        assert folded.config.highway_blocks[layer].constant_gate


def test_a_constant_gate_saves_the_weights_of_the_gate() -> None:
    network = random_network(True)
    dense = with_constant_gates(network, {4: torch.full((5,), 0.5)})
    shared = with_constant_gates(network, {0: torch.full((3,), 0.5)})
    apart = with_constant_gates(network, {1: torch.full((3,), 0.5)})
    saved = [
        network.parameter_count() - folded.parameter_count() for folded in (dense, shared, apart)
    ]
    assert saved == [5 * 5, 3 * 3 * 3 * 3, 3 * 3]  # the biases stay, one for each unit


def test_layers_with_constant_gates_can_be_removed_too() -> None:
    network, part = random_network(True), random_rows()
    folded = with_constant_gates(network, {1: torch.full((3,), 0.5), 4: torch.full((5,), 0.5)})
    torch.testing.assert_close(
        logits(without_layers(folded, (1, 4)), part), logits(without_layers(network, (1, 4)), part)
    )


def test_a_network_built_again_labels_as_before_and_is_in_evaluation_mode() -> None:
    network, part = random_network(True), random_rows()
    again = rebuilt(network, network.config.blocks, dict(network.state_dict()))
    assert not again.training
    assert torch.equal(logits(again, part), logits(network, part))


def test_highway_layers_are_found_among_the_blocks() -> None:
    assert highway_places(random_network(True)) == [1, 4, 6, 7, 8]


def test_a_weights_name_tells_its_block() -> None:
    names = ("blocks.12.branches.weight", "output.weight", "preparation.divisor")
    assert [block_place(name) for name in names] == [12, None, None]
