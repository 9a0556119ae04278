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
from models.pruning.dead_units import Stretch, stretches, without_dead_units
from models.pruning.surgery import with_constant_gates
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


def kill(network: HighwayClassifier, places: range, units: set[int]) -> None:
    """Let what these blocks compute for these units be 0, whatever the rows: so a gate hands on."""
    for name, value in network.state_dict().items():
        room, place, *_ = (*name.split("."), "", "")
        if room == "blocks" and int(place) in places and "gate" not in name:
            value[list(units)] = 0.0  # of H; of one product of both branches these come first


def assert_the_same(smaller: HighwayClassifier, network: HighwayClassifier, part: Part) -> None:
    torch.testing.assert_close(logits(smaller, part), logits(network, part), rtol=0, atol=1e-5)


def test_the_known_networks_dead_unit_goes_and_no_label_moves() -> None:
    network = known_network()
    smaller, dropped = without_dead_units(network, known_rows())
    assert dropped == 1
    assert widths(smaller) == [3] * 5
    assert network.parameter_count() == 178
    assert smaller.parameter_count() == (3 + 3) + 4 * (6 * 3 + 6) + (2 * 3 + 2)
    assert_the_same(smaller, network, known_rows())


def test_a_unit_lives_that_any_layer_makes_other_than_0() -> None:
    # The plain layer leaves the second and third unit at 0; layers 1 and 4 write into them.
    rows = known_rows()
    low = rows.take(np.flatnonzero(rows.x[:, 0] < 2))  # where the second unit is never written
    smaller, dropped = without_dead_units(known_network(), low)
    assert (dropped, widths(smaller)) == (2, [2] * 5)
    assert_the_same(smaller, known_network(), low)


@pytest.mark.parametrize("spatial", [False, True])
@settings(max_examples=15, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_dropping_units_never_changes_logits(spatial: bool, data: st.DataObject, seed: int) -> None:
    network, part = random_network(spatial, seed), random_rows()
    channels = data.draw(st.sets(st.integers(0, 2))) if spatial else set()
    units = data.draw(st.sets(st.integers(0, 4)))
    if spatial:
        kill(network, range(5), channels)
    kill(network, range(5, 9) if spatial else range(4), units)
    smaller, dropped = without_dead_units(network, part)
    assert dropped >= min(len(channels), 2) + min(len(units), 4)
    gone = [was - left for was, left in zip(widths(network), widths(smaller), strict=True)]
    assert dropped == (gone[0] + gone[-1] if spatial else gone[-1])
    assert_the_same(smaller, network, part)


def test_dead_channels_leave_every_reader_of_the_image_too() -> None:
    network, part = random_network(True), random_rows()
    kill(network, range(5), {1})
    smaller, _ = without_dead_units(network, part)
    shapes = {name: tuple(value.shape) for name, value in smaller.state_dict().items()}
    assert shapes["blocks.0.convolution.weight"] == (2, 1, 3, 3)
    assert shapes["blocks.1.branches.weight"] == (4, 2, 3, 3)
    assert shapes["blocks.4.gate.weight"] == (2, 2, 1, 1)
    assert shapes["blocks.5.linear.weight"][1] == 2 * 2 * 2  # two channels of 2×2 positions


def test_constant_gates_lose_the_dead_units_share() -> None:
    network = with_constant_gates(known_network(), {0: torch.full((4,), 0.5)})
    smaller, dropped = without_dead_units(network, known_rows())
    assert dropped == 1
    assert smaller.state_dict()["blocks.1.gate_logit"].shape == (3,)
    assert_the_same(smaller, network, known_rows())


def test_of_a_layer_without_any_living_unit_one_stays() -> None:
    network, part = random_network(False), random_rows()
    kill(network, range(4), set(range(5)))
    smaller, dropped = without_dead_units(network, part)
    assert (dropped, widths(smaller)) == (4, [1] * 4)
    assert_the_same(smaller, network, part)


def test_a_network_whose_units_all_live_is_built_again_as_it_is() -> None:
    network, part = random_network(True), random_rows()
    smaller, _ = without_dead_units(network, part)
    again, dropped = without_dead_units(smaller, part)
    assert (dropped, again.config) == (0, smaller.config)
    assert torch.equal(logits(again, part), logits(smaller, part))


def test_a_unit_that_lives_in_one_row_of_a_later_batch_stays() -> None:
    rows = np.full((1500, 1), 0.5, np.float32)
    rows[-1] = 3.0  # the one row that the second unit is written for
    part = Part(x=rows, y=np.zeros(1500, np.int64))
    assert without_dead_units(known_network(), part.take(slice(1400)))[1] == 2
    assert without_dead_units(known_network(), part)[1] == 1


def test_other_activations_hardly_leave_dead_units() -> None:
    network = random_network(False)
    blocks = tuple(
        replace(block, activation="sigmoid") if isinstance(block, DenseBlock) else block
        for block in network.config.blocks
    )
    alike = HighwayClassifier(replace(network.config, blocks=blocks)).eval()
    assert without_dead_units(alike, random_rows())[1] == 0


def test_a_stretch_goes_from_one_plain_layer_to_the_next() -> None:
    blocks = random_network(True).config.blocks
    assert list(stretches(blocks)) == [Stretch(start=0, end=5), Stretch(start=5, end=9)]


def test_what_comes_before_every_plain_layer_is_the_datas_and_stays() -> None:
    blocks: tuple[Block, ...] = (HighwayBlock(number=1, width=36), DropoutBlock(rate=0.5))
    assert list(stretches(blocks)) == []
    config = NetworkConfig(shape=(36,), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    part = random_rows()
    part.x[:, 7] = 0.0
    network = HighwayClassifier(config).eval()
    smaller, dropped = without_dead_units(network, part)
    assert (dropped, smaller.config) == (0, config)


@pytest.mark.parametrize("channels", [2, 3])
def test_a_dense_highway_layer_that_takes_an_image_as_one_row_keeps_its_units(
    channels: int,
) -> None:
    # Its width is that of all channels' positions together, so no channel can go alone.
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
    kill(network, range(2), {0})
    kill(network, range(4, 5), {2})
    smaller, dropped = without_dead_units(network, random_rows())
    assert dropped >= 1
    assert widths(smaller)[:3] == [channels, channels, 4 * channels]
    assert_the_same(smaller, network, random_rows())


def test_channels_averaged_over_their_positions_can_be_dense_units_after() -> None:
    blocks: tuple[Block, ...] = (
        ConvBlock(width=3, kernel=3),
        AveragePoolBlock(),
        HighwayBlock(number=1, width=3),
    )
    torch.manual_seed(0)
    config = NetworkConfig(shape=(6, 6), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    network = HighwayClassifier(config).eval()
    kill(network, range(3), {1})
    smaller, dropped = without_dead_units(network, random_rows())
    assert dropped >= 1
    assert widths(smaller) == [3 - dropped] * 2
    assert_the_same(smaller, network, random_rows())
