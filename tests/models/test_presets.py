from dataclasses import replace

import pytest

from models.errors import ConfigError
from models.network import HighwayClassifier
from models.presets import preset


@pytest.mark.parametrize(
    ("depth", "parameters"), [(10, 85_660), (20, 136_660), (50, 289_660), (100, 544_660)]
)
def test_the_papers_dense_networks_have_the_papers_parameters(depth: int, parameters: int) -> None:
    network = replace(preset("dense-10"), depth=depth).network(features=784, classes=10)
    assert HighwayClassifier(network).parameter_count() == parameters


def test_depth_counts_the_plain_first_layer_and_not_the_output() -> None:
    network = preset("dense-10").network(features=784, classes=10)
    assert [block.kind for block in network.blocks] == ["dense"] + ["highway"] * 9
    assert [block.number for block in network.highway_blocks] == list(range(1, 10))
    assert {block.gate_bias for block in network.highway_blocks} == {-1.0}


def test_an_unknown_preset_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        preset("dense-11")
    assert str(error.value) == "preset: expected one of dense-10, found 'dense-11'"


def test_a_network_of_one_layer_has_no_highway() -> None:
    with pytest.raises(ConfigError) as error:
        replace(preset("dense-10"), depth=1).network(features=4, classes=2)
    assert str(error.value) == (
        "depth: expected at least 2 (one plain and one highway layer), found 1"
    )
