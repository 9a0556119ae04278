import numpy as np
import torch

from models.networks.blocks import Block, DenseBlock, HighwayBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale
from models.pruning.cost import costs
from models.pruning.surgery import fold_constant_gates
from tests.models.pruning.conftest import known_network, known_rows

ROWS = known_rows().x


def deep(layers: int) -> HighwayClassifier:
    highway = (HighwayBlock(number=number, width=8) for number in range(1, layers + 1))
    blocks: tuple[Block, ...] = (DenseBlock(width=8), *highway)
    config = NetworkConfig(shape=(1,), classes=2, preparation=Scale(divisor=1.0), blocks=blocks)
    return HighwayClassifier(config).eval()


def test_the_size_matches_a_hand_calculation() -> None:
    network = known_network()
    (cost,) = costs((network,), ROWS)
    # Plain: 4 + 4; four layers: 8·4 + 8 each; output: 2·4 + 2.
    assert (cost.highway_layers, cost.parameters) == (4, 8 + 4 * 40 + 10)
    assert cost.weight_bytes == 4 * cost.parameters + sum(b.nbytes for b in network.buffers())


def test_a_constant_gate_has_one_parameter_for_each_unit() -> None:
    network = known_network()
    folded = fold_constant_gates(network, {0: torch.full((4,), 0.5)})
    before, after = costs((network, folded), ROWS)
    assert before.parameters - after.parameters == 4 * 4
    assert before.weight_bytes - after.weight_bytes == 4 * 4 * 4
    assert before.highway_layers == after.highway_layers == 4


def test_a_deep_network_is_slower_than_a_shallow_one() -> None:
    shallow, deeper = costs((deep(1), deep(60)), ROWS)
    assert 0 < shallow.latency_1_row < deeper.latency_1_row
    assert 0 < shallow.latency_32_rows < deeper.latency_32_rows


def test_too_few_rows_are_repeated() -> None:
    (cost,) = costs((known_network(),), np.ones((1, 1), np.float32))
    assert cost.latency_32_rows > 0


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        costs((known_network(),), ROWS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
