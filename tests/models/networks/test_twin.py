import pytest

from models.networks.blocks import (
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.twin import plain_twin


def test_fifty_highway_units_become_seventy_one_plain_ones_as_in_the_paper() -> None:
    highway = (HighwayBlock(number=1, width=50), HighwayBlock(number=2, width=50))
    blocks = (DenseBlock(width=50), *highway)
    assert plain_twin(blocks) == (DenseBlock(width=71),) * 3


@pytest.mark.parametrize(("width", "twin"), [(1, 1), (2, 3), (10, 14), (16, 23), (200, 283)])
def test_a_twins_layer_has_the_nearest_number_of_parameters(width: int, twin: int) -> None:
    (block,) = plain_twin((HighwayBlock(number=1, width=width),))
    assert isinstance(block, DenseBlock)
    assert block.width == twin


def test_a_convolutions_twin_counts_its_kernel_and_keeps_the_size() -> None:
    # highway 2·(9·16² + 16) = 4640; plain 9·w² + w: 23 → 4784, 22 → 4378
    (block,) = plain_twin((HighwayConvBlock(number=1, width=16, activation="tanh"),))
    assert block == ConvBlock(width=23, kernel=3, padding=1, activation="tanh")


def test_a_small_gate_kernel_makes_a_smaller_twin() -> None:
    # highway 9·16² + 16 + 1·16² + 16 = 2592; plain 9·w² + w: 17 → 2618
    (block,) = plain_twin((HighwayConvBlock(number=1, width=16, gate_kernel=1),))
    assert isinstance(block, ConvBlock)
    assert block.width == 17


def test_what_leads_to_highway_layers_takes_their_twins_width_and_the_rest_stays() -> None:
    blocks = (
        ConvBlock(width=16, kernel=5),
        DropoutBlock(rate=0.2),
        HighwayConvBlock(number=1, width=16),
        MaxPoolBlock(size=2, stride=2),
        ConvBlock(width=100, kernel=1),
    )
    first, dropout, second, pool, last = plain_twin(blocks)
    assert first == ConvBlock(width=23, kernel=5)
    assert second == ConvBlock(width=23, kernel=3, padding=1)
    assert (dropout, pool, last) == (blocks[1], blocks[3], blocks[4])
