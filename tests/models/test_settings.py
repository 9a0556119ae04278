import math

import pytest

from models.errors import ConfigError
from models.presets import preset
from models.recipe import Hardware, TrainConfig
from models.settings import changed


def test_only_settings_other_than_none_are_changed() -> None:
    config = changed(TrainConfig(), epochs=3, seed=None)
    assert config == TrainConfig(epochs=3)


def test_zero_and_false_are_values() -> None:
    config = changed(TrainConfig(flip=True), gradient_clip=0.0, flip=False)
    assert (config.gradient_clip, config.flip) == (0.0, False)


def test_the_training_of_a_preset_stays_unchanged() -> None:
    chosen = changed(preset("mnist-conv-16"), width=8)
    assert (chosen.width, chosen.training) == (8, preset("mnist-conv-16").training)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "--learning-rate: expected a number greater than 0, found 0.0"),
        (
            {"learning_rate": math.nan},
            "--learning-rate: expected a finite number, found nan",
        ),
        (
            {"learning_rate": math.inf},
            "--learning-rate: expected a finite number, found inf",
        ),
        (
            {"weight_decay": -1.0},
            "--weight-decay: expected a number greater than or equal to 0, found -1.0",
        ),
        ({"momentum": 1.0}, "--momentum: expected a number less than 1, found 1.0"),
        ({"epochs": 0}, "--epochs: expected a number greater than or equal to 1, found 0"),
        ({"optimizer": "adam"}, "--optimizer: expected 'adamw' or 'sgd', found 'adam'"),
        (
            {"precision": "8"},
            "--precision: expected '32-true', 'bf16-mixed' or '16-mixed', found '8'",
        ),
    ],
)
def test_a_number_out_of_bounds_is_named_as_its_option(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        changed(TrainConfig(), **change)
    assert str(error.value) == message


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        changed(preset("mnist-conv-16"), gate_kernel=2)
    assert str(error.value) == "--gate-kernel: expected an odd number, found 2"


def test_processes_are_devices_on_every_node() -> None:
    assert changed(Hardware(), devices=2, nodes=3).processes == 6
