"""What a layer computes from its linear sum: activations by name, with their start weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

ActivationName = Literal["relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus"]


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A function of one number, with the gain that keeps its signal's size from layer to layer.

    Weights start normal with standard deviation `gain / sqrt(fan_in)`: gain √2 for rectifier-like
    functions (He et al. 2015, arXiv 1502.01852), 1 for those of slope about one at zero.
    """

    function: Callable[[Tensor], Tensor]
    gain: float


ACTIVATIONS: dict[ActivationName, Activation] = {
    "relu": Activation(function=torch.relu, gain=math.sqrt(2)),
    "tanh": Activation(function=torch.tanh, gain=1.0),
    "sigmoid": Activation(function=torch.sigmoid, gain=1.0),
    "elu": Activation(function=functional.elu, gain=1.0),
    "gelu": Activation(function=functional.gelu, gain=math.sqrt(2)),
    "silu": Activation(function=functional.silu, gain=math.sqrt(2)),
    "softplus": Activation(function=functional.softplus, gain=1.0),
}


def draw_weights(weight: Tensor, activation: ActivationName) -> None:
    """Fill `weight`, (outputs, inputs, …), in place with the start that `activation` wants."""
    fan_in = weight[0].numel()
    nn.init.normal_(weight, std=ACTIVATIONS[activation].gain / math.sqrt(fan_in))
