from itertools import permutations

import pytest
import torch

from models.evaluation import evaluate
from models.networks.layers import HighwayDense
from models.networks.network import HighwayClassifier
from models.pruning.order import removal_order
from models.pruning.surgery import without_layers
from tests.models.pruning.conftest import (
    DENSE_LAYERS,
    OPEN,
    SPATIAL_LAYERS,
    known_network,
    known_rows,
    no_step,
    random_network,
    random_rows,
)


def loss(network: HighwayClassifier, *layers: int) -> float:
    return evaluate(without_layers(network, layers), random_rows()).loss


def test_the_order_worked_out_by_hand() -> None:
    # Layer 2 is shut. Of layers 1 and 3, which do the same, the one with the gate of 1 is worth
    # more; without both, the rows at 3 are lost, and without layer 4 the fewer rows at 0.5.
    assert removal_order(known_network(), known_rows(), no_step) == (1, 2, 3)


def test_two_layers_of_which_either_can_be_missed_are_not_both_called_idle() -> None:
    network, rows = known_network(), known_rows()
    alone = [evaluate(without_layers(network, (layer,)), rows).loss for layer in range(4)]
    intact = evaluate(network, rows).loss
    assert alone[0] == pytest.approx(intact, abs=0.01)
    assert alone[2] == pytest.approx(intact, abs=0.01)
    assert evaluate(without_layers(network, (0, 2)), rows).loss > intact + 0.5
    assert 0 not in removal_order(network, rows, no_step)


@pytest.mark.parametrize("spatial", [False, True])
def test_the_order_holds_every_layer_once_but_the_one_that_stays(spatial: bool) -> None:
    layers = SPATIAL_LAYERS if spatial else DENSE_LAYERS
    order = removal_order(random_network(spatial), random_rows(), no_step)
    assert len(order) == len(set(order)) == layers - 1
    assert set(order) < set(range(layers))


def test_with_few_layers_each_place_goes_to_the_one_whose_closing_costs_least() -> None:
    network = random_network(False, seed=3)
    first, second = removal_order(network, random_rows(), no_step)
    assert loss(network, first) == min(loss(network, layer) for layer in range(3))
    pairs = [pair for pair in permutations(range(3), 2) if pair[0] == first]
    assert loss(network, first, second) == min(loss(network, *pair) for pair in pairs)


def test_only_the_four_least_open_layers_are_tried() -> None:
    # Without the fifth nothing is lost, for there H(x) = x; but its gates are the most open.
    network = random_network(True, seed=3)
    last = network.blocks[8]
    assert isinstance(last, HighwayDense)
    last.branches.weight.data.zero_()
    last.branches.weight.data[:5] = torch.eye(5)
    last.branches.bias.data[5:] = OPEN
    part = random_rows()
    lost = [evaluate(without_layers(network, (layer,)), part).loss for layer in range(5)]
    assert lost[4] == pytest.approx(evaluate(network, part).loss, abs=1e-6)
    assert lost[4] < min(lost[:4])
    assert removal_order(network, part, no_step)[0] == lost.index(min(lost[:4]))


def test_every_layer_that_found_its_place_is_told() -> None:
    told: list[int] = []
    removal_order(random_network(True), random_rows(), told.append)
    assert told == [1] * (SPATIAL_LAYERS - 1)


def test_a_network_in_training_mode_is_ordered_without_its_dropout() -> None:
    network, part = random_network(True), random_rows()
    expected = removal_order(network, part, no_step)
    assert removal_order(network.train(), part, no_step) == expected
