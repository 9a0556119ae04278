"""`python -m models train`: data in, a run directory out."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from models.commands import options
from models.commands.choices import chosen_preset, given, preset_words
from models.commands.summary import columns_in_words, one_line
from models.data.dataset import Dataset
from models.data.source import KINDS, Source, load
from models.errors import ConfigError, RunError
from models.networks.preparation import preparation_for
from models.presets import default_preset
from models.recipe import Hardware
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.settings import changed
from models.training.checks import check_training

NODE_ENVIRONMENT = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
KEPT_WHEN_RESUMED = {"resume", *(field.name for field in fields(Hardware))}


def train_command(
    context: typer.Context,
    data: options.Data = None,
    out: Annotated[
        Path | None, typer.Option(help="New run directory to write.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Run directory of a stopped training to finish.", show_default=False),
    ] = None,
    target: options.Target = None,
    without: options.Without = None,
    validation_share: options.ValidationShare = None,
    preset_name: options.PresetName = None,
    plain: options.Plain = None,
    depth: options.Depth = None,
    width: options.Width = None,
    activation: options.Activation = None,
    gate_bias: options.GateBias = None,
    dropout: options.Dropout = None,
    kernel: options.Kernel = None,
    gate_kernel: options.GateKernel = None,
    recipe: options.Recipe = "default",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    optimizer: options.Optimizer = None,
    schedule: options.Schedule = None,
    learning_rate: options.LearningRate = None,
    momentum: options.Momentum = None,
    drop_epochs: options.DropEpochs = None,
    drop_factor: options.DropFactor = None,
    weight_decay: options.WeightDecay = None,
    gradient_clip: options.GradientClip = None,
    patience: options.Patience = None,
    precision: options.Precision = None,
    shift: options.Shift = None,
    turn_degrees: options.TurnDegrees = None,
    stretch: options.Stretch = None,
    mirror: options.Mirror = None,
    seed: options.Seed = None,
    accelerator: options.Accelerator = "cpu",
    devices: options.Devices = 1,
    nodes: options.Nodes = 1,
) -> None:
    """Train a highway classifier on DATA and write a run directory."""
    hardware = changed(Hardware(), **given(context, Hardware))
    if nodes > 1:
        _check_node()
    if resume is not None:
        _finish(context, Run(resume), hardware)
        return
    if data is None:
        raise ConfigError(f"DATA: expected {KINDS}, found nothing")
    if out is None:
        raise ConfigError("--out: expected a new run directory to write, found nothing")
    source = Source.of(data, target=target, without=tuple(without or ()))
    source = changed(source, validation_share=validation_share)
    dataset = load(source)
    if dataset.input.kind == "table":
        typer.echo(columns_in_words(dataset), err=True)
    name = preset_name or default_preset(dataset.input.kind)
    chosen = chosen_preset(
        context,
        name,
        dataset.input,
        recipe=recipe,
        gate_bias=gate_bias,
        drop_epochs=drop_epochs,
    )
    config = RunConfig.of(
        DataConfig.of(source, dataset),
        chosen,
        preparation_for(dataset.input, dataset.train.x),
        name=preset_words(name, recipe, chosen),
    )
    check_training(config.training, hardware, dataset)  # before anything is written
    leads = hardware.nodes == 1 or os.environ.get("NODE_RANK", "0") == "0"
    _train(Run.create(out, config) if leads else Run(out), config, dataset, hardware)


def _check_node() -> None:
    """Require what tells this machine its place among the others, without which it would wait."""
    missing = [name for name in NODE_ENVIRONMENT if name not in os.environ]
    if missing:
        raise ConfigError(
            f"--nodes: expected {', '.join(NODE_ENVIRONMENT)} to be set, found no "
            f"{' and no '.join(missing)}"
        )


def _train(run: Run, config: RunConfig, dataset: Dataset, hardware: Hardware) -> None:
    try:
        from models.training.trainer import train  # imports Lightning, which takes seconds

        scores = train(run, config, dataset, hardware)
    except KeyboardInterrupt as stop:
        raise run.stopped() from stop
    if scores is not None:
        typer.echo(one_line(run, config, scores))


def _finish(context: typer.Context, run: Run, hardware: Hardware) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in KEPT_WHEN_RESUMED:
            option = {"data": "DATA", "preset_name": "--preset"}.get(
                name, f"--{name.replace('_', '-')}"
            )
            raise ConfigError(
                f"{option}: expected nothing beside --resume, for the run keeps its own settings; "
                "leave it out"
            )
    config = run.config()
    if run.finished:
        raise RunError(
            f"{run.path}: expected a training that was stopped, found a finished one; "
            "nothing is left to do"
        )
    _train(run, config, run.dataset(), hardware)
