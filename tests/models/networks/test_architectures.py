import pytest

from models.errors import ConfigError
from models.networks.architectures import FAMILIES, FamilyOptions, plain_twin
from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)


def blocks(family: str, depth: int, dropout: float = 0.5, width: int = 32) -> tuple[Block, ...]:
    options = FamilyOptions(
        depth=depth,
        width=width,
        activation="relu",
        gate_bias=-1.0,
        dropout=dropout,
        kernel=3,
        gate_kernel=3,
    )
    return FAMILIES[family].build(options)


def kinds(network: tuple[Block, ...]) -> str:
    short = {"conv": "c", "highway-conv": "H", "max-pool": "p", "dropout": "d"}
    short |= {"average-pool": "a", "dense": "l", "highway": "T"}
    return "".join(short[block.kind] for block in network)


def test_the_mnist_network_has_the_layers_of_the_released_one() -> None:
    network = blocks("mnist-conv", 10)
    assert kinds(network) == "dcHHpdHHHpdHHHpd"
    rates = [block.rate for block in network if isinstance(block, DropoutBlock)]
    assert rates == [0.2, 0.3, 0.4, 0.5]


def test_the_cifar_network_has_the_layers_of_the_released_one() -> None:
    network = blocks("cifar-conv", 19, dropout=0.2)
    assert kinds(network) == "dcHHHHpdcHHHHHpdcHHHHHcad"
    plain = [(block.width, block.kernel) for block in network if isinstance(block, ConvBlock)]
    assert plain == [(32, 3), (80, 3), (128, 3), (100, 1)]
    assert {block.rate for block in network if isinstance(block, DropoutBlock)} == {0.2}


def test_the_dense_network_has_one_plain_layer_before_its_highway_layers() -> None:
    assert kinds(blocks("dense", 5, dropout=0)) == "lTTTT"
    assert kinds(blocks("dense", 3, dropout=0.5)) == "ldTTd"


@pytest.mark.parametrize(("depth", "stages"), [(3, [0, 0, 1]), (6, [1, 1, 2]), (12, [3, 3, 4])])
def test_the_stages_share_the_highway_layers_evenly(depth: int, stages: list[int]) -> None:
    letters = kinds(blocks("mnist-conv", depth, dropout=0))
    assert [stage.count("H") for stage in letters.split("p")[:3]] == stages


def test_highway_layers_are_numbered_across_stages() -> None:
    network = blocks("cifar-conv", 19)
    numbers = [block.number for block in network if isinstance(block, HighwayConvBlock)]
    assert numbers == list(range(1, 15))


@pytest.mark.parametrize(("family", "plain"), [("dense", 1), ("mnist-conv", 2), ("cifar-conv", 5)])
def test_a_network_without_a_highway_layer_is_refused(family: str, plain: int) -> None:
    with pytest.raises(ConfigError) as error:
        blocks(family, plain)
    assert str(error.value) == (
        f"depth: expected at least {plain + 1} (of which {plain} plain), found {plain}"
    )


def test_the_plain_twin_of_fifty_units_has_seventy_one_as_in_the_paper() -> None:
    highway = (HighwayBlock(number=1, width=50), HighwayBlock(number=2, width=50))
    blocks = (DenseBlock(width=50), *highway)
    assert plain_twin(blocks) == (DenseBlock(width=71),) * 3


@pytest.mark.parametrize(("width", "twin"), [(1, 1), (2, 3), (10, 14), (16, 23), (200, 283)])
def test_a_plain_twin_has_the_nearest_number_of_parameters(width: int, twin: int) -> None:
    (block,) = plain_twin((HighwayBlock(number=1, width=width),))
    assert isinstance(block, DenseBlock)
    assert block.width == twin


def test_the_plain_twin_of_a_convolution_keeps_kernel_and_image_size() -> None:
    # highway 2·(9·16² + 16) = 4640; plain 9·w² + w: 23 → 4784, 22 → 4378
    (block,) = plain_twin((HighwayConvBlock(number=1, width=16, activation="tanh"),))
    assert block == ConvBlock(width=23, kernel=3, padding=1, activation="tanh")


def test_a_smaller_gate_kernel_gives_a_smaller_plain_twin() -> None:
    # highway 9·16² + 16 + 1·16² + 16 = 2592; plain 9·w² + w: 17 → 2618
    (block,) = plain_twin((HighwayConvBlock(number=1, width=16, gate_kernel=1),))
    assert isinstance(block, ConvBlock)
    assert block.width == 17


def test_a_plain_layer_before_highway_layers_takes_the_plain_width() -> None:
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
