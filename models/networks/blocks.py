"""What a network is made of, as plain values that a person can read in `config.json`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.networks.activations import ActivationName

Width = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


def _odd(size: int) -> int:
    if size % 2 == 0:  # an even window has no middle, so it cannot keep an image's size
        raise ValueError(f"expected an odd number, found {size}")
    return size


OddSize = Annotated[int, Field(ge=1), AfterValidator(_odd)]


@dataclass(frozen=True, kw_only=True)
class DenseBlock:
    """One plain, fully connected layer of `width` units; an image comes in as one long row."""

    kind: Literal["dense"] = "dense"
    width: Width
    activation: ActivationName = "relu"


@dataclass(frozen=True, kw_only=True)
class HighwayBlock:
    """One highway layer; `number` counts the highway layers of the network as trained, from 1.

    With `constant_gate` each unit's gate is a number of its own, whatever the input.
    """

    kind: Literal["highway"] = "highway"
    number: Annotated[int, Field(ge=1)]
    width: Width
    activation: ActivationName = "relu"
    gate_bias: float = -1.0
    constant_gate: bool = False


@dataclass(frozen=True, kw_only=True)
class ConvBlock:
    """One plain convolution of `width` channels, with `padding` pixels of 0 on each side."""

    kind: Literal["conv"] = "conv"
    width: Width
    kernel: Size = 3
    padding: Annotated[int, Field(ge=0)] = 0
    activation: ActivationName = "relu"


@dataclass(frozen=True, kw_only=True)
class HighwayConvBlock:
    """One convolutional highway layer of `width` channels; kernels are odd, sizes stay.

    With `constant_gate` each channel's gate is a number of its own, whatever the input.
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
    """The largest of every `size`×`size` window, every `stride` pixels.

    Sizes are rounded up, as in the authors' framework: a window may hang over the edge.
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
    """Drops that share of the values in training; it stands between layers, never in a gate."""

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
