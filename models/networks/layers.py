"""Plain and highway layers (Srivastava, Greff, Schmidhuber 2015, arXiv 1507.06228).

A highway layer mixes its transformed input H(x) with its input x, unit by unit:

    y = T(x) · H(x) + (1 − T(x)) · x,  T(x) = sigmoid(W_T x + b_T)    (section 2 of the paper)

`T` is the transform gate and `1 − T` the carry gate: with a gate near 0 the unit carries `x`
unchanged. A negative gate bias b_T therefore starts the layer close to the identity, which lets
very deep stacks train. It must be kept out of weight decay, which would pull it towards 0.

One matrix product, or outside training one convolution, computes both branches; each branch has its
own initial spread of weights. A layer whose gates do not depend on the input can have constant
gates, one number for each unit: then only H is computed.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import ConfigError

ActivationName = Literal["relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus"]


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation function, with the gain that keeps a signal's size from layer to layer.

    Initial weights are normal with standard deviation `gain / sqrt(fan_in)`: gain √2 for functions
    like the rectifier (He et al. 2015, arXiv 1502.01852), 1 for those of slope about one at zero.
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
    """Initialise `weight`, (outputs, inputs, …), in place for that activation."""
    fan_in = weight[0].numel()
    nn.init.normal_(weight, std=ACTIVATIONS[activation].gain / math.sqrt(fan_in))


class PlainDense(nn.Module):
    """A fully connected layer, `y = H(x)`; it may change the width."""

    def __init__(self, inputs: int, width: int, *, activation: ActivationName) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.activation = activation
        _initialise(self.linear, activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs), or images of as many values, to (batch, width)."""
        h: Tensor = ACTIVATIONS[self.activation].function(self.linear(x.flatten(1)))
        return h


class PlainConv(nn.Module):
    """A convolution, `y = H(x)`; it may change the number of channels and the image size."""

    def __init__(
        self, inputs: int, width: int, *, kernel: int, padding: int, activation: ActivationName
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, width, kernel, padding=padding)
        self.activation = activation
        _initialise(self.convolution, activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, width, …)."""
        h: Tensor = ACTIVATIONS[self.activation].function(self.convolution(x))
        return h


class Mixed(NamedTuple):
    """The tensors that a highway layer computes, each of the shape of its input.

    output: x + scale·T·(H − x); gates: T in [0, 1], not scaled; log_odds: log(T / (1 − T)), from
    which T is computed.
    """

    output: Tensor
    gates: Tensor
    log_odds: Tensor


class HighwayLayer(nn.Module):
    """A highway layer of `width` units or channels; its output has the shape of its input.

    `kernel` and `gate_kernel` are the widths of H's and T's windows in pixels. If they are equal,
    one product computes both branches. `gate_bias` −1 suits up to nine highway layers; deeper
    networks start lower (`architectures.gate_bias_for_depth`).
    """

    def __init__(
        self,
        width: int,
        *,
        kernel: int = 1,
        gate_kernel: int = 1,
        activation: ActivationName = "relu",
        gate_bias: float = -1.0,
        constant_gate: bool = False,
    ) -> None:
        super().__init__()
        self.tape: GateTape | None = None  # of the forward pass, in a network of one's own
        self.width = width
        self.activation = activation
        self.constant_gate = constant_gate
        self.shared = kernel == gate_kernel and not constant_gate
        if self.shared:
            self.branches = self.product(2 * width, kernel)  # outputs: first H's, then T's
            _initialise_branches(self.branches, activation, gate_bias)
            return
        self.transform = self.product(width, kernel)
        _initialise(self.transform, activation)
        if constant_gate:
            self.gate_logit = nn.Parameter(torch.full((width,), float(gate_bias)))
        else:
            self.gate = self.product(width, gate_kernel)
            _initialise(self.gate, "sigmoid", gate_bias)

    @abstractmethod
    def product(self, outputs: int, kernel: int) -> nn.Linear | nn.Conv2d:
        """Return a layer from `width` to `outputs` units with windows of `kernel` pixels."""

    @property
    def gate_bias(self) -> Tensor:
        """The bias b_T of each unit's gate, (width,)."""
        if self.constant_gate:
            return self.gate_logit
        bias = self.branches.bias if self.shared else self.gate.bias
        assert bias is not None
        return bias[-self.width :]

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width, …) to x + T·(H − x); a tape, if there is one, scales and gets T."""
        if self.tape is None:
            return self.mix(x).output
        mixed = self.mix(x, self.tape.scale_of(self))
        self.tape.write(self, mixed)
        return mixed.output

    def mix(self, x: Tensor, gate_scale: Tensor | None = None) -> Mixed:
        """Mix x, (batch, width, …), with its transform.

        `gate_scale`, (batch or 1, 1), multiplies the gates in the mix: 0 closes the layer.
        """
        if self.shared:
            h, t = self.both_branches(x)
        elif self.constant_gate:
            h, t = self.transform(x), _at_positions(self.gate_logit, x).expand_as(x)
        else:
            h, t = self.transform(x), self.gate(x)
        gate = torch.sigmoid(t)
        opening = gate if gate_scale is None else gate * _at_positions(gate_scale, x)
        transformed = ACTIVATIONS[self.activation].function(h)
        return Mixed(torch.addcmul(x, opening, transformed - x), gate, t)

    def both_branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return H's and T's values before their functions, each (batch, width, …)."""
        h, t = self.branches(x).chunk(2, dim=1)
        return h, t


class GateTape:
    """The gates of one forward pass of a user's module, and the scale of each layer.

    It is on the layers while its `with` block runs. `gate_scale` is (batch or 1, layers).
    """

    def __init__(self, layers: Sequence[HighwayLayer], gate_scale: Tensor | None) -> None:
        self.layers = layers
        scales: Sequence[Tensor | None] = [None] * len(layers)
        if gate_scale is not None:
            scales = gate_scale.split(1, dim=1)
        self._scales = dict(zip(layers, scales, strict=True))
        self._mixed: dict[HighwayLayer, Mixed] = {}

    def __enter__(self) -> "GateTape":
        for layer in self.layers:
            layer.tape = self
        return self

    def __exit__(self, *error: object) -> None:
        for layer in self.layers:
            layer.tape = None

    @property
    def order(self) -> list[HighwayLayer]:
        """The layers that were used, in the order of their use."""
        return list(self._mixed)

    def scale_of(self, layer: HighwayLayer) -> Tensor | None:
        """Return the scale of a layer's gates, (batch or 1, 1)."""
        scale: Tensor | None = self._scales[layer]
        return scale

    def write(self, layer: HighwayLayer, mixed: Mixed) -> None:
        """Record a layer's gates; a `ConfigError` if it was already used in this pass."""
        if layer in self._mixed:
            raise ConfigError(
                f"network: a highway layer of width {layer.width} is used twice in a forward pass; "
                "give each use a layer of its own"
            )
        self._mixed[layer] = mixed

    def mixed(self) -> list[Mixed]:
        """Return what was recorded, in the order of `layers`."""
        return [self._mixed[layer] for layer in self.layers]


class HighwayDense(HighwayLayer):
    """A fully connected highway layer of `width` units; an image is flattened."""

    branches: nn.Linear
    transform: nn.Linear

    def product(self, outputs: int, kernel: int) -> nn.Linear:
        """Return a linear layer; it has no window, so `kernel` is not used."""
        return nn.Linear(self.width, outputs)

    def mix(self, x: Tensor, gate_scale: Tensor | None = None) -> Mixed:
        """Mix x, (batch, width) or images of as many values, to tensors (batch, width)."""
        return super().mix(x.flatten(1), gate_scale)


class HighwayConv(HighwayLayer):
    """A convolutional highway layer of `width` channels, padded to keep the image size."""

    branches: nn.Conv2d

    def product(self, outputs: int, kernel: int) -> nn.Conv2d:
        """Return a convolution with windows of `kernel`×`kernel` pixels."""
        return nn.Conv2d(self.width, outputs, kernel, padding=kernel // 2)

    def both_branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return H's and T's values before their functions; in training by two convolutions.

        A channels-last half of one convolution's output is not contiguous, so that an epoch of
        `mnist-conv-16` takes 1.1 to 1.2 times as long with one convolution as with two.
        """
        if not self.training:
            return super().both_branches(x)
        (h_weight, t_weight), (h_bias, t_bias) = (p.chunk(2) for p in self.branches.parameters())
        padding = self.branches.padding
        h = functional.conv2d(x, h_weight, h_bias, padding=padding)
        return h, functional.conv2d(x, t_weight, t_bias, padding=padding)


class MeanOverPositions(nn.Module):
    """Average each channel of an image.

    torch's adaptive pool computes the same, but its ONNX export takes a size from another input.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, rows, columns) to (batch, channels, 1, 1)."""
        return x.mean(dim=(2, 3), keepdim=True)


def _at_positions(units: Tensor, x: Tensor) -> Tensor:
    """Append the two dimensions of positions, of size 1, to numbers of units if `x` is an image."""
    return units[..., None, None] if x.dim() == 4 else units


def _initialise(
    layer: nn.Linear | nn.Conv2d, activation: ActivationName, bias: float = 0.0
) -> None:
    draw_weights(layer.weight, activation)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)


def _initialise_branches(
    layer: nn.Linear | nn.Conv2d, activation: ActivationName, gate_bias: float
) -> None:
    """Initialise the two halves of a layer's outputs as two layers."""
    (h_weight, t_weight), (h_bias, t_bias) = (p.data.chunk(2) for p in layer.parameters())
    draw_weights(h_weight, activation)
    draw_weights(t_weight, "sigmoid")
    nn.init.zeros_(h_bias)
    nn.init.constant_(t_bias, gate_bias)
