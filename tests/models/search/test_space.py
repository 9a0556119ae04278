from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from models.presets import preset
from models.search.space import Numbers, as_options, rounded, space, with_numbers

NUMBERS: Numbers = {
    "learning_rate": 0.05,
    "momentum": 0.9,
    "drop_factor": 0.98,
    "activation": "tanh",
    "gate_bias": -4.0,
}


def test_the_search_covers_what_the_papers_searched() -> None:
    found = space(plain=False)
    assert found["activation"] == CategoricalDistribution(("relu", "tanh"))
    assert found["gate_bias"] == FloatDistribution(-10, -1)
    assert list(found) == list(NUMBERS)


def test_a_plain_network_has_no_gate_bias_to_search() -> None:
    assert set(space(plain=False)) - set(space(plain=True)) == {"gate_bias"}


def test_a_trials_numbers_become_sgd_with_an_exponential_schedule() -> None:
    base = preset("dense-10")
    found = with_numbers(base, NUMBERS)
    assert (found.activation, found.gate_bias) == ("tanh", -4.0)
    assert found.training == replace(
        base.training,
        optimizer="sgd",
        schedule="exponential",
        learning_rate=0.05,
        momentum=0.9,
        drop_factor=0.98,
    )


def test_everything_that_is_not_searched_stays_as_the_preset_has_it() -> None:
    base = replace(preset("cifar-19"), depth=11, width=24)
    found = with_numbers(base, NUMBERS)
    assert found == replace(base, activation="tanh", gate_bias=-4.0, training=found.training)
    assert found.training.mirror


def test_a_plain_networks_numbers_leave_the_gate_bias_alone() -> None:
    numbers = {name: value for name, value in NUMBERS.items() if name != "gate_bias"}
    assert with_numbers(preset("dense-10-plain"), numbers).gate_bias is None


@pytest.mark.parametrize(
    ("drawn", "shown"), [(0.0123456, 0.01235), (-9.99996, -10.0), (0.99996, 1.0), ("relu", "relu")]
)
def test_a_drawn_number_keeps_four_digits(drawn: float | str, shown: float | str) -> None:
    assert rounded({"name": drawn}) == {"name": shown}


def test_a_trials_numbers_can_be_typed_for_train() -> None:
    assert as_options(NUMBERS) == [
        *("--optimizer", "sgd", "--schedule", "exponential"),
        *("--learning-rate", "0.05", "--momentum", "0.9", "--drop-factor", "0.98"),
        *("--activation", "tanh", "--gate-bias", "-4.0"),
    ]
