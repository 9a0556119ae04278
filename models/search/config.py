"""The settings of a search, kept beside it, so that it is gone on with as it began."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from optuna.distributions import distribution_to_json
from pydantic import TypeAdapter

from models.data.dataset import Dataset
from models.data.source import Source
from models.directory import make_new, write_whole
from models.errors import ConfigError, RunError
from models.presets import Preset
from models.recipe import Count
from models.run_config import DataConfig
from models.search.space import space

SETTINGS = "search.json"
SamplerName = Literal["random", "tpe"]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is tried, and how much of it at once; both may change from start to start."""

    trials: Count = 100  # as many as the paper ran for each kind of network
    jobs: Count = 1


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Who draws the numbers: at random, as the papers, or a model of the trials so far (TPE)."""

    sampler: SamplerName = "random"


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Everything that decides what the trials are; the preset's seed draws their numbers too."""

    format: Literal[1] = 1
    sampler: SamplerName
    data: DataConfig
    preset: Preset
    ranges: dict[str, str]

    @classmethod
    def of(
        cls, source: Source, dataset: Dataset, preset: Preset, sampler: SamplerName
    ) -> "SearchConfig":
        """Describe a search; one without validation rows is refused, for they choose the best."""
        if not len(dataset.validation):
            raise ConfigError(
                "--validation-share: expected a share above 0, for the validation rows choose the "
                f"best trial, found {source.validation_share:g}"
            )
        return cls(
            sampler=sampler,
            data=DataConfig.of(source, dataset),
            preset=preset,
            ranges={
                name: distribution_to_json(values)
                for name, values in space(plain=preset.plain).items()
            },
        )


_CONFIG = TypeAdapter(SearchConfig)


def keep(out: Path, config: SearchConfig) -> None:
    """Write the settings of a new search, or see that those of one begun earlier are the same."""
    path = out / SETTINGS
    if path.is_file():
        _compare(out, _read(path), _CONFIG.dump_python(config, mode="json"))
        return
    make_new(out, instead=", or that of a search")
    write_whole(path, _CONFIG.dump_json(config, indent=2) + b"\n")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise RunError(
            f"{path}: expected the settings of a search, found no JSON; choose another --out"
        ) from error


def _compare(out: Path, old: Any, new: Any) -> None:
    for name, before, now in _differences("settings", old, new):
        raise ConfigError(
            f"{out}: expected the settings that its search began with, {name} {before!r}, found "
            f"{now!r}; give the same settings, or choose another --out"
        )


def _differences(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Return the settings that differ, each by its own name, the innermost."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = {**old, **new}
        return [
            found for name in names for found in _differences(name, old.get(name), new.get(name))
        ]
    return [] if old == new else [(name, old, new)]
