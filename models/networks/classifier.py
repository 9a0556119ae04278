"""What training, gate analysis, evaluation and export need of any network with highway layers."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.networks.layers import Mixed


@dataclass(frozen=True, kw_only=True)
class GateLayer:
    """A highway layer: its kind, its units or channels, its number in the network as trained."""

    number: Annotated[int, Field(ge=1)]
    kind: Literal["dense", "convolution"]
    width: Annotated[int, Field(ge=1)]


class GatedClassifier(nn.Module):
    """A classifier of raw values that also returns the gates of its highway layers."""

    @property
    @abstractmethod
    def features(self) -> int:
        """The number of values in a row."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """The number of labels."""

    @property
    @abstractmethod
    def gate_layers(self) -> tuple[GateLayer, ...]:
        """The highway layers in order: one for each column of the mean gates."""

    @property
    @abstractmethod
    def exact_columns(self) -> tuple[int, ...]:
        """The columns whose values rounding must not move: category indices and dates."""

    @property
    @abstractmethod
    def owners(self) -> Mapping[str, str]:
        """The names, in the exported graph, of modules, by their paths in this module."""

    @abstractmethod
    def compute(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, list[Mixed]]:
        """Map raw values (batch, features) to logits (batch, classes) and each layer's tensors.

        `gate_scale`, (batch or 1, layers), multiplies the gates layer by layer.
        """

    def forward(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Map raw values (batch, features) to logits (batch, classes) and each layer's gates.

        `gate_scale`, (batch or 1, layers), multiplies the gates layer by layer. The returned gates,
        (batch, width) or (batch, width, rows, columns) for each highway layer, are not scaled.
        """
        logits, layers = self.compute(x, gate_scale)
        return logits, [layer.gates for layer in layers]

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which input rows must be."""
        return next(self.parameters()).device

    def parameter_count(self) -> int:
        """Count the trained numbers, without those of the preparation."""
        return sum(parameter.numel() for parameter in self.parameters())
