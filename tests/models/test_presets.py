import math

import pytest

from models.data.dataset import Column, InputSpec
from models.errors import ConfigError
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns, Contrast, Standardise
from models.presets import PAPER_RECIPES, PRESETS, gate_bias_for_depth, preset
from models.settings import changed

PAPERS_PARAMETERS = {
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


@pytest.mark.parametrize(("name", "parameters"), PAPERS_PARAMETERS.items())
def test_a_preset_has_the_papers_parameters(name: str, parameters: int) -> None:
    shape = (32, 32, 3) if name == "cifar-19" else (28, 28)
    assert built(name, shape).parameter_count() == parameters


def test_cifar_19_with_a_hundred_classes_has_the_papers_parameters() -> None:
    assert built("cifar-19", (32, 32, 3), classes=100).parameter_count() == 2_265_928


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.endswith("-plain")])
def test_every_preset_has_a_plain_twin_of_nearly_as_many_parameters(name: str) -> None:
    shape = (32, 32, 3) if name == "cifar-19" else (28, 28)
    twin = built(f"{name}-plain", shape)
    assert twin.config.highway_blocks == ()
    assert twin.parameter_count() == pytest.approx(built(name, shape).parameter_count(), rel=0.2)


def test_depth_counts_the_plain_first_layer_and_not_the_output() -> None:
    network = built("dense-10", (28, 28)).config
    assert [block.kind for block in network.blocks] == ["dense"] + ["highway"] * 9
    assert [block.number for block in network.highway_blocks] == list(range(1, 10))
    assert {block.gate_bias for block in network.highway_blocks} == {-1.0}


@pytest.mark.parametrize(
    ("layers", "bias"), [(1, -1), (9, -1), (19, -1.92), (49, -2.96), (99, -3.69)]
)
def test_deeper_networks_start_with_as_much_open_in_all(layers: int, bias: float) -> None:
    assert gate_bias_for_depth(layers) == bias
    if layers > 9:
        assert layers / (1 + math.exp(-bias)) == pytest.approx(9 / (1 + math.e), rel=0.01)


@pytest.mark.parametrize(
    ("name", "bias"), [("dense-50", -2.96), ("mnist-conv-16", -1.0), ("cifar-19", -2.0)]
)
def test_presets_start_their_gates_by_the_depth_rule_or_as_the_papers_do(
    name: str, bias: float
) -> None:
    network = preset(name).network(shape=(32, 32, 3), classes=10, preparation=Standardise())
    assert {block.gate_bias for block in network.highway_blocks} == {bias}


def test_the_papers_recipe_is_the_released_solver() -> None:
    training = PAPER_RECIPES["mnist-conv"].training
    assert (training.optimizer, training.learning_rate, training.momentum) == ("sgd", 0.01, 0.9)
    assert (training.weight_decay, training.output_decay_factor) == (0.001, 10.0)
    assert (training.epochs, training.batch_size, training.drop_epochs) == (300, 100, (100, 200))
    assert (training.bias_rate_factor, training.drop_factor) == (2.0, 0.1)
    assert training.shift == training.turn_degrees == training.stretch == 0


def test_images_may_have_a_preparation_of_the_presets_own_and_tables_never() -> None:
    cifar, columns = preset("cifar-19"), Columns(categories=(0,), gaps=(False,))
    assert cifar.network(shape=(32, 32), classes=2, preparation=Standardise()).preparation == (
        Contrast()
    )
    dense = changed(preset("dense-10"), depth=3)
    assert dense.network(shape=(1,), classes=2, preparation=columns).preparation == columns


def test_an_unknown_preset_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        preset("dense-11")
    assert str(error.value) == f"preset: expected one of {', '.join(PRESETS)}, found 'dense-11'"


def test_a_convolutional_preset_refuses_a_table() -> None:
    row = InputSpec(kind="table", shape=(1,), unit="value", columns=(Column(name="a"),))
    with pytest.raises(ConfigError) as error:
        built("mnist-conv-16", row.shape)
    assert str(error.value) == (
        "network: expected images for its convolutions, found rows of 1 columns; choose a dense "
        "preset"
    )
