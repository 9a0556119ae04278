"""The data, rows and preset that a command's options select."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar, cast, get_args

from models.commands.options import (
    BY_DEPTH,
    PresetOptions,
    RecipeOptions,
    RowsOptions,
    SourceOptions,
    names,
)
from models.data.dataset import Dataset, Part, SplitName
from models.data.source import KINDS, Source, load, read
from models.errors import ConfigError, DataError
from models.presets import PAPER_RECIPES, Preset, default_preset, preset
from models.recipe import TrainConfig
from models.run import Run
from models.run_config import RunConfig
from models.settings import changed

CUSTOM = "custom"  # the name of a network that differs from its preset
AUGMENTATIONS = ("shift", "rotate_degrees", "scale", "flip")
DROP_SCHEDULES = ("steps", "exponential")  # those that use the drop factor

Value = TypeVar("Value")


def required(value: Value | None, name: str, meaning: str) -> Value:
    """Return a parameter; a `ConfigError` if it was not given."""
    if value is None:
        raise ConfigError(f"{name}: missing; give {meaning}")
    return value


def chosen_data(options: SourceOptions) -> tuple[Source, Dataset]:
    """Return the source that the options describe, and its rows."""
    data: str = required(options.data, "DATA", KINDS)
    source = Source.of(data, target=options.target, exclude=tuple(options.exclude or ()))
    source = changed(source, validation_share=options.validation_share)
    return source, load(source)


def chosen_rows(
    run: Run, config: RunConfig, options: RowsOptions, *, default: SplitName
) -> tuple[str, Part]:
    """Return the rows that the options select, after their description.

    Without `data` they are a part of the run's own data, `default` unless `part` is given. Other
    data are read in the same way as the run's: their own test rows, or all rows without any.
    """
    exclude = tuple(options.exclude or ())
    if options.data is None:
        for option, value in (("--target", options.target), ("--exclude", exclude)):
            if value:
                raise ConfigError(f"{option}: has an effect only with other DATA; leave it out")
        return _own_part(run, config, options.part or default)
    if options.part is not None:
        raise ConfigError("--part: has an effect only without DATA; leave it out")
    own = config.data.source
    source = Source.of(
        options.data, target=options.target or own.target, exclude=exclude or own.exclude
    )
    labelled = read(source, schema=config.data.schema)
    if labelled.test is not None:
        return f"{labelled.name} (its own test rows)", labelled.test
    return f"all of {labelled.name}", labelled.rows


def _own_part(run: Run, config: RunConfig, part: str) -> tuple[str, Part]:
    if part not in get_args(SplitName):
        raise ConfigError(f"--part: expected train, validation or test, found {part!r}")
    rows = run.dataset().part(cast(SplitName, part))
    if not len(rows):
        raise DataError(f"--part: the run has no {part} rows; choose another part")
    return f"{config.data.name} ({part})", rows


def chosen_preset(kind: str, options: PresetOptions, recipe: RecipeOptions) -> tuple[str, Preset]:
    """Return the name of a preset for data of `kind`, and the preset with the given options.

    Raises `ConfigError` for an option without any effect.
    """
    name = options.preset or default_preset(kind)
    base = _with_recipe(preset(name), name, recipe.recipe)
    given = {
        key: value for key, value in (asdict(options) | asdict(recipe)).items() if value is not None
    }
    bias = base.gate_bias
    if recipe.gate_bias is not None:
        bias = None if recipe.gate_bias == BY_DEPTH else _number(recipe.gate_bias)
    network = changed(base, **_settings_of(given, Preset) | {"gate_bias": None})
    training = _settings_of(given, TrainConfig) | {"drop_epochs": _epochs(recipe.drop_epochs)}
    chosen = replace(network, gate_bias=bias, training=changed(base.training, **training))
    _refuse_unused(given, chosen, kind)
    return name, chosen


def network_name(name: str, recipe: str, chosen: Preset) -> str:
    """Return the name of a run's network: its preset's, or custom if the network differs."""
    base = _with_recipe(preset(name), name, recipe)
    if replace(chosen, training=base.training) != base:
        return CUSTOM
    return name if recipe == "default" else f"{name}-{recipe}"


def _settings_of(given: Mapping[str, Any], settings: type) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in names(settings)}


def _refuse_unused(given: Mapping[str, Any], chosen: Preset, kind: str) -> None:
    """Raise `ConfigError` for an option that has no effect with the other settings."""
    training = chosen.training
    needs = (
        (AUGMENTATIONS, kind == "image", "images"),
        (("kernel", "gate_kernel"), chosen.family != "dense", "a network with convolutions"),
        (("gate_bias",), not chosen.plain, "a network with gates"),
        (("momentum",), training.optimizer == "sgd", "--optimizer sgd"),
        (("drop_epochs",), training.schedule == "steps", "--schedule steps"),
        (("drop_factor",), training.schedule in DROP_SCHEDULES, "--schedule steps or exponential"),
    )
    for options, used, need in needs:
        for name in options:
            if name in given and not used:
                raise ConfigError(
                    f"--{name.replace('_', '-')}: has an effect only with {need}; leave it out"
                )
    if training.schedule == "steps" and not training.drop_epochs:
        raise ConfigError("--schedule steps: needs --drop-epochs")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--gate-bias: expected a finite number or '{BY_DEPTH}', found {text!r}")
    return number


def _epochs(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"--drop-epochs: expected epochs such as 100,200, found {text!r}"
        ) from error


def _with_recipe(chosen: Preset, name: str, recipe: str) -> Preset:
    if recipe == "default":
        return chosen
    if recipe != "papers":
        raise ConfigError(f"--recipe: expected default or papers, found {recipe!r}")
    if chosen.family not in PAPER_RECIPES:
        raise ConfigError(
            "--recipe papers: expected a preset with a configuration released by the papers' "
            f"authors (mnist-conv-16, mnist-conv-32, cifar-19), found {name}"
        )
    papers = PAPER_RECIPES[chosen.family]
    return replace(
        chosen,
        training=papers.training,
        dropout=papers.dropout,
        image_preparation=papers.image_preparation,
    )
