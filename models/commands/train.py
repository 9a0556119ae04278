"""`highway train`: train a network on data and write a run directory."""

import os
from dataclasses import asdict
from pathlib import Path

import typer

from models.commands.choices import chosen_data, chosen_preset, required
from models.commands.options import HardwareOptions, PresetOptions, RecipeOptions, SourceOptions
from models.commands.summary import next_line, training_line
from models.data.dataset import Dataset
from models.errors import ConfigError
from models.outcome import Outcome
from models.overview import overview_lines
from models.preset_choice import check_validation
from models.recipe import Hardware, check_training
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.settings import changed
from service.terminal import escaped

NODE_ENVIRONMENT = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")


def start_training(
    source_options: SourceOptions,
    out: Path | None,
    options: PresetOptions,
    recipe: RecipeOptions,
    hardware_options: HardwareOptions,
) -> None:
    """Train a preset with the given options, and print its test scores."""
    hardware = _hardware(hardware_options)
    out = required(out, "--out", "a new run directory to write")
    source, dataset = chosen_data(source_options)
    for line in overview_lines(dataset):
        typer.echo(escaped(line), err=True)
    chosen = chosen_preset(dataset, options, recipe)
    config = RunConfig.of(
        DataConfig.of(source, dataset),
        chosen.settings,
        chosen.preparation(dataset),
        name=chosen.network,
    )
    check_training(config.training, hardware)  # before anything is written
    check_validation(dataset, patience=recipe.patience, keep=recipe.keep)
    first_node = hardware.nodes == 1 or os.environ.get("NODE_RANK", "0") == "0"
    _train(Run.create(out, config) if first_node else Run(out), config, dataset, hardware)


def resume_training(path: Path, hardware_options: HardwareOptions) -> None:
    """Finish a stopped training with the settings of its run directory."""
    hardware, run = _hardware(hardware_options), Run(path)
    config = run.unfinished_config()
    _train(run, config, run.dataset(), hardware)


def _hardware(options: HardwareOptions) -> Hardware:
    hardware = changed(Hardware(), **asdict(options))
    # Without these variables the processes would wait for each other forever.
    missing = [name for name in NODE_ENVIRONMENT if name not in os.environ]
    if hardware.nodes > 1 and missing:
        raise ConfigError(f"--nodes: set the environment variables {', '.join(missing)}")
    return hardware


def _train(run: Run, config: RunConfig, dataset: Dataset, hardware: Hardware) -> None:
    try:
        from models.training.trainer import train  # imports Lightning, which takes seconds

        scores = train(run, config, dataset, hardware)
    except KeyboardInterrupt as stop:
        raise run.stopped(hardware) from stop
    if scores is not None:
        _report(run, config, dataset)


def _report(run: Run, config: RunConfig, dataset: Dataset) -> None:
    outcome = Outcome.of(run.network(config), dataset)
    for warning in outcome.warnings(balanced=config.training.class_weight == "balanced"):
        typer.echo(escaped(f"warning: {warning}"), err=True)
    typer.echo(escaped(training_line(run, config, outcome.test, outcome.baseline)))
    typer.echo(escaped(next_line(run)))
