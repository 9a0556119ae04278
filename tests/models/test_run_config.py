from dataclasses import replace

import pytest

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
    data = DataConfig.of(DIGITS, load(DIGITS))
    with pytest.raises(ConfigError):
        RunConfig.of(data, replace(preset("mnist-conv-16"), depth=2), Standardise(), name="x")


def test_the_schema_is_that_of_the_data() -> None:
    data = DataConfig.of(DIGITS, load(DIGITS))
    assert (data.schema.input, data.schema.labels) == (data.input, data.labels)
