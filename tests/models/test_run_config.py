from dataclasses import replace

import pytest

from models.data.dataset import InputSpec
from models.data.source import Source, load
from models.errors import ConfigError
from models.networks.preparation import Standardise
from models.presets import preset
from models.revision import source_revision
from models.run_config import DataConfig, RunConfig

DIGITS = Source.of("digits")


def test_a_run_is_described_by_data_preset_and_source() -> None:
    dataset = load(DIGITS)
    chosen = replace(preset("dense-10"), depth=4)
    config = RunConfig.of(DataConfig.of(DIGITS, dataset), chosen, Standardise(), name="mine")
    assert (config.preset, config.source_revision) == ("mine", source_revision())
    assert (config.network.shape, config.network.classes) == ((8, 8), 10)
    assert len(config.network.highway_blocks) == 3
    assert config.training == chosen.training
    assert config.data.digest == dataset.digest()


def test_a_network_that_does_not_fit_the_data_is_refused() -> None:
    table = InputSpec(kind="table", shape=(3,), unit="value")
    data = replace(DataConfig.of(DIGITS, load(DIGITS)), input=table)
    with pytest.raises(ConfigError) as error:
        RunConfig.of(data, preset("cifar-19"), Standardise(), name="cifar-19")
    assert str(error.value) == (
        "network: expected images for its convolutions, found rows of 3 columns; choose a dense "
        "preset"
    )


def test_the_schema_is_that_of_the_data() -> None:
    data = DataConfig.of(DIGITS, load(DIGITS))
    assert (data.schema.input, data.schema.labels) == (data.input, data.labels)
