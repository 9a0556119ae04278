"""`python -m models search`: data in, the best of many trainings out."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.commands import options
from models.commands.choices import chosen_preset, given
from models.data.source import KINDS, Source, load
from models.errors import ConfigError
from models.presets import default_preset
from models.recipe import Hardware
from models.settings import changed

SEARCH = "Search"
# Not handed on to `train`: it lacks the option, says it anew, or takes the preset's own epochs.
OWN = {"data", "out", "trials", "jobs", "sampler", "preset_name", "epochs"}


def search_command(
    context: typer.Context,
    data: options.Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory of the search, new or to go on with.",
            rich_help_panel=SEARCH,
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(help="Trials in all, failed ones included.", rich_help_panel=SEARCH)
    ] = 100,
    jobs: Annotated[
        int,
        typer.Option(
            help="Trials at once, each in a process with its share of the cores.",
            rich_help_panel=SEARCH,
        ),
    ] = 1,
    sampler: Annotated[
        str,
        typer.Option(
            help="random, as the papers; or tpe, which learns from the trials so far.",
            rich_help_panel=SEARCH,
        ),
    ] = "random",
    target: options.Target = None,
    without: options.Without = None,
    validation_share: options.ValidationShare = None,
    preset_name: options.PresetName = None,
    plain: options.Plain = None,
    depth: options.Depth = None,
    width: options.Width = None,
    dropout: options.Dropout = None,
    kernel: options.Kernel = None,
    gate_kernel: options.GateKernel = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    weight_decay: options.WeightDecay = None,
    gradient_clip: options.GradientClip = None,
    precision: options.Precision = None,
    shift: options.Shift = None,
    turn_degrees: options.TurnDegrees = None,
    stretch: options.Stretch = None,
    mirror: options.Mirror = None,
    seed: options.Seed = None,
    accelerator: options.Accelerator = "cpu",
) -> None:
    """Search learning rate, momentum, decay, activation and gate bias on DATA, as the papers did.

    The same command goes on with a search that was stopped.
    """
    if data is None:
        raise ConfigError(f"DATA: expected {KINDS}, found nothing")
    if out is None:
        raise ConfigError("--out: expected a directory for the search, found nothing")
    source = Source.of(data, target=target, without=tuple(without or ()))
    source = changed(source, validation_share=validation_share)
    dataset = load(source)
    name = preset_name or default_preset(dataset.input.kind)
    chosen = chosen_preset(context, name, dataset.input)
    # Optuna and matplotlib take a second to import, which other commands should not pay.
    from models.search.config import Effort, Sampling, SearchConfig
    from models.search.session import search
    from models.search.space import as_options

    effort = changed(Effort(), **given(context, Effort))
    hardware = changed(Hardware(), **given(context, Hardware))
    sampling = changed(Sampling(), **given(context, Sampling))
    config = SearchConfig.of(source, dataset, chosen, sampling.sampler)
    findings, numbers = search(out, config, dataset, effort, hardware)
    console = Console(soft_wrap=True)
    for finding in findings:
        console.print(finding, highlight=False, markup=False)
    again = ["train", data, "--out", str(out / "best"), "--preset", name]
    again += [*_given(context), *as_options(numbers)]
    typer.echo(f"train it again at full length: python -m models {shlex.join(again)}")


def _given(context: typer.Context) -> list[str]:
    """Return the options that the user gave and that `train` has too, as they are typed."""
    typed: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in OWN:
            continue
        value = context.params[name]
        if isinstance(value, bool):
            typed.append((option.opts if value else option.secondary_opts)[0])
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            typed += [option.opts[0], str(one)]
    return typed
