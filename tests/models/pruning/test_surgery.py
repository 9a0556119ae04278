import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.data.dataset import Part
from models.networks.layers import HighwayConv, HighwayDense, HighwayLayer
from models.pruning.surgery import (
    LARGEST_RANGE,
    block_position,
    find_constant_gates,
    fold_constant_gates,
    highway_positions,
    rebuild,
    remove_layers,
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
def test_removing_layers_has_the_effect_of_closing_their_gates(
    spatial: bool, data: st.DataObject, seed: int
) -> None:
    network, part = random_network(spatial, seed), random_rows()
    removed = data.draw(st.sets(st.integers(0, layers_of(spatial) - 1)))
    scale = torch.ones(1, layers_of(spatial))
    scale[0, list(removed)] = 0.0
    with torch.no_grad():
        closed, _ = network(torch.from_numpy(part.x), scale)
    smaller = remove_layers(network, removed)
    assert len(smaller.config.highway_blocks) == layers_of(spatial) - len(removed)
    torch.testing.assert_close(logits(smaller, part), closed, rtol=0, atol=1e-6)


def test_the_remaining_layers_keep_their_numbers() -> None:
    smaller = remove_layers(random_network(True), (0, 2))
    assert [block.number for block in smaller.config.highway_blocks] == [2, 4, 5]


def test_removing_layers_of_the_known_network_matches_a_hand_calculation() -> None:
    # Layers 1 and 4 remain. At 0.5 the third unit is σ(5) = 0.993307, at 1.5 σ(−5) = 0.006693,
    # at 3 the second is 1 and the third σ(−20) ≈ 0: ten times their sum, less 1.
    smaller, rows = remove_layers(known_network(), (1, 2)), known_rows().take(slice(0, 8, 2))
    second = logits(smaller, rows)[:, 1].tolist()
    assert second == pytest.approx([8.93307, -0.93307, 9.0, 9.0], abs=1e-4)


@pytest.mark.parametrize("spatial", [False, True])
def test_the_original_network_stays_unchanged(spatial: bool) -> None:
    network = random_network(spatial)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    config = network.config
    smaller = remove_layers(network, (0,))
    folded = fold_constant_gates(
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
def test_a_folded_gate_has_the_effect_of_a_gate_of_constant_value(
    spatial: bool, data: st.DataObject, seed: int
) -> None:
    network, part = random_network(spatial, seed), random_rows()
    gates = {}
    positions = highway_positions(network)
    for layer in data.draw(st.sets(st.integers(0, layers_of(spatial) - 1))):
        block = network.blocks[positions[layer]]
        assert isinstance(block, HighwayLayer)
        shares = st.lists(st.floats(0.01, 0.99), min_size=block.width, max_size=block.width)
        gates[layer] = torch.tensor(data.draw(shares))
        separate = isinstance(block, HighwayConv) and not block.shared
        branch = network.get_submodule(
            f"blocks.{positions[layer]}.{'gate' if separate else 'branches'}"
        )
        assert isinstance(branch, nn.Linear | nn.Conv2d)
        branch.weight.data[-block.width :] = 0
        assert branch.bias is not None
        branch.bias.data[-block.width :] = torch.logit(gates[layer])
    folded = fold_constant_gates(network, gates)
    torch.testing.assert_close(logits(folded, part), logits(network, part), rtol=0, atol=1e-5)
    _, folded_gates = folded(torch.from_numpy(part.x))
    for layer, gate in gates.items():
        expected = gate[:, None, None] if folded_gates[layer].dim() == 4 else gate
        torch.testing.assert_close(folded_gates[layer], expected.expand_as(folded_gates[layer]))
        assert folded.config.highway_blocks[layer].constant_gate


def test_a_folded_gate_has_no_weights() -> None:
    network = random_network(True)
    dense = fold_constant_gates(network, {4: torch.full((5,), 0.5)})
    shared = fold_constant_gates(network, {0: torch.full((3,), 0.5)})
    separate = fold_constant_gates(network, {1: torch.full((3,), 0.5)})
    saved = [
        network.parameter_count() - folded.parameter_count() for folded in (dense, shared, separate)
    ]
    assert saved == [5 * 5, 3 * 3 * 3 * 3, 3 * 3]  # one bias for each unit remains


def test_layers_with_constant_gates_can_be_removed() -> None:
    network, part = random_network(True), random_rows()
    folded = fold_constant_gates(network, {1: torch.full((3,), 0.5), 4: torch.full((5,), 0.5)})
    torch.testing.assert_close(
        logits(remove_layers(folded, (1, 4)), part), logits(remove_layers(network, (1, 4)), part)
    )


def test_a_rebuilt_network_has_the_same_outputs_in_evaluation_mode() -> None:
    network, part = random_network(True), random_rows()
    again = rebuild(network, network.config.blocks, dict(network.state_dict()))
    assert not again.training
    assert torch.equal(logits(again, part), logits(network, part))


def test_the_positions_of_highway_layers_among_the_blocks() -> None:
    assert highway_positions(random_network(True)) == [1, 4, 6, 7, 8]


def test_the_name_of_a_weight_contains_the_position_of_its_block() -> None:
    names = ("blocks.12.branches.weight", "output.weight", "preparation.divisor")
    assert [block_position(name) for name in names] == [12, None, None]


def rows_with_range(width: float) -> Part:
    """1,500 rows, of which only the last, in the second batch, changes layer 4's gate."""
    rows = np.full((1500, 1), 1.0, np.float32)  # there its gate is σ(0) = 1/2
    rows[-1] = 1 - np.log((0.5 + width) / (0.5 - width)) / 10
    return Part(x=rows, y=np.zeros(1500, np.int64))


def test_constant_gates_are_found_with_their_values() -> None:
    gates = find_constant_gates(known_network(), known_rows())
    assert list(gates) == [0, 1, 2]  # layer 4's gate depends on x
    assert gates[2].tolist() == pytest.approx([1e-6, 0.9525741, 1e-6, 1e-6], abs=1e-7)


def test_the_values_of_saturated_gates_have_a_finite_logit() -> None:
    gates = find_constant_gates(known_network(), known_rows())
    assert gates[0].tolist() == pytest.approx([1e-6, 1 - 1e-6, 1e-6, 1e-6], abs=1e-7)
    assert torch.logit(gates[0]).isfinite().all()


def test_the_value_is_the_middle_of_the_lowest_and_the_highest_gate() -> None:
    gates = find_constant_gates(known_network(), rows_with_range(0.008))
    assert float(gates[3][2]) == pytest.approx(0.504, abs=1e-5)


@pytest.mark.parametrize(("share", "constant"), [(0.99, True), (1.01, False)])
def test_the_range_of_a_constant_gate_is_at_most_a_hundredth(share: float, constant: bool) -> None:
    assert LARGEST_RANGE == 0.01
    assert (
        3 in find_constant_gates(known_network(), rows_with_range(share * LARGEST_RANGE))
    ) is constant


def test_one_varying_unit_keeps_the_gates_of_its_layer() -> None:
    network = known_network()
    layer = network.blocks[2]
    assert isinstance(layer, HighwayDense)
    layer.branches.weight.data[7, 0] = 1.0
    layer.branches.bias.data[7] = 0.0
    assert list(find_constant_gates(network, known_rows())) == [0, 2]


def test_a_gate_that_varies_between_positions_is_not_constant() -> None:
    network, part = random_network(True), random_rows()
    layer = network.blocks[4]
    assert isinstance(layer, HighwayConv)
    layer.gate.weight.data.zero_()
    assert layer.gate.bias is not None
    layer.gate.bias.data = torch.tensor([0.0, 1.0, -1.0])
    gates = find_constant_gates(network, part)
    assert list(gates) == [1]
    assert gates[1].tolist() == pytest.approx([0.5, 0.731059, 0.268941], abs=1e-6)
    layer.gate.weight.data[2] = 1.0
    assert 1 not in find_constant_gates(network, part.take(slice(1)))


def test_gates_that_are_already_constant_are_left_out() -> None:
    network = known_network()
    folded = fold_constant_gates(network, {0: torch.full((4,), 0.5)})
    assert list(find_constant_gates(folded, known_rows())) == [1, 2]
