"""The blocks of a network: plain values stored in `config.json`, and how modules are built."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from torch import nn

from models.errors import ConfigError
from models.networks.layers import (
    ActivationName,
    HighwayConv,
    HighwayDense,
    HighwayLayer,
    MeanOverPositions,
    PlainConv,
    PlainDense,
)

RowShape = tuple[int, ...]  # of one row between two blocks: (units,) or (channels, height, width)
Width = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


def _odd(size: int) -> int:
    if size % 2 == 0:  # an even window has no centre, so padding cannot keep the image's size
        raise ValueError(f"expected an odd number, found {size}")
    return size


OddSize = Annotated[int, Field(ge=1), AfterValidator(_odd)]


@dataclass(frozen=True, kw_only=True)
class DenseBlock:
    """A plain, fully connected layer of `width` units; an image is flattened."""

    kind: Literal["dense"] = "dense"
    width: Width
    activation: ActivationName = "relu"


@dataclass(frozen=True, kw_only=True)
class HighwayBlock:
    """A highway layer; `number` counts the highway layers of the network as trained, from 1.

    With `constant_gate` each unit's gate is one trained number, independent of the input.
    """

    kind: Literal["highway"] = "highway"
    number: Annotated[int, Field(ge=1)]
    width: Width
    activation: ActivationName = "relu"
    gate_bias: float = -1.0
    constant_gate: bool = False


@dataclass(frozen=True, kw_only=True)
class ConvBlock:
    """A plain convolution of `width` channels, with `padding` pixels of 0 on each side."""

    kind: Literal["conv"] = "conv"
    width: Width
    kernel: Size = 3
    padding: Annotated[int, Field(ge=0)] = 0
    activation: ActivationName = "relu"


@dataclass(frozen=True, kw_only=True)
class HighwayConvBlock:
    """A convolutional highway layer of `width` channels that keeps the image size.

    With `constant_gate` each channel's gate is one trained number, independent of the input.
    """

    kind: Literal["highway-conv"] = "highway-conv"
    number: Annotated[int, Field(ge=1)]
    width: Width
    kernel: OddSize = 3
    gate_kernel: OddSize = 3
    activation: ActivationName = "relu"
    gate_bias: float = -1.0
    constant_gate: bool = False


@dataclass(frozen=True, kw_only=True)
class MaxPoolBlock:
    """The maximum of every `size`×`size` window, every `stride` pixels.

    Image sizes are rounded up, as in the authors' framework: a window may extend over the edge.
    """

    kind: Literal["max-pool"] = "max-pool"
    size: Size
    stride: Size


@dataclass(frozen=True, kw_only=True)
class AveragePoolBlock:
    """The mean of each channel over all its positions."""

    kind: Literal["average-pool"] = "average-pool"


@dataclass(frozen=True, kw_only=True)
class DropoutBlock:
    """Drops a share `rate` of the values in training, between layers and never inside a gate."""

    kind: Literal["dropout"] = "dropout"
    rate: Rate


GateBlock = HighwayBlock | HighwayConvBlock
Block = Annotated[
    DenseBlock
    | HighwayBlock
    | ConvBlock
    | HighwayConvBlock
    | MaxPoolBlock
    | AveragePoolBlock
    | DropoutBlock,
    Field(discriminator="kind"),
]
SPATIAL = (ConvBlock, HighwayConvBlock, MaxPoolBlock, AveragePoolBlock)


def image_shape(row: tuple[int, ...]) -> RowShape:
    """Return (channels, height, width) for a row of (height, width) or (height, width, colours)."""
    if len(row) == 1:
        raise ConfigError(
            f"network: expected images for its convolutions, found rows of {row[0]} columns; "
            "choose a dense preset"
        )
    height, width, *colours = row
    return (colours[0] if colours else 1, height, width)


def build_block(block: Block, shape: RowShape, position: int) -> tuple[nn.Module, RowShape]:
    """Build a block's module for rows of `shape`; return it with the shape of its output rows.

    Raises `ConfigError`, which names the block by its `position`, from 1, if `shape` does not fit.
    """
    match block:
        case DenseBlock():
            dense = PlainDense(prod(shape), block.width, activation=block.activation)
            return dense, (block.width,)
        case HighwayBlock() | HighwayConvBlock():
            return _highway_layer(block, shape, position)
        case ConvBlock():
            return _convolution(block, shape, position)
        case MaxPoolBlock():
            return _pool(block, shape, position)
        case AveragePoolBlock():
            return MeanOverPositions(), (shape[0], 1, 1)
        case DropoutBlock():
            return nn.Dropout(block.rate), shape


def _highway_layer(
    block: GateBlock, shape: RowShape, position: int
) -> tuple[HighwayLayer, RowShape]:
    layer: Callable[..., HighwayLayer]
    if isinstance(block, HighwayBlock):
        layer, shape, plain, units = HighwayDense, (prod(shape),), "dense block", "units"
    else:
        layer = partial(HighwayConv, kernel=block.kernel, gate_kernel=block.gate_kernel)
        plain, units = "convolution", "channels"
    if block.width != shape[0]:
        raise ConfigError(
            f"block {position}: a highway layer carries its input, so its width must be the "
            f"input's {shape[0]} {units}, found {block.width}; "
            f"put a {plain} of width {block.width} before it"
        )
    module = layer(
        block.width,
        activation=block.activation,
        gate_bias=block.gate_bias,
        constant_gate=block.constant_gate,
    )
    return module, shape


def _convolution(block: ConvBlock, shape: RowShape, position: int) -> tuple[nn.Module, RowShape]:
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


def _pool(block: MaxPoolBlock, shape: RowShape, position: int) -> tuple[nn.Module, RowShape]:
    pool = nn.MaxPool2d(block.size, block.stride, ceil_mode=True)
    try:
        return pool, tuple(pool(torch.empty(shape, device="meta")).shape)
    except RuntimeError as error:
        raise ConfigError(
            f"block {position}: expected an image that fits a pooling window of {block.size} "
            f"pixels, found {shape[1]}×{shape[2]}; use larger images or another preset"
        ) from error
