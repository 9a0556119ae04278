import pytest

from models.errors import ConfigError
from models.networks.architectures import FAMILIES, Shape
from models.networks.blocks import Block, ConvBlock, DropoutBlock, HighwayConvBlock


def blocks(family: str, depth: int, dropout: float = 0.5, width: int = 32) -> tuple[Block, ...]:
    shape = Shape(
        depth=depth,
        width=width,
        activation="relu",
        gate_bias=-1.0,
        dropout=dropout,
        kernel=3,
        gate_kernel=3,
    )
    return FAMILIES[family].build(shape)


def kinds(found: tuple[Block, ...]) -> str:
    short = {"conv": "c", "highway-conv": "H", "max-pool": "p", "dropout": "d"}
    short |= {"average-pool": "a", "dense": "l", "highway": "T"}
    return "".join(short[block.kind] for block in found)


def test_the_mnist_network_is_the_released_one_layer_by_layer() -> None:
    found = blocks("mnist-conv", 10)
    assert kinds(found) == "dcHHpdHHHpdHHHpd"
    rates = [block.rate for block in found if isinstance(block, DropoutBlock)]
    assert rates == [0.2, 0.3, 0.4, 0.5]


def test_the_cifar_network_is_the_released_one_layer_by_layer() -> None:
    found = blocks("cifar-conv", 19, dropout=0.2)
    assert kinds(found) == "dcHHHHpdcHHHHHpdcHHHHHcad"
    plain = [(block.width, block.kernel) for block in found if isinstance(block, ConvBlock)]
    assert plain == [(32, 3), (80, 3), (128, 3), (100, 1)]
    assert {block.rate for block in found if isinstance(block, DropoutBlock)} == {0.2}


def test_the_dense_network_has_one_plain_layer_before_its_highway_layers() -> None:
    assert kinds(blocks("dense", 5, dropout=0)) == "lTTTT"
    assert kinds(blocks("dense", 3, dropout=0.5)) == "ldTTd"


@pytest.mark.parametrize(("depth", "stages"), [(3, [0, 0, 1]), (6, [1, 1, 2]), (12, [3, 3, 4])])
def test_another_depth_is_dealt_out_to_the_stages_evenly(depth: int, stages: list[int]) -> None:
    found = kinds(blocks("mnist-conv", depth, dropout=0))
    assert [stage.count("H") for stage in found.split("p")[:3]] == stages


def test_highway_layers_are_numbered_through_all_stages() -> None:
    found = blocks("cifar-conv", 19)
    numbers = [block.number for block in found if isinstance(block, HighwayConvBlock)]
    assert numbers == list(range(1, 15))


@pytest.mark.parametrize(("family", "plain"), [("dense", 1), ("mnist-conv", 2), ("cifar-conv", 5)])
def test_a_network_without_a_highway_layer_is_refused(family: str, plain: int) -> None:
    with pytest.raises(ConfigError) as error:
        blocks(family, plain)
    assert str(error.value) == (
        f"depth: expected at least {plain + 1} (of which {plain} plain), found {plain}"
    )
