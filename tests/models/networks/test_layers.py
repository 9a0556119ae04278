import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from models.networks.layers import (
    ACTIVATIONS,
    ActivationName,
    HighwayConv,
    HighwayDense,
    MeanOverPositions,
    PlainConv,
    PlainDense,
    draw_weights,
)


@pytest.mark.parametrize(
    ("name", "at_minus_one", "at_two"),
    [
        ("relu", 0.0, 2.0),
        ("tanh", -0.761594, 0.964028),
        ("sigmoid", 0.268941, 0.880797),
        ("elu", -0.632121, 2.0),
        ("gelu", -0.158655, 1.954500),
        ("silu", -0.268941, 1.761594),
        ("softplus", 0.313262, 2.126928),
    ],
)
def test_each_activation_computes_the_function_of_its_name(
    name: ActivationName, at_minus_one: float, at_two: float
) -> None:
    values = ACTIVATIONS[name].function(torch.tensor([-1.0, 2.0]))
    assert values.tolist() == pytest.approx([at_minus_one, at_two], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "spread"),
    [("relu", math.sqrt(2 / 400)), ("tanh", 1 / 20), ("sigmoid", 1 / 20)],
)
def test_weights_are_drawn_with_the_spread_of_their_activation(
    name: ActivationName, spread: float
) -> None:
    torch.manual_seed(0)
    weight = torch.empty(1000, 400)
    draw_weights(weight, name)
    assert float(weight.std()) == pytest.approx(spread, rel=0.01)
    assert float(weight.mean()) == pytest.approx(0, abs=3e-4)


def two_unit_layer() -> HighwayDense:
    """Return W_H = [[1, 2], [-1, 1]], b_H = [0, 1], W_T = [[1, 0], [0, -1]], b_T = [0, 0]."""
    layer = HighwayDense(2, activation="relu", gate_bias=0)
    layer.branches.weight.data = torch.tensor([[1.0, 2.0], [-1.0, 1.0], [1.0, 0.0], [0.0, -1.0]])
    layer.branches.bias.data = torch.tensor([0.0, 1.0, 0.0, 0.0])
    return layer


def with_gate_bias(bias: float) -> HighwayDense:
    torch.manual_seed(0)
    layer = HighwayDense(5, activation="tanh", gate_bias=bias)
    layer.branches.weight.data[5:] = 0
    return layer


def test_a_layer_of_two_units_calculated_by_hand() -> None:
    # x = (1, 2): H = relu(5, 2) = (5, 2); T = σ(1, -2) = (.731059, .119203)
    # y = T·H + (1 - T)·x = (.731059·5 + .268941·1, .119203·2 + .880797·2)
    y, gates, _ = two_unit_layer().mix(torch.tensor([[1.0, 2.0]]))
    assert gates[0].tolist() == pytest.approx([0.731059, 0.119203], abs=1e-6)
    assert y[0].tolist() == pytest.approx([3.924234, 2.0], abs=1e-5)


def test_closed_gates_carry_the_input_unchanged() -> None:
    x = torch.randn(7, 5)
    y, gates, _ = with_gate_bias(-200.0).mix(x)
    assert gates.count_nonzero() == 0
    assert torch.equal(y, x)


def test_open_gates_return_the_transformed_input() -> None:
    layer, x = with_gate_bias(200.0), torch.randn(7, 5)
    y, gates, _ = layer.mix(x)
    h = torch.tanh(x @ layer.branches.weight[:5].T)
    assert (gates == 1).all()
    torch.testing.assert_close(y, h)


def test_a_gate_scale_of_zero_closes_the_layer_and_returns_its_gates_unscaled() -> None:
    x = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    y, gates, _ = two_unit_layer().mix(x, torch.tensor([[0.0], [1.0]]))
    assert y[0].tolist() == [1, 2]
    assert y[1].tolist() == pytest.approx([3.924234, 2.0], abs=1e-5)
    assert torch.equal(gates[0], gates[1])


def test_gates_are_the_sigmoid_of_the_log_odds() -> None:
    for layer in (two_unit_layer(), two_unit_layer_with_constant_gates()):
        mixed = layer.mix(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5]]))
        assert torch.equal(torch.sigmoid(mixed.log_odds), mixed.gates)


@pytest.mark.parametrize("bias", [-1.0, -3.0])
def test_initial_gates_are_the_sigmoid_of_the_gate_bias(bias: float) -> None:
    layer = HighwayDense(4, activation="relu", gate_bias=bias)
    _, gates, _ = layer.mix(torch.zeros(1, 4))
    assert layer.branches.bias.tolist() == [0.0] * 4 + [bias] * 4
    assert gates[0].tolist() == pytest.approx([1 / (1 + math.exp(-bias))] * 4)


@pytest.mark.parametrize(("activation", "gain"), [("relu", math.sqrt(2)), ("tanh", 1.0)])
def test_each_branch_of_the_shared_product_starts_with_its_own_spread(
    activation: ActivationName, gain: float
) -> None:
    torch.manual_seed(0)
    h, t = HighwayDense(400, activation=activation, gate_bias=-1).branches.weight.data.chunk(2)
    assert float(h.std()) == pytest.approx(gain / 20, rel=0.01)
    assert float(t.std()) == pytest.approx(1 / 20, rel=0.01)


def test_both_branches_get_gradients() -> None:
    layer = two_unit_layer()
    layer(torch.tensor([[0.5, 2.0]])).sum().backward()
    gradient = layer.branches.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(dim=1) > 0).all()


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=2))
def test_gates_are_between_zero_and_one_and_y_is_between_x_and_h(values: list[float]) -> None:
    layer, x = two_unit_layer(), torch.tensor([values])
    y, gates, _ = layer.mix(x)
    h = torch.relu(layer.branches(x)[:, :2])
    tolerance = 1e-3 * (1 + float(h.detach().abs().max()))
    assert ((gates >= 0) & (gates <= 1)).all()
    assert (y >= torch.minimum(x, h) - tolerance).all()
    assert (y <= torch.maximum(x, h) + tolerance).all()


def test_gradients_match_finite_differences() -> None:
    layer = HighwayDense(3, activation="tanh", gate_bias=-1).double()

    def output(x: Tensor) -> Tensor:
        y: Tensor = layer(x)
        return y

    assert torch.autograd.gradcheck(output, torch.randn(2, 3).double().requires_grad_())


def test_a_plain_layer_can_change_the_width() -> None:
    layer = PlainDense(3, 2, activation="relu")
    layer.linear.weight.data = torch.tensor([[1.0, 1.0, 1.0], [-1.0, 0.0, 0.0]])
    layer.linear.bias.data = torch.tensor([0.5, 0.5])
    assert layer(torch.tensor([[1.0, 2.0, 3.0]])).tolist() == [[6.5, 0.0]]


def one_by_one_conv() -> HighwayConv:
    """Return the layer of two units as a convolution over single pixels."""
    layer = HighwayConv(2, kernel=1, gate_kernel=1, activation="relu", gate_bias=0)
    layer.branches.weight.data = two_unit_layer().branches.weight.data[:, :, None, None]
    layer.branches.bias = two_unit_layer().branches.bias
    return layer


def conv_with_gate_bias(bias: float, gate_kernel: int = 3) -> HighwayConv:
    torch.manual_seed(0)
    layer = HighwayConv(4, kernel=3, gate_kernel=gate_kernel, activation="tanh", gate_bias=bias)
    if layer.shared:
        layer.branches.weight.data[4:] = 0
    else:
        layer.gate.weight.data.zero_()
    return layer


def test_a_one_by_one_convolution_equals_the_dense_layer_at_every_position() -> None:
    pixels = torch.tensor([[1.0, 2.0], [0.5, -1.0]])
    y, gates, _ = one_by_one_conv().mix(pixels.T.reshape(1, 2, 1, 2))
    expected, expected_gates, _ = two_unit_layer().mix(pixels)
    torch.testing.assert_close(y[0, :, 0].T, expected)
    torch.testing.assert_close(gates[0, :, 0].T, expected_gates)


@pytest.mark.parametrize("gate_kernel", [1, 3, 5])
def test_closed_gates_of_a_convolution_carry_its_input_unchanged(
    gate_kernel: int,
) -> None:
    x = torch.randn(2, 4, 6, 5)
    y, gates, _ = conv_with_gate_bias(-200.0, gate_kernel).mix(x)
    assert gates.count_nonzero() == 0
    assert torch.equal(y, x)


@pytest.mark.parametrize("gate_kernel", [1, 3, 5])
def test_open_gates_of_a_convolution_return_the_transformed_input(gate_kernel: int) -> None:
    layer, x = conv_with_gate_bias(200.0, gate_kernel), torch.randn(2, 4, 6, 5)
    weight = layer.branches.weight[:4] if layer.shared else layer.transform.weight
    y, _, _ = layer.mix(x)
    torch.testing.assert_close(y, torch.tanh(functional.conv2d(x, weight, padding=1)))


def test_gates_depend_on_the_window_of_their_own_kernel() -> None:
    layer = HighwayConv(1, kernel=3, gate_kernel=1, activation="relu", gate_bias=0.0)
    layer.gate.weight.data.fill_(1.0)
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 2.0
    _, gates, _ = layer.mix(x)
    assert gates[0, 0].flatten().tolist() == pytest.approx([0.5] * 4 + [0.880797] + [0.5] * 4)


def test_a_gate_scale_of_zero_closes_a_convolution_only_for_its_row() -> None:
    x = torch.randn(1, 4, 3, 3).expand(2, 4, 3, 3)
    y, gates, _ = conv_with_gate_bias(0.0).mix(x, torch.tensor([[0.0], [1.0]]))
    assert torch.equal(y[0], x[0])
    assert not torch.allclose(y[1], x[1])
    assert torch.equal(gates[0], gates[1])


@pytest.mark.parametrize("gate_kernel", [3, 1])
def test_each_branch_of_a_convolution_starts_with_the_spread_of_its_fan_in(
    gate_kernel: int,
) -> None:
    torch.manual_seed(0)
    layer = HighwayConv(60, kernel=3, gate_kernel=gate_kernel, activation="relu", gate_bias=-2)
    if layer.shared:
        h, t = layer.branches.weight.data.chunk(2)
    else:
        h, t = layer.transform.weight.data, layer.gate.weight.data
    assert float(h.std()) == pytest.approx(math.sqrt(2 / (60 * 9)), rel=0.01)
    assert float(t.std()) == pytest.approx(1 / math.sqrt(60 * gate_kernel**2), rel=0.03)
    assert layer.gate_bias.tolist() == [-2.0] * 60


def test_both_branches_of_a_convolution_get_gradients() -> None:
    layer = HighwayConv(2, kernel=3, gate_kernel=1, activation="relu", gate_bias=-1)
    layer(torch.rand(1, 2, 4, 4)).sum().backward()
    for branch in (layer.transform, layer.gate):
        assert branch.weight.grad is not None
        assert branch.weight.grad.abs().sum() > 0


def test_gradients_of_a_convolution_match_finite_differences() -> None:
    layer = conv_with_gate_bias(-1.0).double()

    def output(x: Tensor) -> Tensor:
        y: Tensor = layer(x)
        return y

    x = torch.randn(1, 4, 3, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(output, x)


def test_a_plain_convolution_can_change_channels_and_size() -> None:
    layer = PlainConv(1, 1, kernel=2, padding=0, activation="relu")
    layer.convolution.weight.data.fill_(1.0)
    layer.convolution.bias = torch.nn.Parameter(torch.tensor([-7.0]))
    image = torch.arange(1.0, 7.0).reshape(1, 1, 2, 3)  # windows sum to 12 and 16
    assert layer(image).tolist() == [[[[5.0, 9.0]]]]


def test_a_dense_layer_flattens_images() -> None:
    layer = PlainDense(12, 5, activation="relu")
    images = torch.randn(3, 2, 3, 2)
    assert torch.equal(layer(images), layer(images.flatten(1)))


def test_the_mean_over_positions_averages_each_channel() -> None:
    image = torch.tensor([[[[1.0, 3.0]], [[5.0, 5.0]]]])
    assert MeanOverPositions()(image).tolist() == [[[[2.0]], [[5.0]]]]


def two_unit_layer_with_constant_gates() -> HighwayDense:
    """Return the layer of two units with constant gates σ(0) = 1/2 and σ(log 3) = 3/4."""
    layer = HighwayDense(2, activation="relu", gate_bias=0, constant_gate=True)
    layer.transform.weight.data = torch.tensor([[1.0, 2.0], [-1.0, 1.0]])
    layer.transform.bias.data = torch.tensor([0.0, 1.0])
    layer.gate_logit.data = torch.tensor([0.0, math.log(3)])
    return layer


def one_by_one_conv_with_constant_gates() -> HighwayConv:
    """Return the same layer as a convolution over single pixels."""
    layer = HighwayConv(
        2, kernel=1, gate_kernel=1, activation="relu", gate_bias=0, constant_gate=True
    )
    dense = two_unit_layer_with_constant_gates()
    layer.transform.weight.data = dense.transform.weight.data[:, :, None, None]
    layer.transform.bias = dense.transform.bias
    layer.gate_logit = dense.gate_logit
    return layer


def test_constant_gates_calculated_by_hand() -> None:
    # x = (1, 2): H = (5, 2); y = (½·5 + ½·1, ¾·2 + ¼·2). x = (3, 0): H = (3, 0).
    y, gates, _ = two_unit_layer_with_constant_gates().mix(torch.tensor([[1.0, 2.0], [3.0, 0.0]]))
    assert gates.tolist() == [pytest.approx([0.5, 0.75])] * 2
    assert y.tolist() == [pytest.approx([3.0, 2.0]), pytest.approx([3.0, 0.0])]


def test_constant_gates_of_a_convolution_are_equal_at_every_position() -> None:
    pixels = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
    y, gates, _ = one_by_one_conv_with_constant_gates().mix(pixels.T.reshape(1, 2, 1, 3))
    expected, expected_gates, _ = two_unit_layer_with_constant_gates().mix(pixels)
    torch.testing.assert_close(y[0, :, 0].T, expected)
    torch.testing.assert_close(gates[0, :, 0].T, expected_gates)


def test_a_gate_scale_of_zero_closes_constant_gates_only_for_its_row() -> None:
    rows, scale = torch.tensor([[1.0, 2.0], [1.0, 2.0]]), torch.tensor([[0.0], [1.0]])
    y, gates, _ = two_unit_layer_with_constant_gates().mix(rows, scale)
    assert y.tolist() == [[1.0, 2.0], pytest.approx([3.0, 2.0])]
    assert torch.equal(gates[0], gates[1])
    conv = one_by_one_conv_with_constant_gates()
    image, image_gates, _ = conv.mix(rows[:, :, None, None], scale)
    assert torch.equal(image.flatten(1), y)
    assert torch.equal(image_gates.flatten(1), gates)


@pytest.mark.parametrize("gate_kernel", [1, 3])
def test_constant_gates_start_at_the_gate_bias_and_return_it(gate_kernel: int) -> None:
    dense = HighwayDense(3, activation="relu", gate_bias=-2, constant_gate=True)
    conv = HighwayConv(
        3, kernel=3, gate_kernel=gate_kernel, activation="relu", gate_bias=-2, constant_gate=True
    )
    assert dense.gate_bias.tolist() == conv.gate_bias.tolist() == [-2.0] * 3
    dense.gate_logit.data = torch.tensor([0.0, 1.0, 2.0])
    assert dense.gate_bias.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("gate_kernel", [1, 3])
def test_constant_gates_have_no_weights_but_one_logit_each(gate_kernel: int) -> None:
    dense = HighwayDense(4, activation="relu", gate_bias=-1, constant_gate=True)
    conv = HighwayConv(
        4, kernel=3, gate_kernel=gate_kernel, activation="relu", gate_bias=-1, constant_gate=True
    )
    for layer, inputs in ((dense, 4), (conv, 4 * 9)):
        assert set(layer.state_dict()) == {"transform.weight", "transform.bias", "gate_logit"}
        assert sum(p.numel() for p in layer.parameters()) == 4 * inputs + 4 + 4


def test_gradients_of_constant_gates_calculated_by_hand() -> None:
    for layer, x in (
        (two_unit_layer_with_constant_gates(), torch.tensor([[0.5, 2.0]])),
        (one_by_one_conv_with_constant_gates(), torch.tensor([0.5, 2.0]).reshape(1, 2, 1, 1)),
    ):
        layer(x).sum().backward()
        gradient = layer.gate_logit.grad
        assert gradient is not None
        # T' · (H − x), with H = (4.5, 2.5): ¼ · 4 and 3/16 · ½.
        assert gradient.tolist() == pytest.approx([1.0, 0.09375])


def test_a_convolution_computes_the_same_in_training_and_in_evaluation() -> None:
    torch.manual_seed(0)
    layer = HighwayConv(3, kernel=3, gate_kernel=3)
    x = torch.randn(2, 3, 5, 4)
    training, evaluation = layer.train().mix(x), layer.eval().mix(x)
    for one, other in zip(training, evaluation, strict=True):
        torch.testing.assert_close(one, other)


def test_a_convolution_in_training_gives_both_branches_a_gradient() -> None:
    layer = HighwayConv(3, kernel=3, gate_kernel=3).train()
    layer(torch.randn(2, 3, 5, 4)).sum().backward()
    for parameter in layer.branches.parameters():
        assert parameter.grad is not None
        h, t = parameter.grad.chunk(2)
        assert h.abs().sum() > 0
        assert t.abs().sum() > 0
