import pytest
from pydantic import TypeAdapter, ValidationError

from models.recipe import Hardware, TrainConfig

CONFIG: TypeAdapter[TrainConfig] = TypeAdapter(TrainConfig)


def test_a_recipe_reads_back_from_json_as_it_was() -> None:
    config = TrainConfig(drop_epochs=(1, 2), patience=3, mirror=True)
    assert CONFIG.validate_json(CONFIG.dump_json(config)) == config


@pytest.mark.parametrize(
    "values",
    [
        *({"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0}, {"momentum": 1}, {"seed": -1}),
        *({"drop_epochs": [0]}, {"drop_factor": 0}, {"shift": 0.6}, {"stretch": 1}),
        *({"turn_degrees": 181}, {"patience": 0}, {"gradient_clip": -1}, {"optimizer": "adam"}),
        *({"schedule": "cosine"}, {"precision": "64"}, {"bias_rate_factor": 0}),
    ],
)
def test_numbers_out_of_bounds_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CONFIG.validate_python(values)


def test_one_process_is_the_default() -> None:
    assert Hardware().processes == 1
