"""Plain and highway layers (Srivastava, Greff, Schmidhuber 2015, arXiv 1507.06228).

A highway layer mixes what it computes with what it was given, unit by unit:

    y = T(x) · H(x) + (1 − T(x)) · x,  T(x) = sigmoid(W_T x + b_T)    (section 2 of the paper)

`T` is the transform gate, `1 − T` the carry gate: a gate near 0 hands `x` on unchanged. A negative
gate bias b_T therefore starts the layer close to the identity, which is what lets very deep stacks
train; it must be kept out of weight decay, which would pull it open.

One product, or one convolution, computes both branches; each branch starts with the spread that
its own function wants. A layer whose gates were found never to move can have a constant gate, one
number for each unit whatever the input: then only H is computed.
"""

import torch
from torch import Tensor, nn

from models.networks.activations import ACTIVATIONS, ActivationName, draw_weights


class PlainDense(nn.Module):
    """A fully connected layer, `y = H(x)`; it may change the width."""

    def __init__(self, inputs: int, width: int, *, activation: ActivationName) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.activation = activation
        _start(self.linear, activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs), or images of as many values, to (batch, width)."""
        h: Tensor = ACTIVATIONS[self.activation].function(self.linear(x.flatten(1)))
        return h


class PlainConv(nn.Module):
    """A convolution, `y = H(x)`; it may change the number of channels and the size."""

    def __init__(
        self, inputs: int, width: int, *, kernel: int, padding: int, activation: ActivationName
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, width, kernel, padding=padding)
        self.activation = activation
        _start(self.convolution, activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, width, …)."""
        h: Tensor = ACTIVATIONS[self.activation].function(self.convolution(x))
        return h


class HighwayDense(nn.Module):
    """A fully connected highway layer of `width` units."""

    def __init__(
        self,
        width: int,
        *,
        activation: ActivationName,
        gate_bias: float,
        constant_gate: bool = False,
    ) -> None:
        super().__init__()
        self.width = width
        self.activation = activation
        self.constant_gate = constant_gate
        if constant_gate:
            self.transform = nn.Linear(width, width)
            self.gate_logit = nn.Parameter(torch.full((width,), float(gate_bias)))
            _start(self.transform, activation)
        else:
            self.branches = nn.Linear(width, 2 * width)  # rows: first H's, then T's
            _start_branches(self.branches, activation, gate_bias)

    @property
    def gate_bias(self) -> Tensor:
        """The bias b_T of each unit's gate, (width,)."""
        return self.gate_logit if self.constant_gate else self.branches.bias[self.width :]

    def forward(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map (batch, width) to the output and the transform gates T, both (batch, width).

        `gate_scale`, (batch or 1, 1), multiplies the gates where they mix: 0 closes the layer. The
        gates returned are those before the scale, in [0, 1].
        """
        x = x.flatten(1)
        if self.constant_gate:
            h, t = self.transform(x), self.gate_logit.expand_as(x)
        else:
            h, t = self.branches(x).chunk(2, dim=1)  # two of (batch, width)
        return _mix(x, h, t, self.activation, gate_scale)


class HighwayConv(nn.Module):
    """A convolutional highway layer of `width` channels, padded so that sizes stay as they are.

    Gates may look at another neighbourhood than H does, of `gate_kernel` pixels; then each branch
    is a convolution of its own.
    """

    def __init__(
        self,
        width: int,
        *,
        kernel: int,
        gate_kernel: int,
        activation: ActivationName,
        gate_bias: float,
        constant_gate: bool = False,
    ) -> None:
        super().__init__()
        self.width = width
        self.activation = activation
        self.constant_gate = constant_gate
        self.shared = kernel == gate_kernel and not constant_gate
        if self.shared:
            self.branches = nn.Conv2d(width, 2 * width, kernel, padding=kernel // 2)
            _start_branches(self.branches, activation, gate_bias)
        else:
            self.transform = nn.Conv2d(width, width, kernel, padding=kernel // 2)
            _start(self.transform, activation)
            if constant_gate:
                self.gate_logit = nn.Parameter(torch.full((width,), float(gate_bias)))
            else:
                self.gate = nn.Conv2d(width, width, gate_kernel, padding=gate_kernel // 2)
                _start(self.gate, "sigmoid", gate_bias)

    @property
    def gate_bias(self) -> Tensor:
        """The bias b_T of each channel's gate, (width,)."""
        if self.constant_gate:
            return self.gate_logit
        bias = self.branches.bias if self.shared else self.gate.bias
        assert bias is not None
        return bias[-self.width :]

    def forward(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map (batch, width, rows, columns) to the output and the gates T, both of that shape.

        `gate_scale`, (batch or 1, 1), multiplies the gates where they mix: 0 closes the layer. The
        gates returned are those before the scale, in [0, 1].
        """
        if self.shared:
            h, t = self.branches(x).chunk(2, dim=1)
        elif self.constant_gate:
            h, t = self.transform(x), self.gate_logit[:, None, None].expand_as(x)
        else:
            h, t = self.transform(x), self.gate(x)
        scale = None if gate_scale is None else gate_scale[:, :, None, None]
        return _mix(x, h, t, self.activation, scale)


class MeanOverPositions(nn.Module):
    """Average every channel of an image.

    torch's adaptive pool does the same, but is exported by way of a size that it takes from
    another input than the image.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, rows, columns) to (batch, channels, 1, 1)."""
        return x.mean(dim=(2, 3), keepdim=True)


HighwayLayer = HighwayDense | HighwayConv


def _mix(
    x: Tensor, h: Tensor, t: Tensor, activation: ActivationName, scale: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return x + T·(H − x) and T of the branches' linear sums `h` and `t`."""
    gate = torch.sigmoid(t)
    opening = gate if scale is None else gate * scale
    transformed = ACTIVATIONS[activation].function(h)
    return torch.addcmul(x, opening, transformed - x), gate


def _start(layer: nn.Linear | nn.Conv2d, activation: ActivationName, bias: float = 0.0) -> None:
    draw_weights(layer.weight, activation)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)


def _start_branches(
    layer: nn.Linear | nn.Conv2d, activation: ActivationName, gate_bias: float
) -> None:
    """Start both halves of the one product as two layers of half its outputs would start."""
    h_weight, t_weight = layer.weight.data.chunk(2)
    draw_weights(h_weight, activation)
    draw_weights(t_weight, "sigmoid")
    assert layer.bias is not None
    h_bias, t_bias = layer.bias.data.chunk(2)
    nn.init.zeros_(h_bias)
    nn.init.constant_(t_bias, gate_bias)
