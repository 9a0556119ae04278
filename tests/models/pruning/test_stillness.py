import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.networks.layers import HighwayConv, HighwayDense
from models.pruning.stillness import LARGEST_MOVE, still_gates
from models.pruning.surgery import with_constant_gates
from tests.models.pruning.conftest import known_network, known_rows, random_network, random_rows


def moving_by(move: float) -> Part:
    """1,500 rows, of which only the last, in another batch than the first, moves layer 4's gate."""
    rows = np.full((1500, 1), 1.0, np.float32)  # there its gate is σ(0) = 1/2
    rows[-1] = 1 - np.log((0.5 + move) / (0.5 - move)) / 10
    return Part(x=rows, y=np.zeros(1500, np.int64))


def test_gates_that_never_move_are_found_with_their_middle() -> None:
    found = still_gates(known_network(), known_rows())
    assert list(found) == [0, 1, 2]  # layer 4's gate moves with x
    assert found[2].tolist() == pytest.approx([1e-6, 0.9525741, 1e-6, 1e-6], abs=1e-7)


def test_gates_quite_shut_or_open_stay_inside_what_a_sigmoid_can_give() -> None:
    found = still_gates(known_network(), known_rows())
    assert found[0].tolist() == pytest.approx([1e-6, 1 - 1e-6, 1e-6, 1e-6], abs=1e-7)
    assert torch.logit(found[0]).isfinite().all()


def test_the_middle_is_that_between_the_lowest_and_the_highest_gate() -> None:
    found = still_gates(known_network(), moving_by(0.008))
    assert float(found[3][2]) == pytest.approx(0.504, abs=1e-5)


@pytest.mark.parametrize(("share", "still"), [(0.99, True), (1.01, False)])
def test_a_gate_is_still_that_moves_by_no_more_than_a_hundredth(share: float, still: bool) -> None:
    assert LARGEST_MOVE == 0.01
    assert (3 in still_gates(known_network(), moving_by(share * LARGEST_MOVE))) is still


def test_one_unit_that_moves_keeps_its_whole_layer() -> None:
    network = known_network()
    layer = network.blocks[2]
    assert isinstance(layer, HighwayDense)
    layer.branches.weight.data[7, 0] = 1.0
    layer.branches.bias.data[7] = 0.0
    assert list(still_gates(network, known_rows())) == [0, 2]


def test_a_gate_that_moves_from_position_to_position_is_not_still() -> None:
    network, part = random_network(True), random_rows()
    layer = network.blocks[4]
    assert isinstance(layer, HighwayConv)
    layer.gate.weight.data.zero_()
    assert layer.gate.bias is not None
    layer.gate.bias.data = torch.tensor([0.0, 1.0, -1.0])
    found = still_gates(network, part)
    assert list(found) == [1]
    assert found[1].tolist() == pytest.approx([0.5, 0.731059, 0.268941], abs=1e-6)
    layer.gate.weight.data[2] = 1.0
    assert 1 not in still_gates(network, part.take(slice(1)))


def test_gates_that_are_constant_already_are_not_named_again() -> None:
    network = known_network()
    folded = with_constant_gates(network, {0: torch.full((4,), 0.5)})
    assert list(still_gates(folded, known_rows())) == [1, 2]
