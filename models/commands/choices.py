"""The data, rows and preset that a command's options select."""

import math
from dataclasses import asdict
from typing import TypeVar

import typer

from models.commands.options import (
    PresetOptions,
    RecipeOptions,
    RowsOptions,
    SourceOptions,
)
from models.commands.sources import chosen_source
from models.data.dataset import Dataset, Part, SplitName
from models.data.source import Source, load, read
from models.errors import ConfigError
from models.preset_choice import BY_DEPTH, ChosenPreset, choose_preset
from models.run import Run
from models.run_config import RunConfig
from models.run_rows import other_rows, other_source, own_rows
from service.terminal import escaped

Value = TypeVar("Value")


def required(value: Value | None, name: str, meaning: str) -> Value:
    """Return a parameter; a `ConfigError` if it was not given."""
    if value is None:
        raise ConfigError(f"{name}: missing; give {meaning}")
    return value


def chosen_data(options: SourceOptions) -> tuple[Source, Dataset]:
    """Return the source that the options describe, and its rows."""
    source = chosen_source(options)
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
        for option, value in {
            "--target": options.target,
            "--exclude": exclude,
            "--delimiter": options.delimiter,
            "--encoding": options.encoding,
        }.items():
            if value:
                raise ConfigError(f"{option}: has an effect only with other DATA; leave it out")
        return own_rows(run, config, options.part or default, data=options.moved)
    for option, value in (("--part", options.part), ("--data", options.moved)):
        if value is not None:
            raise ConfigError(f"{option}: has an effect only without DATA; leave it out")
    source = other_source(
        config,
        options.data,
        target=options.target,
        exclude=exclude,
        delimiter=options.delimiter,
        encoding=options.encoding,
    )
    labelled = read(source, schema=config.data.schema)
    for note in labelled.notes:
        typer.echo(escaped(f"note: {note}"), err=True)
    return other_rows(labelled)


def chosen_preset(dataset: Dataset, options: PresetOptions, recipe: RecipeOptions) -> ChosenPreset:
    """Return a preset for the data, with the given options.

    Raises `ConfigError` for an option without any effect.
    """
    given = asdict(options) | asdict(recipe)
    given["gate_bias"] = _gate_bias(recipe.gate_bias)
    given["drop_epochs"] = _epochs(recipe.drop_epochs)
    return choose_preset(dataset, options.preset, given, recipe=recipe.recipe)


def _gate_bias(text: str | None) -> float | str | None:
    if text is None or text == BY_DEPTH:
        return text
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
