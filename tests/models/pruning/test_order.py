import math
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation import evaluate
from models.networks.layers import HighwayDense
from models.networks.network import HighwayClassifier
from models.pruning.order import bisect, most_without_finetuning, removal_order
from models.pruning.surgery import remove_layers
from tests.models.pruning.conftest import (
    DENSE_LAYERS,
    OPEN,
    SPATIAL_LAYERS,
    ignore_progress,
    known_network,
    known_rows,
    random_network,
    random_rows,
)


def loss(network: HighwayClassifier, *layers: int) -> float:
    return evaluate(remove_layers(network, layers), random_rows()).loss


def test_the_order_matches_a_hand_calculation() -> None:
    # Layer 2 is closed. Layers 1 and 3 do the same work, and layer 1 has the larger gate. Without
    # both, the rows at 3 get a wrong label, without layer 4 the fewer rows at 0.5.
    assert removal_order(known_network(), known_rows(), ignore_progress) == (1, 2, 3)


def test_one_of_two_layers_that_do_the_same_work_remains() -> None:
    network, rows = known_network(), known_rows()
    alone = [evaluate(remove_layers(network, (layer,)), rows).loss for layer in range(4)]
    intact = evaluate(network, rows).loss
    assert alone[0] == pytest.approx(intact, abs=0.01)
    assert alone[2] == pytest.approx(intact, abs=0.01)
    assert evaluate(remove_layers(network, (0, 2)), rows).loss > intact + 0.5
    assert 0 not in removal_order(network, rows, ignore_progress)


@pytest.mark.parametrize("spatial", [False, True])
def test_the_order_has_every_layer_once_but_the_last_remaining_one(spatial: bool) -> None:
    layers = SPATIAL_LAYERS if spatial else DENSE_LAYERS
    order = removal_order(random_network(spatial), random_rows(), ignore_progress)
    assert len(order) == len(set(order)) == layers - 1
    assert set(order) < set(range(layers))


def test_the_next_layer_is_the_one_with_the_lowest_joint_loss() -> None:
    network = random_network(False, seed=3)
    first, second = removal_order(network, random_rows(), ignore_progress)
    assert loss(network, first) == min(loss(network, layer) for layer in range(3))
    pairs = [pair for pair in permutations(range(3), 2) if pair[0] == first]
    assert loss(network, first, second) == min(loss(network, *pair) for pair in pairs)


def test_only_the_four_least_open_layers_are_tried() -> None:
    # Removing the fifth loses nothing, because its H(x) = x, but its gates are the most open.
    network = random_network(True, seed=3)
    last = network.blocks[8]
    assert isinstance(last, HighwayDense)
    last.branches.weight.data.zero_()
    last.branches.weight.data[:5] = torch.eye(5)
    last.branches.bias.data[5:] = OPEN
    part = random_rows()
    losses = [evaluate(remove_layers(network, (layer,)), part).loss for layer in range(5)]
    assert losses[4] == pytest.approx(evaluate(network, part).loss, abs=1e-6)
    assert losses[4] < min(losses[:4])
    assert removal_order(network, part, ignore_progress)[0] == losses.index(min(losses[:4]))


def test_progress_is_reported_after_every_layer() -> None:
    reported: list[int] = []
    removal_order(random_network(True), random_rows(), reported.append)
    assert reported == [1] * (SPATIAL_LAYERS - 1)


def test_the_order_of_a_network_in_training_mode_ignores_dropout() -> None:
    network, part = random_network(True), random_rows()
    expected = removal_order(network, part, ignore_progress)
    assert removal_order(network.train(), part, ignore_progress) == expected


accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=200)


def test_without_fine_tuning_the_largest_count_within_the_budget_is_removed() -> None:
    assert most_without_finetuning((0.9, 0.91, 0.88, 0.9, 0.5), 0.9) == 3
    assert most_without_finetuning((0.9, 0.91, 0.88, 0.9, 0.5), 0.91) == 1


def test_without_fine_tuning_nothing_is_removed_if_every_count_is_over_the_budget() -> None:
    assert most_without_finetuning((0.9, 0.8), 0.95) == 0


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1))
def test_no_larger_count_is_within_the_budget(accuracy: list[float], allowed: float) -> None:
    count = most_without_finetuning(accuracy, allowed)
    assert count == 0 or accuracy[count] >= allowed
    assert all(value < allowed for value in accuracy[count + 1 :])


@given(accuracies, st.floats(0, 1), st.data())
def test_bisection_finds_the_threshold_of_a_falling_accuracy(
    values: list[float], allowed: float, data: st.DataObject
) -> None:
    accuracy = sorted(values, reverse=True)  # accuracy[k - 1] with k layers removed
    most = len(accuracy)
    least = data.draw(st.integers(0, most))
    measured: list[int] = []

    def measure(count: int) -> float:
        measured.append(count)
        return accuracy[count - 1]

    within = [count for count, value in bisect(least, most, allowed, measure) if value >= allowed]
    expected = max((k for k in range(least + 1, most + 1) if accuracy[k - 1] >= allowed), default=0)
    assert max(within, default=0) == expected
    assert len(measured) == len(set(measured)) <= math.log2(max(most - least, 1)) + 1
    assert all(least < count <= most for count in measured)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0, 1))
def test_bisection_of_any_accuracy_ends_with_the_largest_good_count_it_measured(
    accuracy: list[float], allowed: float
) -> None:
    steps = list(bisect(0, len(accuracy), allowed, lambda count: accuracy[count - 1]))
    good = [count for count, value in steps if value >= allowed]
    assert good == sorted(good)


def test_nothing_is_measured_if_all_layers_can_be_removed() -> None:
    assert list(bisect(4, 4, 0.9, lambda _: pytest.fail("measured"))) == []


def test_bisection_matches_a_hand_calculation() -> None:
    accuracy = {5: 0.9, 8: 0.6, 6: 0.8, 7: 0.7}
    steps = list(bisect(0, 9, 0.75, accuracy.__getitem__))
    assert steps == [(5, 0.9), (7, 0.7), (6, 0.8)]
