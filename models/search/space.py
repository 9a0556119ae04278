"""What is searched, between which bounds, and how a trial's numbers become a preset."""

from dataclasses import replace
from typing import cast

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from models.networks.activations import ActivationName
from models.presets import Preset

Number = float | str
Numbers = dict[str, Number]

GATE_BIAS = "gate_bias"
DIGITS = 4  # of a drawn number: what the table prints is exactly what was trained


def space(*, plain: bool) -> dict[str, BaseDistribution]:
    """Return what section 3.1 of arXiv 1507.06228 searched, by the name of each setting.

    The paper gives the names, relu or tanh, and the gate bias from −1 to −10; a plain network has
    no gates. The other bounds are ours: rates at which Nesterov's SGD with clipped gradients barely
    moves up to those at which it diverges, by their logarithm for they span three decades; momentum
    from little to the most in use; and a rate that after each epoch is kept whole or loses up to a
    tenth, which leaves a fifth of a percent of it after sixty epochs.
    """
    searched: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(1e-3, 1.0, log=True),
        "momentum": FloatDistribution(0.5, 0.99),
        "drop_factor": FloatDistribution(0.9, 1.0),
        "activation": CategoricalDistribution(("relu", "tanh")),
    }
    return searched if plain else searched | {GATE_BIAS: FloatDistribution(-10.0, -1.0)}


def rounded(drawn: dict[str, Number]) -> Numbers:
    """Round drawn numbers to the digits that are shown, so that they can be typed again."""
    return {
        name: value if isinstance(value, str) else float(f"{value:.{DIGITS}g}")
        for name, value in drawn.items()
    }


def with_numbers(preset: Preset, numbers: Numbers) -> Preset:
    """Train the preset by a trial's numbers, with Nesterov's SGD on an exponential schedule."""
    training = replace(
        preset.training,
        optimizer="sgd",
        schedule="exponential",
        learning_rate=float(numbers["learning_rate"]),
        momentum=float(numbers["momentum"]),
        drop_factor=float(numbers["drop_factor"]),
    )
    bias = float(numbers[GATE_BIAS]) if GATE_BIAS in numbers else preset.gate_bias
    activation = cast(ActivationName, numbers["activation"])
    return replace(preset, training=training, activation=activation, gate_bias=bias)


def as_options(numbers: Numbers) -> list[str]:
    """Return a trial's numbers as options of `train`."""
    options = ["--optimizer", "sgd", "--schedule", "exponential"]
    for name, value in numbers.items():
        options += [f"--{name.replace('_', '-')}", f"{value}"]
    return options
