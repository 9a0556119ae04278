"""Settings of a small search on the digits."""

from dataclasses import replace
from functools import cache

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.presets import preset
from models.recipe import TrainConfig
from models.search.config import SamplerName, SearchConfig

DIGITS = Source.of("digits")


@cache
def digits() -> Dataset:
    return load(DIGITS)


def search_config(
    sampler: SamplerName = "random", seed: int = 0, **training: object
) -> SearchConfig:
    """Two epochs of two highway layers of eight units."""
    recipe = replace(TrainConfig(epochs=2, seed=seed), **training)  # type: ignore[arg-type]
    small = replace(preset("dense-10"), depth=3, width=8, training=recipe)
    return SearchConfig.of(DIGITS, digits(), small, sampler)
