"""From the options a user gave to the preset that they choose."""

import math
from dataclasses import fields, replace
from typing import Any

import typer

from models.commands.options import BY_DEPTH
from models.errors import ConfigError
from models.presets import PAPER_RECIPES, Preset, preset
from models.settings import changed


def given(context: typer.Context, settings: type) -> dict[str, Any]:
    """Return the options that are fields of `settings`, None where the user gave none."""
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in context.params.items() if name in names}


def chosen_preset(context: typer.Context, name: str, gate_bias: str | None) -> Preset:
    """Return the preset of that name with the network's numbers that the user gave."""
    chosen = preset(name)
    bias = chosen.gate_bias
    if gate_bias is not None:
        bias = None if gate_bias == BY_DEPTH else _number(gate_bias)
    chosen = changed(chosen, **given(context, Preset) | {"gate_bias": None})
    return replace(chosen, gate_bias=bias)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--gate-bias: expected a finite number or '{BY_DEPTH}', found {text!r}")
    return number


def numbers(text: str | None) -> tuple[int, ...] | None:
    """Read `100,200`."""
    if text is None:
        return None
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"--drop-epochs: expected epochs such as 100,200, found {text!r}"
        ) from error


def with_recipe(chosen: Preset, name: str, recipe: str) -> Preset:
    """Train the preset by the recipe of that name."""
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
