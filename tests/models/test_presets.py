import math

import pytest

from models.errors import ConfigError
from models.networks.architectures import gate_bias_for_depth
from models.networks.blocks import MaxPoolBlock
from models.networks.columns import Columns
from models.networks.network import HighwayClassifier
from models.networks.preparation import Contrast, Standardise
from models.presets import PAPER_RECIPES, PRESETS, default_preset, preset
from models.settings import changed
from service.contract import Column, Input

PARAMETERS = {
    "dense-10": 85_660,
    "dense-20": 136_660,
    "dense-50": 289_660,
    "dense-100": 544_660,
    "dense-10-plain": 102_463,
    "dense-20-plain": 153_583,
    "dense-50-plain": 306_943,
    "dense-100-plain": 562_543,
    "mnist-conv-16": 38_986,
    "mnist-conv-32": 151_690,
    "cifar-19": 2_256_838,
}


def built(name: str, shape: tuple[int, ...], classes: int = 10) -> HighwayClassifier:
    config = preset(name).network(shape=shape, classes=classes, preparation=Standardise())
    return HighwayClassifier(config)


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_a_preset_has_the_number_of_parameters_of_the_paper(name: str, parameters: int) -> None:
    shape = (32, 32, 3) if name == "cifar-19" else (28, 28)
    assert built(name, shape).parameter_count() == parameters


def test_cifar_19_with_100_classes_has_the_number_of_parameters_of_the_paper() -> None:
    assert built("cifar-19", (32, 32, 3), classes=100).parameter_count() == 2_265_928


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.endswith("-plain")])
def test_every_preset_has_a_plain_twin_with_a_similar_number_of_parameters(name: str) -> None:
    shapes = {"cifar-19": (32, 32, 3), "table-5": (20,), "table-5-wide": (20,)}
    shape = shapes.get(name, (28, 28))
    twin = built(f"{name}-plain", shape)
    assert twin.config.highway_blocks == ()
    assert twin.parameter_count() == pytest.approx(built(name, shape).parameter_count(), rel=0.2)


def test_the_depth_includes_the_first_plain_layer_but_not_the_output_layer() -> None:
    network = built("dense-10", (28, 28)).config
    assert [block.kind for block in network.blocks] == ["dense"] + ["highway"] * 9
    assert [block.number for block in network.highway_blocks] == list(range(1, 10))
    assert {block.gate_bias for block in network.highway_blocks} == {-1.0}


@pytest.mark.parametrize(
    ("layers", "bias"), [(1, -1), (9, -1), (19, -1.92), (49, -2.96), (99, -3.69)]
)
def test_the_initial_gates_of_deeper_networks_add_up_to_the_same_sum(
    layers: int, bias: float
) -> None:
    assert gate_bias_for_depth(layers) == bias
    if layers > 9:
        assert layers / (1 + math.exp(-bias)) == pytest.approx(9 / (1 + math.e), rel=0.01)


@pytest.mark.parametrize(
    ("name", "bias"), [("dense-50", -2.96), ("mnist-conv-16", -1.0), ("cifar-19", -2.0)]
)
def test_the_initial_gate_bias_is_that_of_the_depth_or_of_the_papers(
    name: str, bias: float
) -> None:
    network = preset(name).network(shape=(32, 32, 3), classes=10, preparation=Standardise())
    assert {block.gate_bias for block in network.highway_blocks} == {bias}


def test_the_papers_recipe_is_the_released_configuration() -> None:
    training = PAPER_RECIPES["mnist-conv"].training
    assert (training.optimizer, training.learning_rate, training.momentum) == ("sgd", 0.01, 0.9)
    assert (training.weight_decay, training.output_decay_factor) == (0.001, 10.0)
    assert (training.epochs, training.batch_size, training.drop_epochs) == (300, 100, (100, 200))
    assert (training.bias_rate_factor, training.drop_factor) == (2.0, 0.1)
    assert training.shift == training.rotate_degrees == training.scale == 0


def test_a_preset_can_replace_the_preparation_of_images_but_not_of_tables() -> None:
    cifar, columns = preset("cifar-19"), Columns(categories=(0,), missing_flags=(False,))
    assert cifar.network(shape=(32, 32), classes=2, preparation=Standardise()).preparation == (
        Contrast()
    )
    dense = changed(preset("dense-10"), depth=3)
    assert dense.network(shape=(1,), classes=2, preparation=columns).preparation == columns


def test_the_error_for_an_unknown_preset_lists_all_presets() -> None:
    with pytest.raises(ConfigError) as error:
        preset("dense-11")
    assert str(error.value) == f"preset: expected one of {', '.join(PRESETS)}, found 'dense-11'"


def test_a_convolutional_preset_refuses_a_table() -> None:
    with pytest.raises(ConfigError) as error:
        built("mnist-conv-16", (1,))
    assert str(error.value) == (
        "network: expected images for its convolutions, found rows of 1 columns; choose a dense "
        "preset"
    )


def image(height: int, width: int) -> Input:
    return Input(kind="image", shape=(height, width), unit="pixel", low=0, high=255)


TABLE = Input(kind="table", shape=(1,), unit="value", columns=(Column(name="a"),))


@pytest.mark.parametrize(
    ("row", "rows", "name"),
    [
        (TABLE, 9_999, "table-5"),
        (TABLE, 10_000, "table-5-wide"),
        (image(8, 8), 1_437, "dense-10"),
        (image(12, 99), 1_437, "conv-10"),
    ],
)
def test_the_default_preset_depends_on_the_kind_and_size_of_the_data(
    row: Input, rows: int, name: str
) -> None:
    assert default_preset(row, rows) == name


@pytest.mark.parametrize(
    ("name", "rows", "batch_size", "epochs"),
    [
        ("table-5", 142, 32, 100),  # at most 100 epochs, batches of at least 32
        ("table-5", 4_000, 128, 50),  # 1,600 steps
        ("table-5-wide", 43_152, 512, 36),  # 3,000 steps, batches of at most 512
        ("table-5-wide", 10_000_000, 512, 8),  # at least 8 epochs
        ("dense-10", 4_000, 100, 60),
    ],
)
def test_epochs_and_batch_size_follow_from_the_number_of_rows(
    name: str, rows: int, batch_size: int, epochs: int
) -> None:
    training = preset(name).fitted(TABLE, rows).training
    assert (training.batch_size, training.epochs) == (batch_size, epochs)


@pytest.mark.parametrize(
    ("height", "width", "halvings"),
    [(12, 12, 0), (16, 16, 0), (28, 28, 1), (64, 64, 2), (224, 224, 4)],
)
def test_images_are_halved_until_a_stage_is_fast(height: int, width: int, halvings: int) -> None:
    fitted = preset("conv-10").fitted(image(height, width), 480)
    assert fitted.halvings == halvings
    network = fitted.network(shape=(height, width), classes=4, preparation=Standardise())
    pools = [block for block in network.blocks if isinstance(block, MaxPoolBlock)]
    assert len(pools) == halvings + 3
    assert len(network.highway_blocks) == 9
    HighwayClassifier(network)


def test_every_preset_but_the_papers_recipes_stops_early() -> None:
    assert all(chosen.training.patience for chosen in PRESETS.values())
    assert not any(recipe.training.patience for recipe in PAPER_RECIPES.values())
