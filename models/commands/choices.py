"""From the options a user gave to the preset that they choose."""

import math
from dataclasses import fields, replace
from typing import Any

import typer

from models.commands.options import BY_DEPTH
from models.data.dataset import InputSpec
from models.errors import ConfigError
from models.presets import PAPER_RECIPES, Preset, preset
from models.recipe import TrainConfig
from models.settings import changed

CUSTOM = "custom"  # the name of a preset whose network was changed
MOVES = ("shift", "turn_degrees", "stretch", "mirror")


def given(context: typer.Context, settings: type) -> dict[str, Any]:
    """Return the options that are fields of `settings`, None where the user gave none."""
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in context.params.items() if name in names}


def chosen_preset(
    context: typer.Context,
    name: str,
    row: InputSpec,
    *,
    recipe: str = "default",
    gate_bias: str | None = None,
    drop_epochs: str | None = None,
) -> Preset:
    """Return the preset of that name, trained by that recipe, with the numbers the user gave.

    `row` is what the data are: options that change nothing for them are refused.
    """
    base = _with_recipe(preset(name), name, recipe)
    bias = base.gate_bias
    if gate_bias is not None:
        bias = None if gate_bias == BY_DEPTH else _number(gate_bias)
    chosen = changed(base, **given(context, Preset) | {"gate_bias": None})
    training = given(context, TrainConfig) | {"drop_epochs": _numbers(drop_epochs)}
    chosen = replace(chosen, gate_bias=bias, training=changed(base.training, **training))
    _refuse_idle(context, chosen, row)
    return chosen


def preset_words(name: str, recipe: str, chosen: Preset) -> str:
    """Return what a run's network is called: by its preset, or custom where numbers differ."""
    base = _with_recipe(preset(name), name, recipe)
    if replace(chosen, training=base.training) != base:
        return CUSTOM
    return name if recipe == "default" else f"{name}-{recipe}"


def _refuse_idle(context: typer.Context, chosen: Preset, row: InputSpec) -> None:
    """Refuse options that would change nothing: whoever gives one expects that it does."""
    training = chosen.training
    idle = {
        **{name: (row.kind == "table", "images") for name in MOVES},
        "kernel": (chosen.family == "dense", "a network with convolutions"),
        "gate_kernel": (chosen.family == "dense", "a network with convolutions"),
        "gate_bias": (chosen.plain, "a network with gates"),
        "momentum": (training.optimizer != "sgd", "--optimizer sgd"),
        "drop_epochs": (training.schedule != "steps", "--schedule steps"),
        "drop_factor": (
            training.schedule not in ("steps", "exponential"),
            "--schedule steps or exponential",
        ),
    }
    for name, (useless, wanted) in idle.items():
        if useless and context.params.get(name) is not None:
            raise ConfigError(
                f"--{name.replace('_', '-')}: expected only with {wanted}, found it where it "
                "changes nothing; leave it out"
            )
    if training.schedule == "steps" and not training.drop_epochs:
        raise ConfigError("--schedule steps: expected --drop-epochs with it, found none")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--gate-bias: expected a finite number or '{BY_DEPTH}', found {text!r}")
    return number


def _numbers(text: str | None) -> tuple[int, ...] | None:
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
            "--recipe papers: expected a preset whose configuration the papers' authors released "
            f"(mnist-conv-16, mnist-conv-32, cifar-19), found {name}"
        )
    papers = PAPER_RECIPES[chosen.family]
    return replace(
        chosen,
        training=papers.training,
        dropout=papers.dropout,
        image_preparation=papers.preparation,
    )
