"""The papers' families of networks with open depth and width, and their plain twins.

As in the papers, depth counts all layers before the softmax: plain and highway layers, but in the
dense family not the output layer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Annotated

from pydantic import Field

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
    OddSize,
    Rate,
    Width,
)
from models.networks.layers import ActivationName

Blocks = tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class FamilyOptions:
    """The open numbers of a family; `dropout` is the rate of its last dropout, 0 for none."""

    depth: Annotated[int, Field(ge=2)]
    width: Width
    activation: ActivationName = "relu"
    gate_bias: float | None = None  # None: by `gate_bias_for_depth`
    dropout: Rate = 0.0
    kernel: OddSize = 3
    gate_kernel: OddSize | None = None  # None: the same as `kernel`
    halvings: Annotated[int, Field(ge=0)] = 1  # image-conv: of the image before the first stage


def gate_bias_for_depth(highway_layers: int) -> float:
    """Return the initial gate bias at which the layers' mean gates add up to 2.42.

    That is the sum over nine layers with bias −1, which fewer layers use too; 19, 49 and 99 layers
    start at −1.92, −2.96 and −3.69.
    """
    gate = min(9 / highway_layers, 1.0) / (1 + math.e)
    return round(math.log(gate / (1 - gate)), 2)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A builder of blocks, with the number of its layers that are plain."""

    plain_layers: int
    blocks: Callable[[FamilyOptions, int], Blocks]  # the second argument counts highway layers

    def build(self, options: FamilyOptions) -> Blocks:
        """Return the blocks; raises `ConfigError` if the depth leaves no highway layer."""
        return self.blocks(options, self.highway_layers(options.depth))

    def highway_layers(self, depth: int) -> int:
        """Return the number of highway layers at that depth; raises `ConfigError` if it is 0."""
        if depth <= self.plain_layers:
            raise ConfigError(
                f"depth: expected at least {self.plain_layers + 1} (of which {self.plain_layers} "
                f"plain), found {depth}"
            )
        return depth - self.plain_layers


def _dense(options: FamilyOptions, layers: int) -> Blocks:
    """Build the network of section 3.1: one plain layer, then highway layers."""
    first = DenseBlock(width=options.width, activation=options.activation)
    highway = tuple(
        HighwayBlock(
            number=number,
            width=options.width,
            activation=options.activation,
            gate_bias=_gate_bias(options, layers),
        )
        for number in range(1, layers + 1)
    )
    dropout = _dropout(options.dropout)
    return (first, *dropout, *highway, *dropout)


def _mnist_conv(options: FamilyOptions, layers: int) -> Blocks:
    """Build the network of Table 1 by its released configuration: three stages of one width.

    With depth 10 and dropout 0.5, the dropout rates are 0.2 for the pixels, then 0.3, 0.4 and 0.5.
    """
    stages = _stages(options, layers, (options.width,) * 3)
    pools = [MaxPoolBlock(size=size, stride=2) for size in (3, 3, 2)]
    blocks: Blocks = (
        *_dropout(0.4 * options.dropout),
        ConvBlock(width=options.width, kernel=5, activation=options.activation),
    )
    for stage, pool, share in zip(stages, pools, (0.6, 0.8, 1.0), strict=True):
        blocks += (*stage, pool, *_dropout(share * options.dropout))
    return blocks


def _cifar_conv(options: FamilyOptions, layers: int) -> Blocks:
    """Build the network of Table 3: stages of 32, 80 and 128 channels, then 1×1 to 100, averaged.

    The stages' widths are 1, 2.5 and 4 times `width`, and all dropout rates are equal.
    """
    widths = (options.width, round(2.5 * options.width), 4 * options.width)
    dropout = _dropout(options.dropout)
    blocks: Blocks = ()
    for position, stage in enumerate(_stages(options, layers, widths)):
        entry = ConvBlock(
            width=widths[position],
            kernel=options.kernel,
            padding=options.kernel // 2,
            activation=options.activation,
        )
        pool = (MaxPoolBlock(size=2, stride=2),) if position < 2 else ()
        blocks += (*dropout, entry, *stage, *pool)
    last = ConvBlock(width=100, kernel=1, activation=options.activation)
    return (*blocks, last, AveragePoolBlock(), *dropout)


def _image_conv(options: FamilyOptions, layers: int) -> Blocks:
    """Build a network for images of any size: halved to stage size, then three stages of one width.

    With dropout 0.25, the rates after the stages are 0.15, 0.2 and 0.25.
    """
    blocks: Blocks = (
        ConvBlock(width=options.width, kernel=5, padding=2, activation=options.activation),
        *(MaxPoolBlock(size=2, stride=2),) * options.halvings,
    )
    stages = _stages(options, layers, (options.width,) * 3)
    for stage, share in zip(stages, (0.6, 0.8, 1.0), strict=True):
        blocks += (*stage, MaxPoolBlock(size=2, stride=2), *_dropout(share * options.dropout))
    return blocks


FAMILIES: dict[str, Family] = {
    "dense": Family(plain_layers=1, blocks=_dense),
    "image-conv": Family(plain_layers=1, blocks=_image_conv),
    "mnist-conv": Family(plain_layers=2, blocks=_mnist_conv),
    "cifar-conv": Family(plain_layers=5, blocks=_cifar_conv),
}


def plain_twin(blocks: Blocks) -> Blocks:
    """Replace every highway layer by a plain layer with the nearest number of parameters.

    The papers compare with such a network: 71 plain units for 50 highway units (section 3.1). Plain
    layers before highway layers of the same width take the plain width too.
    """
    twins: list[Block] = []
    next_gate: GateBlock | None = None  # the next highway layer, if no plain layer precedes it
    for block in reversed(blocks):
        match block:
            case HighwayBlock() | HighwayConvBlock():
                next_gate = block
                twins.append(_plain(block))
            case DenseBlock() | ConvBlock():
                if next_gate is not None and next_gate.width == block.width:
                    block = replace(block, width=_plain(next_gate).width)
                twins.append(block)
                next_gate = None
            case _:
                twins.append(block)
    return tuple(reversed(twins))


def _stages(options: FamilyOptions, layers: int, widths: tuple[int, ...]) -> list[Blocks]:
    """Distribute the highway layers over the stages evenly; the last stages get the remainder."""
    numbers = count(1)
    return [
        tuple(
            HighwayConvBlock(
                number=next(numbers),
                width=width,
                kernel=options.kernel,
                gate_kernel=options.gate_kernel or options.kernel,
                activation=options.activation,
                gate_bias=_gate_bias(options, layers),
            )
            for _ in range((layers + position) // len(widths))
        )
        for position, width in enumerate(widths)
    ]


def _gate_bias(options: FamilyOptions, layers: int) -> float:
    return gate_bias_for_depth(layers) if options.gate_bias is None else options.gate_bias


def _dropout(rate: float) -> Blocks:
    return (DropoutBlock(rate=round(rate, 6)),) if rate > 0 else ()


def _plain(block: GateBlock) -> DenseBlock | ConvBlock:
    if isinstance(block, HighwayBlock):
        width = _nearest_width(2 * _parameters(block.width, 1), 1)
        return DenseBlock(width=width, activation=block.activation)
    h, t = (_parameters(block.width, kernel**2) for kernel in (block.kernel, block.gate_kernel))
    return ConvBlock(
        width=_nearest_width(h + t, block.kernel**2),
        kernel=block.kernel,
        padding=block.kernel // 2,
        activation=block.activation,
    )


def _parameters(width: int, window: int) -> int:
    """Count weights and biases of one branch of `width` units over a window of positions."""
    return window * width**2 + width


def _nearest_width(parameters: int, window: int) -> int:
    widest = int((parameters / window) ** 0.5) + 1
    return min(range(1, widest + 1), key=lambda width: abs(_parameters(width, window) - parameters))
