"""The plain and the highway layer (Srivastava, Greff, Schmidhuber 2015, arXiv 1507.06228)."""

import torch
from torch import Tensor, nn

from models.activations import ACTIVATIONS, ActivationName, draw_weights


class PlainDense(nn.Module):
    """A fully connected layer, `y = H(x)`; the only kind here that changes the width."""

    def __init__(self, inputs: int, width: int, *, activation: ActivationName) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.activation = activation
        draw_weights(self.linear.weight, activation)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs) to (batch, width)."""
        h: Tensor = ACTIVATIONS[self.activation].function(self.linear(x))
        return h


class HighwayDense(nn.Module):
    """Mix what the layer computes with what it was given, unit by unit.

    y = T(x) · H(x) + (1 − T(x)) · x,  T(x) = sigmoid(W_T x + b_T)    (section 2 of the paper)

    `T` is the transform gate, `1 − T` the carry gate: a gate near 0 hands `x` on unchanged. A
    negative `gate_bias` b_T therefore starts the layer close to the identity, which is what lets
    very deep stacks train; it must be kept out of weight decay, which would pull it open.

    One product computes both branches; each branch starts with the spread its own function wants.
    """

    def __init__(self, width: int, *, activation: ActivationName, gate_bias: float) -> None:
        super().__init__()
        self.width = width
        self.activation = activation
        self.branches = nn.Linear(width, 2 * width)  # rows: first H's, then T's
        h_weight, t_weight = self.branches.weight.data.chunk(2)
        draw_weights(h_weight, activation)
        draw_weights(t_weight, "sigmoid")
        h_bias, t_bias = self.branches.bias.data.chunk(2)
        nn.init.zeros_(h_bias)
        nn.init.constant_(t_bias, gate_bias)

    def forward(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map (batch, width) to the output and the transform gates T, both (batch, width).

        `gate_scale`, (batch or 1, 1), multiplies the gates where they mix: 0 closes the layer. The
        gates returned are those before the scale, in [0, 1].
        """
        h, t = self.branches(x).chunk(2, dim=-1)  # two of (batch, width)
        gate = torch.sigmoid(t)
        opening = gate if gate_scale is None else gate * gate_scale
        transformed = ACTIVATIONS[self.activation].function(h)
        return torch.addcmul(x, opening, transformed - x), gate  # x + T·(H − x)
