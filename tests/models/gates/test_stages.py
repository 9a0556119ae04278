from models.gates.stages import layer_stages, stages
from models.networks.architectures import plain_twin
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


def network(*blocks: Block) -> HighwayClassifier:
    return HighwayClassifier(NetworkConfig(shape=(8, 8), classes=2, blocks=blocks))


def highway(number: int, width: int = 4) -> HighwayBlock:
    return HighwayBlock(number=number, width=width)


def convolution(number: int, width: int = 2) -> HighwayConvBlock:
    return HighwayConvBlock(number=number, width=width)


def test_neighbouring_highway_layers_are_one_stage() -> None:
    dense = network(DenseBlock(width=4), highway(1), highway(2), highway(3))
    assert stages(dense) == ((1, 2, 3),)
    assert layer_stages(dense) == ((0, 1, 2),)


def test_a_plain_layer_ends_a_stage_even_if_it_keeps_the_width() -> None:
    dense = network(
        *(DenseBlock(width=4), highway(1), highway(2)), *(DenseBlock(width=4), highway(3))
    )
    assert stages(dense) == ((1, 2), (4,))
    assert layer_stages(dense) == ((0, 1), (2,))


def test_a_pool_ends_a_stage_of_convolutions() -> None:
    pool = MaxPoolBlock(size=2, stride=2)
    images = network(ConvBlock(width=2), convolution(1), convolution(2), pool, convolution(3))
    assert stages(images) == ((1, 2), (4,))


def test_dropout_does_not_end_a_stage() -> None:
    dense = network(DenseBlock(width=4), highway(1), DropoutBlock(rate=0.5), highway(2))
    assert stages(dense) == ((1, 3),)
    assert layer_stages(dense) == ((0, 1),)


def test_dense_layers_after_convolutions_are_another_stage() -> None:
    images = network(
        ConvBlock(width=2, kernel=8), convolution(1), convolution(2), highway(3, 2), highway(4, 2)
    )
    assert stages(images) == ((1, 2), (3, 4))


def test_plain_layers_that_keep_the_shape_are_stages_of_a_plain_network() -> None:
    blocks: tuple[Block, ...] = (DenseBlock(width=4), *(highway(number) for number in (1, 2, 3)))
    assert stages(network(*plain_twin(blocks))) == ((1, 2, 3),)


def test_plain_convolutions_that_change_the_image_are_no_stage() -> None:
    same, smaller = ConvBlock(width=2, padding=1), ConvBlock(width=2)
    narrow, wide = ConvBlock(width=2, padding=1), ConvBlock(width=3, padding=1)
    images = network(narrow, same, same, smaller, same, wide, AveragePoolBlock())
    assert stages(images) == ((1, 2), (4,))


def test_a_network_of_layers_that_change_the_width_has_no_stages() -> None:
    assert stages(network(DenseBlock(width=4), DenseBlock(width=3))) == ()
