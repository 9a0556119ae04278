import math

import pytest
import torch

from models.networks.activations import ACTIVATIONS, ActivationName, draw_weights


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
def test_each_activation_is_the_function_of_its_name(
    name: ActivationName, at_minus_one: float, at_two: float
) -> None:
    values = ACTIVATIONS[name].function(torch.tensor([-1.0, 2.0]))
    assert values.tolist() == pytest.approx([at_minus_one, at_two], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "spread"),
    [("relu", math.sqrt(2 / 400)), ("tanh", 1 / 20), ("sigmoid", 1 / 20)],
)
def test_weights_start_with_the_spread_that_their_activation_wants(
    name: ActivationName, spread: float
) -> None:
    torch.manual_seed(0)
    weight = torch.empty(1000, 400)
    draw_weights(weight, name)
    assert float(weight.std()) == pytest.approx(spread, rel=0.01)
    assert float(weight.mean()) == pytest.approx(0, abs=3e-4)
