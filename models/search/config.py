"""Settings of a search, its search space, and the file `search.json` that keeps them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    distribution_to_json,
)
from pydantic import TypeAdapter

from models.data.dataset import Dataset
from models.data.source import Source
from models.directory import create_directory, write_atomically
from models.errors import ConfigError, RunError
from models.networks.layers import ActivationName
from models.presets import Preset
from models.recipe import Count
from models.run_config import DataConfig

SETTINGS = "search.json"
SamplerName = Literal["random", "tpe"]
SettingValue = float | str
TrialSettings = dict[str, SettingValue]  # the values of one trial by setting

GATE_BIAS = "gate_bias"
DIGITS = 4  # significant digits of a drawn number: the table prints exactly what was trained


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Trials, parallel jobs and sampler; only trials and jobs may change on resuming."""

    trials: Count = 100  # the paper's number for each kind of network
    jobs: Count = 1
    sampler: SamplerName = "random"  # "tpe" samples from a model of the finished trials


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Everything that determines the trials; the seed of the preset also seeds the sampler."""

    format: Literal[1] = 1
    sampler: SamplerName
    data: DataConfig
    preset: Preset
    ranges: dict[str, str]

    @classmethod
    def of(
        cls, source: Source, dataset: Dataset, preset: Preset, sampler: SamplerName
    ) -> "SearchConfig":
        """Describe a search; a `ConfigError` without validation rows, which rank the trials."""
        if not len(dataset.validation):
            raise ConfigError(
                "--validation-share: expected a number above 0, because validation rows rank the "
                f"trials, found {source.validation_share:g}"
            )
        return cls(
            sampler=sampler,
            data=DataConfig.of(source, dataset),
            preset=preset,
            ranges={
                name: distribution_to_json(values)
                for name, values in search_space(plain=preset.plain).items()
            },
        )


def search_space(*, plain: bool) -> dict[str, BaseDistribution]:
    """Return the distributions of section 3.1 of arXiv 1507.06228, by setting.

    The paper gives the settings, the activations and the range of the gate bias, which a plain
    network does not have. The other bounds are ours: learning rates from hardly any progress to
    divergence of Nesterov's SGD with clipped gradients, on a logarithmic scale; momentum up to the
    largest in use; and a drop factor per epoch whose lower bound leaves 0.2 % of the rate after
    60 epochs.
    """
    space: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(1e-3, 1.0, log=True),
        "momentum": FloatDistribution(0.5, 0.99),
        "drop_factor": FloatDistribution(0.9, 1.0),
        "activation": CategoricalDistribution(("relu", "tanh")),
    }
    return space if plain else space | {GATE_BIAS: FloatDistribution(-10.0, -1.0)}


def rounded(drawn: dict[str, SettingValue]) -> TrialSettings:
    """Round drawn numbers to the digits that are printed."""
    return {
        name: value if isinstance(value, str) else float(f"{value:.{DIGITS}g}")
        for name, value in drawn.items()
    }


def with_settings(preset: Preset, settings: TrialSettings) -> Preset:
    """Return the preset with a trial's settings, Nesterov's SGD and an exponential schedule."""
    training = replace(
        preset.training,
        optimizer="sgd",
        schedule="exponential",
        learning_rate=float(settings["learning_rate"]),
        momentum=float(settings["momentum"]),
        drop_factor=float(settings["drop_factor"]),
    )
    bias = float(settings[GATE_BIAS]) if GATE_BIAS in settings else preset.gate_bias
    activation = cast(ActivationName, settings["activation"])
    return replace(preset, training=training, activation=activation, gate_bias=bias)


def as_options(settings: TrialSettings) -> list[str]:
    """Return a trial's settings as options of `highway train`."""
    options = ["--optimizer", "sgd", "--schedule", "exponential"]
    for name, value in settings.items():
        options += [f"--{name.replace('_', '-')}", f"{value}"]
    return options


_CONFIG = TypeAdapter(SearchConfig)


def keep_settings(out: Path, config: SearchConfig) -> None:
    """Write the settings of a new search, or compare them with those of the search in `out`."""
    path = out / SETTINGS
    if not path.is_file():
        create_directory(out, alternative=", or that of a search")
        write_atomically(path, _CONFIG.dump_json(config, indent=2) + b"\n")
        return
    try:
        old = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunError(
            f"{path}: not the settings of a search, not even JSON; choose another --out"
        ) from error
    new = _CONFIG.dump_python(config, mode="json")
    for name, before, now in _differences("settings", old, new):
        raise ConfigError(
            f"{out}: this search was started with {name} {before!r}, found {now!r}; give the same "
            "settings, or choose another --out"
        )


def _differences(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Return the innermost settings that differ: name, old value, new value."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            difference
            for key in {**old, **new}
            for difference in _differences(key, old.get(key), new.get(key))
        ]
    return [] if old == new else [(name, old, new)]
