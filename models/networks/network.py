"""A highway classifier: preparation of raw values, a sequence of blocks, a linear output layer."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from models.networks.blocks import (
    SPATIAL,
    Block,
    GateBlock,
    HighwayBlock,
    build_block,
    image_shape,
)
from models.networks.classifier import GatedClassifier, GateLayer
from models.networks.columns import Columns
from models.networks.layers import HighwayLayer, Mixed, draw_weights
from models.networks.preparation import (
    ContrastNormalisation,
    Preparation,
    Standardise,
    build_preparation,
)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything needed to build the network, except its weights.

    `shape` is a row's: (columns,), (height, width) or (height, width, colours).
    """

    shape: tuple[Annotated[int, Field(ge=1)], ...]
    classes: Annotated[int, Field(ge=2)]
    preparation: Preparation = field(default_factory=Standardise)
    blocks: tuple[Block, ...]

    @property
    def features(self) -> int:
        """The number of values in a row."""
        return prod(self.shape)

    @property
    def highway_blocks(self) -> tuple[GateBlock, ...]:
        """The blocks that are highway layers, in order."""
        return tuple(block for block in self.blocks if isinstance(block, GateBlock))

    @property
    def gate_layers(self) -> tuple[GateLayer, ...]:
        """The highway layers in order: one for each column of the mean gates."""
        return tuple(
            GateLayer(
                number=block.number,
                kind="dense" if isinstance(block, HighwayBlock) else "convolution",
                width=block.width,
            )
            for block in self.highway_blocks
        )


class HighwayClassifier(GatedClassifier):
    """The network of a `NetworkConfig`; it takes raw values and prepares them itself."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.preparation = build_preparation(config.preparation, config.features)
        self.spatial = any(isinstance(block, SPATIAL) for block in config.blocks)
        self.image = image_shape(config.shape) if self.spatial else ()
        shape = self.image or (self.preparation.outputs,)
        self.blocks = nn.ModuleList()
        for position, block in enumerate(config.blocks, start=1):
            module, shape = build_block(block, shape, position)
            self.blocks.append(module)
        self.output = nn.Linear(prod(shape), config.classes)
        draw_weights(self.output.weight, "sigmoid")
        nn.init.zeros_(self.output.bias)
        # oneDNN's convolutions and pools are faster with channels-last weights.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def features(self) -> int:
        """The number of values in a row."""
        return self.config.features

    @property
    def classes(self) -> int:
        """The number of labels."""
        return self.config.classes

    @property
    def gate_layers(self) -> tuple[GateLayer, ...]:
        """The highway layers in order: one for each column of the mean gates."""
        return self.config.gate_layers

    @property
    def exact_columns(self) -> tuple[int, ...]:
        """The columns whose values rounding must not move: category indices and dates."""
        preparation = self.config.preparation
        if not isinstance(preparation, Columns):
            return ()
        dates = preparation.dates or (False,) * len(preparation.categories)
        kinds = enumerate(zip(preparation.categories, dates, strict=True))
        return tuple(column for column, (count, is_date) in kinds if count or is_date)

    @property
    def owners(self) -> Mapping[str, str]:
        """The names of modules: highway layers by number, other blocks by kind, from 1."""
        owners = {"preparation": "preparation", "output": "output"}
        counts: Counter[str] = Counter()
        for position, block in enumerate(self.config.blocks):
            if isinstance(block, GateBlock):
                owners[f"blocks.{position}"] = f"highway_{block.number}"
                continue
            kind = block.kind.replace("-", "_")
            counts[kind] += 1
            owners[f"blocks.{position}"] = f"{kind}_{counts[kind]}"
        return owners

    def fit_preparation(self, rows: Tensor) -> None:
        """Fit the preparation to training rows (n, features), unless it has fixed numbers."""
        if isinstance(self.config.preparation, Standardise | Columns):
            assert not isinstance(self.preparation, ContrastNormalisation)
            self.preparation.fit(rows)

    def compute(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, list[Mixed]]:
        """Map raw values (batch, features) to logits (batch, classes) and each layer's tensors.

        `gate_scale`, (batch or 1, layers), multiplies the gates layer by layer.
        """
        layers: list[Mixed] = []
        scales = None if gate_scale is None else gate_scale.split(1, dim=1)  # layers of (·, 1)
        x = self.prepare(x)
        for block in self.blocks:
            if isinstance(block, HighwayLayer):
                layers.append(block.mix(x, None if scales is None else scales[len(layers)]))
                x = layers[-1].output
            else:
                x = block(x)
        return self.output(x.flatten(1)), layers

    def prepare(self, x: Tensor) -> Tensor:
        """Map raw values (batch, features) to the first block's input."""
        x = self.preparation(x)
        if not self.spatial:
            return x
        channels, height, width = self.image
        if channels == 1:
            return x.view(-1, 1, height, width)
        return x.view(-1, height, width, channels).permute(0, 3, 1, 2)


def unit_gates(gate: Tensor) -> Tensor:
    """Return a layer's gates by unit, (batch, width): a channel's are averaged over positions."""
    return gate.mean(dim=(2, 3)) if gate.dim() == 4 else gate


def mean_gates(gates: list[Tensor]) -> Tensor:
    """Average each layer's gates over its units: (batch, layers), each in [0, 1]."""
    units = [unit_gates(gate) for gate in gates]
    return layer_means(torch.cat(units, dim=1), [gate.shape[1] for gate in units])


def layer_means(gate_units: Tensor, widths: list[int]) -> Tensor:
    """Average gates (batch, units) over the units of each layer: (batch, layers)."""
    if len(set(widths)) == 1:  # one reduction instead of one for each layer
        return gate_units.view(-1, len(widths), widths[0]).mean(dim=2)
    return torch.stack([gate.mean(dim=1) for gate in gate_units.split(widths, dim=1)], dim=1)
