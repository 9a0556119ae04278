from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from models.recipe import Hardware, TrainConfig, check_training

CONFIG: TypeAdapter[TrainConfig] = TypeAdapter(TrainConfig)


def test_a_recipe_is_read_from_json_exactly() -> None:
    config = TrainConfig(drop_epochs=(1, 2), patience=3, flip=True)
    assert CONFIG.validate_json(CONFIG.dump_json(config)) == config


@pytest.mark.parametrize(
    "values",
    [
        *({"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0}, {"momentum": 1}, {"seed": -1}),
        *({"drop_epochs": [0]}, {"drop_factor": 0}, {"shift": 0.6}, {"scale": 1}),
        *(
            {"rotate_degrees": 181},
            {"patience": -1},
            {"threads": 0},
            {"keep": "all"},
            {"gradient_clip": -1},
            {"optimizer": "adam"},
        ),
        *({"schedule": "cosine"}, {"precision": "64"}, {"bias_rate_factor": 0}),
    ],
)
def test_numbers_out_of_bounds_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CONFIG.validate_python(values)


def test_the_default_is_one_process() -> None:
    assert Hardware().processes == 1


def test_images_are_augmented_unless_all_bounds_are_zero() -> None:
    unchanged = TrainConfig(shift=0.0, rotate_degrees=0.0, scale=0.0)
    assert not unchanged.augments_images
    for bound in ({"shift": 0.1}, {"rotate_degrees": 1.0}, {"scale": 0.1}, {"flip": True}):
        assert replace(unchanged, **bound).augments_images


def test_valid_combinations_of_settings_are_accepted() -> None:
    check_training(TrainConfig(patience=3), Hardware(devices=4))
    check_training(TrainConfig(precision="16-mixed"), Hardware(accelerator="gpu"))


def test_only_hardware_other_than_the_default_has_options() -> None:
    assert Hardware().options() == ()
    hardware = Hardware(accelerator="gpu", devices=2, nodes=3)
    assert hardware.options() == ("--accelerator", "gpu", "--devices", "2", "--nodes", "3")
