"""A highway classifier: input normalisation, a row of blocks, a linear output layer."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.activations import ActivationName, draw_weights
from models.errors import ConfigError
from models.layers import HighwayDense, PlainDense

Width = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True)
class DenseBlock:
    """One plain layer of `width` units."""

    kind: Literal["dense"] = "dense"
    width: Width
    activation: ActivationName = "relu"


@dataclass(frozen=True, kw_only=True)
class HighwayBlock:
    """One highway layer; `number` counts the highway layers of the network as trained, from 1."""

    kind: Literal["highway"] = "highway"
    number: Annotated[int, Field(ge=1)]
    width: Width
    activation: ActivationName = "relu"
    gate_bias: float = -1.0


Block = Annotated[DenseBlock | HighwayBlock, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything that is needed to build the network without its weights."""

    features: Annotated[int, Field(ge=1)]
    classes: Annotated[int, Field(ge=2)]
    blocks: tuple[Block, ...]

    @property
    def highway_blocks(self) -> tuple[HighwayBlock, ...]:
        """The highway layers alone, in order: one for each column of the mean gates."""
        return tuple(block for block in self.blocks if isinstance(block, HighwayBlock))


class HighwayClassifier(nn.Module):
    """The network of a `NetworkConfig`; takes the data's own values and normalises them itself."""

    input_mean: Tensor
    input_spread: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("input_mean", torch.zeros(config.features))
        self.register_buffer("input_spread", torch.ones(config.features))
        width = config.features
        self.blocks = nn.ModuleList()
        for position, block in enumerate(config.blocks, start=1):
            self.blocks.append(_build(block, width, position))
            width = block.width
        self.output = nn.Linear(width, config.classes)
        draw_weights(self.output.weight, "sigmoid")
        nn.init.zeros_(self.output.bias)

    def normalise(self, mean: Tensor, spread: Tensor) -> None:
        """Make the network subtract `mean` and divide by `spread`, each (features,), spread > 0."""
        self.input_mean.copy_(mean)
        self.input_spread.copy_(spread)

    def forward(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Map raw values (batch, features) to logits (batch, classes) and each layer's gates.

        `gate_scale`, (batch or 1, layers), multiplies the gates layer by layer; the gates
        returned, one (batch, width) for each highway layer, are those before it.
        """
        x = (x - self.input_mean) / self.input_spread
        gates: list[Tensor] = []
        scales = None if gate_scale is None else gate_scale.split(1, dim=1)  # layers of (·, 1)
        for block in self.blocks:
            if isinstance(block, HighwayDense):
                x, gate = block(x, None if scales is None else scales[len(gates)])
                gates.append(gate)
            else:
                x = block(x)
        return self.output(x), gates

    def parameter_count(self) -> int:
        """Count the trained numbers; the normalisation's are not trained."""
        return sum(parameter.numel() for parameter in self.parameters())


def mean_gates(gates: list[Tensor]) -> Tensor:
    """Average each layer's gates over its units: (batch, layers), each in [0, 1]."""
    widths = [gate.shape[1] for gate in gates]
    if len(set(widths)) == 1:  # one reduction instead of one for each layer
        units = torch.cat(gates, dim=1)  # (batch, layers · width)
        return units.view(-1, len(gates), widths[0]).mean(dim=2)
    return torch.stack([gate.mean(dim=1) for gate in gates], dim=1)


def _build(block: DenseBlock | HighwayBlock, inputs: int, position: int) -> nn.Module:
    if isinstance(block, DenseBlock):
        return PlainDense(inputs, block.width, activation=block.activation)
    if block.width != inputs:
        raise ConfigError(
            f"block {position}: a highway layer hands its input on, so its width must be the "
            f"{inputs} units it is given, found {block.width}; "
            f"put a dense block of width {block.width} before it"
        )
    return HighwayDense(block.width, activation=block.activation, gate_bias=block.gate_bias)
