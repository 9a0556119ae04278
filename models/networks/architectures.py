"""The papers' families of networks, each with its depth and width left open.

A depth counts as the papers do: plain layers, highway layers and what comes before the softmax,
but in the dense family not the output layer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from models.errors import ConfigError
from models.networks.activations import ActivationName
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

Blocks = tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a family leaves open; `dropout` is the rate of its last dropout, 0 for none."""

    depth: int
    width: int
    activation: ActivationName
    gate_bias: float
    dropout: float
    kernel: int
    gate_kernel: int


@dataclass(frozen=True, kw_only=True)
class Family:
    """A way to make blocks of a `Shape`, with the number of its layers that are not highway."""

    plain_layers: int
    blocks: Callable[[Shape, int], Blocks]  # the second: how many highway layers

    def build(self, shape: Shape) -> Blocks:
        """Return the blocks; too small a depth is a `ConfigError`."""
        return self.blocks(shape, self.highway_layers(shape.depth))

    def highway_layers(self, depth: int) -> int:
        """Count the highway layers of a network of that depth."""
        if depth <= self.plain_layers:
            raise ConfigError(
                f"depth: expected at least {self.plain_layers + 1} (of which {self.plain_layers} "
                f"plain), found {depth}"
            )
        return depth - self.plain_layers


def _dense(shape: Shape, layers: int) -> Blocks:
    """Build the thin network of section 3.1: one plain layer, then highway layers."""
    first = DenseBlock(width=shape.width, activation=shape.activation)
    highway = tuple(
        HighwayBlock(
            number=number,
            width=shape.width,
            activation=shape.activation,
            gate_bias=shape.gate_bias,
        )
        for number in range(1, layers + 1)
    )
    dropout = _dropout(shape.dropout)
    return (first, *dropout, *highway, *dropout)


def _mnist_conv(shape: Shape, layers: int) -> Blocks:
    """Build the network of Table 1 as its released configuration has it: three stages, one width.

    With depth 10 and dropout 0.5: dropout 0.2 of the pixels, then 0.3, 0.4 and 0.5.
    """
    stages = _stages(shape, layers, (shape.width,) * 3)
    pools = (
        MaxPoolBlock(size=3, stride=2),
        MaxPoolBlock(size=3, stride=2),
        MaxPoolBlock(size=2, stride=2),
    )
    blocks: Blocks = (
        *_dropout(0.4 * shape.dropout),
        ConvBlock(width=shape.width, kernel=5, activation=shape.activation),
    )
    for stage, pool, share in zip(stages, pools, (0.6, 0.8, 1.0), strict=True):
        blocks += (*stage, pool, *_dropout(share * shape.dropout))
    return blocks


def _cifar_conv(shape: Shape, layers: int) -> Blocks:
    """Build the network of Table 3: stages of 32, 80 and 128 channels, then 1×1 to 100, averaged.

    The stages' widths are 1, 2.5 and 4 times `width`, and every dropout is the same.
    """
    widths = (shape.width, round(2.5 * shape.width), 4 * shape.width)
    dropout = _dropout(shape.dropout)
    blocks: Blocks = ()
    for position, stage in enumerate(_stages(shape, layers, widths)):
        enter = ConvBlock(
            width=widths[position],
            kernel=shape.kernel,
            padding=shape.kernel // 2,
            activation=shape.activation,
        )
        leave = (MaxPoolBlock(size=2, stride=2),) if position < 2 else ()
        blocks += (*dropout, enter, *stage, *leave)
    last = ConvBlock(width=100, kernel=1, activation=shape.activation)
    return (*blocks, last, AveragePoolBlock(), *dropout)


FAMILIES: dict[str, Family] = {
    "dense": Family(plain_layers=1, blocks=_dense),
    "mnist-conv": Family(plain_layers=2, blocks=_mnist_conv),
    "cifar-conv": Family(plain_layers=5, blocks=_cifar_conv),
}


def _stages(shape: Shape, layers: int, widths: tuple[int, ...]) -> list[Blocks]:
    """Deal the highway layers out to the stages, as evenly as can be, the later ones first."""
    numbers = count(1)
    stages: list[Blocks] = []
    for position, width in enumerate(widths):
        in_stage = (layers + position) // len(widths)
        stages.append(
            tuple(
                HighwayConvBlock(
                    number=next(numbers),
                    width=width,
                    kernel=shape.kernel,
                    gate_kernel=shape.gate_kernel,
                    activation=shape.activation,
                    gate_bias=shape.gate_bias,
                )
                for _ in range(in_stage)
            )
        )
    return stages


def _dropout(rate: float) -> Blocks:
    return (DropoutBlock(rate=round(rate, 6)),) if rate > 0 else ()
