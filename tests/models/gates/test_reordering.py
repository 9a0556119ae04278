import math
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.evaluation import evaluate
from models.gates.outcomes import Outcome
from models.gates.reordering import DRAWS, reordering_work, reorderings
from models.gates.stages import stages
from models.networks.architectures import plain_twin
from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.layers import HighwayDense, PlainDense
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale

PART = Part(x=np.array([[1.0], [2.0]], np.float32), y=np.array([1, 1]))
DENSE: tuple[Block, ...] = (
    DenseBlock(width=6),
    HighwayBlock(number=1, width=6, gate_bias=0.0),
    DropoutBlock(rate=0.5),
    *(HighwayBlock(number=n, width=6, gate_bias=0.0) for n in (2, 3)),
)
IMAGES: tuple[Block, ...] = (
    ConvBlock(width=2, kernel=3),
    *(HighwayConvBlock(number=n, width=2, gate_bias=0.0) for n in (1, 2)),
    MaxPoolBlock(size=2, stride=2),
    *(HighwayConvBlock(number=n, width=2, gate_bias=0.0) for n in (3, 4, 5)),
)


def no_op(_: int) -> None:
    pass


def random_network(blocks: tuple[Block, ...]) -> HighwayClassifier:
    torch.manual_seed(0)
    return HighwayClassifier(NetworkConfig(shape=(6, 6), classes=3, blocks=blocks))


def random_rows() -> Part:
    x = np.random.default_rng(0).normal(size=(1200, 36)).astype(np.float32)
    return Part(x=x, y=np.arange(1200) % 3)


def half_open() -> HighwayClassifier:
    """One unit: x becomes (x + 3) / 2, then 3x / 2; the label is 1 where that exceeds 2.6."""
    layers = (HighwayBlock(number=n, width=1, gate_bias=0.0, constant_gate=True) for n in (1, 2))
    blocks: tuple[Block, ...] = (DenseBlock(width=1), *layers)
    network = HighwayClassifier(
        NetworkConfig(shape=(1,), classes=2, preparation=Scale(divisor=1.0), blocks=blocks)
    )
    for parameter in network.parameters():
        parameter.data.zero_()
    plain, first, second = network.blocks
    assert isinstance(plain, PlainDense)
    assert isinstance(first, HighwayDense)
    assert isinstance(second, HighwayDense)
    plain.linear.weight.data.fill_(1.0)
    first.transform.bias.data.fill_(3.0)
    second.transform.weight.data.fill_(2.0)
    network.output.weight.data[1] = 10.0
    network.output.bias.data[1] = -26.0
    return network


def loss(*margins: float) -> float:
    """The mean loss of rows whose right logit leads by these margins."""
    return sum(math.log1p(math.exp(-margin)) for margin in margins) / len(margins)


def scores(outcome: Outcome) -> tuple[float, float]:
    return outcome.accuracy, outcome.loss


def with_blocks(
    network: HighwayClassifier, change: Callable[[list[torch.nn.Module]], None]
) -> HighwayClassifier:
    """A copy of the network with its list of blocks changed."""
    copy = deepcopy(network)
    blocks = list(copy.blocks)
    change(blocks)
    copy.blocks = torch.nn.ModuleList(blocks)
    return copy


def test_swapped_neighbours_by_hand() -> None:
    # In order 1 and 2 become 3 and 3.75, swapped they become 2.25 and 3.
    found = reorderings(half_open(), PART, no_op)
    (swap,) = found.swapped
    assert swap.layers == (0, 1)
    assert (found.intact.accuracy, swap.accuracy) == (1.0, 0.5)
    assert found.intact.loss == pytest.approx(loss(4.0, 11.5), abs=1e-5)
    assert swap.loss == pytest.approx(loss(-3.5, 4.0), abs=1e-5)
    assert swap.change == pytest.approx((-0.8982, 0.3982), abs=1e-4)


def test_two_layers_have_one_other_order() -> None:
    found = reorderings(half_open(), PART, no_op)
    assert [shuffle.layers for shuffle in found.shuffled] == [(1, 0)] * DRAWS
    assert {scores(shuffle) for shuffle in found.shuffled} == {scores(found.swapped[0])}


def test_a_dropped_layer_by_hand() -> None:
    # Without the first layer 1 and 2 become 1.5 and 3, without the second 2 and 2.5.
    expected: dict[tuple[int, ...], float] = {(0,): loss(-11.0, 4.0), (1,): loss(-6.0, -1.0)}
    for drop in reorderings(half_open(), PART, no_op).dropped:
        assert drop.loss == pytest.approx(expected[drop.layers], abs=1e-5)


def test_swapping_equal_layers_changes_nothing() -> None:
    network = random_network(DENSE)
    layers = [network.blocks[position] for position in stages(network)[0]]
    for layer in layers[1:]:
        layer.load_state_dict(layers[0].state_dict())
    found = reorderings(network, random_rows(), no_op)
    for outcome in (*found.swapped, *found.shuffled):
        assert scores(outcome) == scores(found.intact)


@pytest.mark.parametrize("blocks", [DENSE, IMAGES, plain_twin(DENSE), plain_twin(IMAGES)])
def test_every_change_equals_the_changed_network(blocks: tuple[Block, ...]) -> None:
    network, part = random_network(blocks), random_rows()
    found = reorderings(network, part, no_op)
    positions = sum(stages(network), ())
    orders = []
    for first, second in (swap.layers for swap in found.swapped):
        order = list(range(len(positions)))
        order[first], order[second] = second, first
        orders.append(order)
    orders += [list(shuffle.layers) for shuffle in found.shuffled]
    for order, outcome in zip(orders, (*found.swapped, *found.shuffled), strict=True):

        def reorder(blocks: list[torch.nn.Module], order: list[int] = order) -> None:
            layers = [blocks[positions[layer]] for layer in order]
            for position, layer in zip(positions, layers, strict=True):
                blocks[position] = layer

        expected = evaluate_plain(with_blocks(network, reorder), part)
        assert scores(outcome) == pytest.approx(expected, rel=1e-5)


def evaluate_plain(network: HighwayClassifier, part: Part) -> tuple[float, float]:
    found = evaluate(network, part)
    return found.accuracy, found.loss


@pytest.mark.parametrize("blocks", [DENSE, IMAGES])
def test_dropped_layers_equal_gate_scales_of_zero(blocks: tuple[Block, ...]) -> None:
    network, part = random_network(blocks), random_rows()
    layers = len(network.config.highway_blocks)
    for drop in reorderings(network, part, no_op).dropped:
        scale = torch.ones(1, layers)
        scale[0, list(drop.layers)] = 0.0
        expected = evaluate(network, part, scale)
        assert scores(drop) == (expected.accuracy, expected.loss)


def test_neighbours_and_orders_stay_within_their_stage() -> None:
    found = reorderings(random_network(IMAGES), random_rows(), no_op)
    assert [swap.layers for swap in found.swapped] == [(0, 1), (2, 3), (3, 4)]
    for shuffle in found.shuffled:
        assert (sorted(shuffle.layers[:2]), sorted(shuffle.layers[2:])) == ([0, 1], [2, 3, 4])
        assert shuffle.layers != (0, 1, 2, 3, 4)


def test_counts_of_dropped_layers_leave_at_least_one() -> None:
    layers = (HighwayBlock(number=number, width=2) for number in range(1, 21))
    blocks: tuple[Block, ...] = (DenseBlock(width=2), *layers)
    found = reorderings(random_network(blocks), random_rows(), no_op, draw_rows=10)
    counts = found.dropped_by_count()
    assert list(counts) == [2, 4, 8, 12, 16]
    assert {len(draws) for draws in counts.values()} == {DRAWS}
    two = reorderings(half_open(), PART, no_op).dropped_by_count()
    assert list(two) == [1]


def test_draws_are_the_same_in_every_call() -> None:
    one = reorderings(random_network(DENSE), random_rows(), no_op)
    other = reorderings(random_network(DENSE), random_rows(), no_op)
    for before, after in ((one.shuffled, other.shuffled), (one.dropped, other.dropped)):
        assert [draw.layers for draw in before] == [draw.layers for draw in after]
    assert len({draw.layers for draw in one.dropped}) > 1


def test_draws_use_the_first_rows_and_swaps_all() -> None:
    network, part = random_network(DENSE), random_rows()
    found = reorderings(network, part, no_op, draw_rows=500)
    first = part.take(slice(500))
    assert found.drawn_rows == 500
    assert scores(found.intact) == evaluate_plain(network, part)
    assert scores(found.drawn_intact) == evaluate_plain(network, first)


@pytest.mark.parametrize("blocks", [DENSE, IMAGES])
def test_progress_adds_up_to_the_announced_work(blocks: tuple[Block, ...]) -> None:
    network, done = random_network(blocks), list[int]()
    reorderings(network, random_rows(), done.append, draw_rows=500)
    assert sum(done) == reordering_work(network, 1200, draw_rows=500)


def test_the_work_of_two_layers_by_hand() -> None:
    # One pair on all rows; five orders and five dropped layers on the first.
    assert reordering_work(half_open(), 30_000, draw_rows=100) == 30_000 + 10 * 100


def test_stages_of_one_layer_have_no_neighbours() -> None:
    blocks: tuple[Block, ...] = (
        *(DenseBlock(width=2), HighwayBlock(number=1, width=2)),
        *(DenseBlock(width=2), HighwayBlock(number=2, width=2)),
    )
    found = reorderings(random_network(blocks), random_rows(), no_op)
    assert (found.swapped, found.shuffled) == ((), ())
    assert {drop.layers for drop in found.dropped} <= {(0,), (1,)}
    single = reorderings(random_network(blocks[:2]), random_rows(), no_op)
    assert (single.swapped, single.shuffled, single.dropped) == ((), (), ())
