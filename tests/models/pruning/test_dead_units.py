from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.dataset import Part
from models.networks.blocks import (
    AveragePoolBlock,
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale
from models.pruning.dead_units import drop_dead_units, segments
from models.pruning.surgery import fold_constant_gates
from tests.models.pruning.conftest import (
    known_network,
    known_rows,
    logits,
    random_network,
    random_rows,
)


def widths(network: HighwayClassifier) -> list[int]:
    """Return the widths of the blocks that have one."""
    return [
        block.width
        for block in network.config.blocks
        if not isinstance(block, MaxPoolBlock | AveragePoolBlock | DropoutBlock)
    ]


def set_to_zero(network: HighwayClassifier, positions: range, units: set[int]) -> None:
    """Set the outputs H of these units to 0 in the blocks at these positions, for all rows."""
    for name, value in network.state_dict().items():
        parent, position, *_ = (*name.split("."), "", "")
        if parent == "blocks" and int(position) in positions and "gate" not in name:
            value[list(units)] = 0.0  # in a shared product, the units of H come first


def assert_same_logits(smaller: HighwayClassifier, network: HighwayClassifier, part: Part) -> None:
    torch.testing.assert_close(logits(smaller, part), logits(network, part), rtol=0, atol=1e-5)


def test_the_dead_unit_of_the_known_network_is_dropped() -> None:
    network = known_network()
    smaller, dropped = drop_dead_units(network, known_rows())
    assert dropped == 1
    assert widths(smaller) == [3] * 5
    assert network.parameter_count() == 178
    assert smaller.parameter_count() == (3 + 3) + 4 * (6 * 3 + 6) + (2 * 3 + 2)
    assert_same_logits(smaller, network, known_rows())


def test_a_unit_is_dead_only_if_every_layer_leaves_it_at_0() -> None:
    # The plain layer sets the second and third unit to 0; layers 1 and 4 write into them.
    rows = known_rows()
    low = rows.take(np.flatnonzero(rows.x[:, 0] < 2))  # where the second unit stays 0
    smaller, dropped = drop_dead_units(known_network(), low)
    assert (dropped, widths(smaller)) == (2, [2] * 5)
    assert_same_logits(smaller, known_network(), low)


@pytest.mark.parametrize("spatial", [False, True])
@settings(max_examples=15, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_dropping_units_does_not_change_logits(
    spatial: bool, data: st.DataObject, seed: int
) -> None:
    network, part = random_network(spatial, seed), random_rows()
    channels = data.draw(st.sets(st.integers(0, 2))) if spatial else set()
    units = data.draw(st.sets(st.integers(0, 4)))
    if spatial:
        set_to_zero(network, range(5), channels)
    set_to_zero(network, range(5, 9) if spatial else range(4), units)
    smaller, dropped = drop_dead_units(network, part)
    assert dropped >= min(len(channels), 2) + min(len(units), 4)
    removed = [
        before - after for before, after in zip(widths(network), widths(smaller), strict=True)
    ]
    assert dropped == (removed[0] + removed[-1] if spatial else removed[-1])
    assert_same_logits(smaller, network, part)


def test_dead_channels_are_removed_from_all_weights_that_read_them() -> None:
    network, part = random_network(True), random_rows()
    set_to_zero(network, range(5), {1})
    smaller, _ = drop_dead_units(network, part)
    shapes = {name: tuple(value.shape) for name, value in smaller.state_dict().items()}
    assert shapes["blocks.0.convolution.weight"] == (2, 1, 3, 3)
    assert shapes["blocks.1.branches.weight"] == (4, 2, 3, 3)
    assert shapes["blocks.4.gate.weight"] == (2, 2, 1, 1)
    assert shapes["blocks.5.linear.weight"][1] == 2 * 2 * 2  # two channels of 2×2 positions


def test_dead_units_are_removed_from_constant_gates() -> None:
    network = fold_constant_gates(known_network(), {0: torch.full((4,), 0.5)})
    smaller, dropped = drop_dead_units(network, known_rows())
    assert dropped == 1
    assert smaller.state_dict()["blocks.1.gate_logit"].shape == (3,)
    assert_same_logits(smaller, network, known_rows())


def test_a_layer_of_dead_units_keeps_one() -> None:
    network, part = random_network(False), random_rows()
    set_to_zero(network, range(4), set(range(5)))
    smaller, dropped = drop_dead_units(network, part)
    assert (dropped, widths(smaller)) == (4, [1] * 4)
    assert_same_logits(smaller, network, part)


def test_a_network_without_dead_units_stays_the_same() -> None:
    network, part = random_network(True), random_rows()
    smaller, _ = drop_dead_units(network, part)
    again, dropped = drop_dead_units(smaller, part)
    assert (dropped, again.config) == (0, smaller.config)
    assert torch.equal(logits(again, part), logits(smaller, part))


def test_a_unit_that_one_row_of_a_later_batch_needs_is_kept() -> None:
    rows = np.full((1500, 1), 0.5, np.float32)
    rows[-1] = 3.0  # the only row for which the second unit is above 0
    part = Part(x=rows, y=np.zeros(1500, np.int64))
    assert drop_dead_units(known_network(), part.take(slice(1400)))[1] == 2
    assert drop_dead_units(known_network(), part)[1] == 1


def test_a_sigmoid_layer_has_no_dead_units() -> None:
    network = random_network(False)
    blocks = tuple(
        replace(block, activation="sigmoid") if isinstance(block, DenseBlock) else block
        for block in network.config.blocks
    )
    sigmoid = HighwayClassifier(replace(network.config, blocks=blocks)).eval()
    assert drop_dead_units(sigmoid, random_rows())[1] == 0


def test_a_segment_extends_from_one_plain_layer_to_the_next() -> None:
    blocks = random_network(True).config.blocks
    assert list(segments(blocks)) == [range(5), range(5, 9)]


def test_blocks_before_the_first_plain_layer_are_left_out() -> None:
    blocks: tuple[Block, ...] = (HighwayBlock(number=1, width=36), DropoutBlock(rate=0.5))
    assert list(segments(blocks)) == []
    config = NetworkConfig(shape=(36,), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    part = random_rows()
    part.x[:, 7] = 0.0
    network = HighwayClassifier(config).eval()
    smaller, dropped = drop_dead_units(network, part)
    assert (dropped, smaller.config) == (0, config)


@pytest.mark.parametrize("channels", [2, 3])
def test_a_dense_highway_layer_on_a_flattened_image_keeps_its_units(
    channels: int,
) -> None:
    # Its width is the number of positions of all channels, so it has no units of one channel.
    blocks: tuple[Block, ...] = (
        ConvBlock(width=channels, kernel=3),
        HighwayConvBlock(number=1, width=channels),
        MaxPoolBlock(size=2, stride=2),
        HighwayBlock(number=2, width=4 * channels),
        DenseBlock(width=3),
    )
    torch.manual_seed(0)
    config = NetworkConfig(shape=(6, 6), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    network = HighwayClassifier(config).eval()
    set_to_zero(network, range(2), {0})
    set_to_zero(network, range(4, 5), {2})
    smaller, dropped = drop_dead_units(network, random_rows())
    assert dropped >= 1
    assert widths(smaller)[:3] == [channels, channels, 4 * channels]
    assert_same_logits(smaller, network, random_rows())


def test_averaged_channels_are_units_of_the_dense_layers_after_them() -> None:
    blocks: tuple[Block, ...] = (
        ConvBlock(width=3, kernel=3),
        AveragePoolBlock(),
        HighwayBlock(number=1, width=3),
    )
    torch.manual_seed(0)
    config = NetworkConfig(shape=(6, 6), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    network = HighwayClassifier(config).eval()
    set_to_zero(network, range(3), {1})
    smaller, dropped = drop_dead_units(network, random_rows())
    assert dropped >= 1
    assert widths(smaller) == [3 - dropped] * 2
    assert_same_logits(smaller, network, random_rows())
