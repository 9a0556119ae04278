"""From a block's plain values to its module, with a check that each fits what it is given."""

from math import prod

from torch import nn

from models.errors import ConfigError
from models.networks.blocks import (
    AveragePoolBlock,
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    GateBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.layers import (
    HighwayConv,
    HighwayDense,
    MeanOverPositions,
    PlainConv,
    PlainDense,
)

Shape = tuple[int, ...]  # of one row between two blocks: (units,) or (channels, height, width)


def image_shape(row: tuple[int, ...]) -> Shape:
    """Return (channels, height, width) of a row's (height, width) or (height, width, colours)."""
    if len(row) == 1:
        raise ConfigError(
            f"network: expected images for its convolutions, found rows of {row[0]} columns; "
            "choose a dense preset"
        )
    height, width, *colours = row
    return (colours[0] if colours else 1, height, width)


def build_block(block: Block, shape: Shape, position: int) -> tuple[nn.Module, Shape]:
    """Build the block at `position`, from 1, for rows of `shape`; return the shape it gives."""
    match block:
        case DenseBlock():
            dense = PlainDense(prod(shape), block.width, activation=block.activation)
            return dense, (block.width,)
        case HighwayBlock():
            _check_carry(block, prod(shape), position)
            mixed = HighwayDense(
                block.width,
                activation=block.activation,
                gate_bias=block.gate_bias,
                constant_gate=block.constant_gate,
            )
            return mixed, (block.width,)
        case ConvBlock():
            return _convolution(block, shape, position)
        case HighwayConvBlock():
            _check_carry(block, shape[0], position)
            highway = HighwayConv(
                block.width,
                kernel=block.kernel,
                gate_kernel=block.gate_kernel,
                activation=block.activation,
                gate_bias=block.gate_bias,
                constant_gate=block.constant_gate,
            )
            return highway, shape
        case MaxPoolBlock():
            return _pool(block, shape, position)
        case AveragePoolBlock():
            return MeanOverPositions(), (shape[0], 1, 1)
        case DropoutBlock():
            return nn.Dropout(block.rate), shape


def _check_carry(block: GateBlock, width: int, position: int) -> None:
    if block.width != width:
        kind, units = ("dense block", "units")
        if isinstance(block, HighwayConvBlock):
            kind, units = ("convolution", "channels")
        raise ConfigError(
            f"block {position}: a highway layer hands its input on, so its width must be the "
            f"{width} {units} it is given, found {block.width}; "
            f"put a {kind} of width {block.width} before it"
        )


def _convolution(block: ConvBlock, shape: Shape, position: int) -> tuple[nn.Module, Shape]:
    channels, *sizes = shape
    height, width = (size + 2 * block.padding - block.kernel + 1 for size in sizes)
    if height < 1 or width < 1:
        raise ConfigError(
            f"block {position}: expected an image of at least {block.kernel}×{block.kernel} for "
            f"its kernel, found {sizes[0]}×{sizes[1]}; use larger images or another preset"
        )
    module = PlainConv(
        channels,
        block.width,
        kernel=block.kernel,
        padding=block.padding,
        activation=block.activation,
    )
    return module, (block.width, height, width)


def _pool(block: MaxPoolBlock, shape: Shape, position: int) -> tuple[nn.Module, Shape]:
    channels, *sizes = shape
    height, width = (_windows(size, block) for size in sizes)
    if height < 1 or width < 1:
        raise ConfigError(
            f"block {position}: expected an image that a pooling window of {block.size} pixels "
            f"fits, found {sizes[0]}×{sizes[1]}; use larger images or another preset"
        )
    return nn.MaxPool2d(block.size, block.stride, ceil_mode=True), (channels, height, width)


def _windows(size: int, block: MaxPoolBlock) -> int:
    """Count the windows along one side: rounded up, but each begins inside the image."""
    windows = (size - block.size + block.stride - 1) // block.stride + 1
    return windows - 1 if (windows - 1) * block.stride >= size else windows
