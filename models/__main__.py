"""The command line of `models`: `highway inspect | train | …`.

Each command imports its implementation when it runs, so that `--help` does not import torch.
"""

from service import terminal

if __name__ == "__main__":  # before the other imports, which take most of the start
    terminal.exit_on_signals()

import os
import sys
from typing import Annotated

import typer

from models.commands import options
from models.errors import ModelsError, StoppedError

app = typer.Typer(
    help="Train and analyse highway classifiers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("train")
@options.expanded
def train_command(
    context: typer.Context,
    *,
    source: options.SourceOptions,
    out: options.NewRun = None,
    resume: options.Resume = None,
    preset: options.PresetOptions,
    recipe: options.RecipeOptions,
    hardware: options.HardwareOptions,
) -> None:
    """Train a highway classifier on DATA and write a run directory."""
    from models.commands.train import resume_training, start_training

    if resume is None:
        start_training(source, out, preset, recipe, hardware)
    else:
        options.refuse_beside_resume(context, {"resume", *options.names(hardware)})
        resume_training(resume, hardware)


@app.command("inspect")
@options.expanded
def inspect_command(
    context: typer.Context, *, source: options.SourceOptions, json_output: options.Json = False
) -> None:
    """Show what DATA hold, what is suspicious in them, and the command that trains on them."""
    from models.commands.inspect import inspect

    inspect(source, options.typed_arguments(context), json_output=json_output)


@app.command("evaluate")
@options.expanded
def evaluate_command(
    *, run: options.RunPath, rows: options.RowsOptions, json_output: options.Json = False
) -> None:
    """Score a trained network on its run's test rows, another part of them, or other DATA."""
    from models.commands.evaluate import evaluate

    evaluate(run, rows, json_output=json_output)


@app.command("gates")
@options.expanded
def gates_command(
    *,
    run: options.RunPath,
    rows: options.RowsOptions,
    out: Annotated[options.Folder, options.option("New directory to write.")] = None,
    first: Annotated[
        options.Integer, options.option("Use the first N rows only.", "--rows")
    ] = None,
    sample: Annotated[
        int, options.option("Index of the row whose gates are drawn; default 0.")
    ] = 0,
) -> None:
    """Draw the gates of a trained network, and its accuracy and loss with layers closed."""
    from models.commands.gates import draw_gates

    draw_gates(run, rows, out, first, sample)


@app.command("prune")
@options.expanded
def prune_command(
    context: typer.Context,
    *,
    run: Annotated[
        options.Folder, typer.Argument(help="Run directory.", show_default=False)
    ] = None,
    out: options.NewRun = None,
    plan: options.PlanOptions,
    resume: options.Resume = None,
    json_output: options.Json = False,
) -> None:
    """Remove layers, gates and units that RUN does not need, and write a new run directory."""
    from models.commands.prune import resume_pruning, run_pruning, start_pruning

    if resume is None:
        directory = start_pruning(run, out, plan)
    else:
        options.refuse_beside_resume(context, {"resume", "json_output"})
        directory = resume_pruning(resume)
    run_pruning(directory, json_output=json_output)


@app.command("search")
@options.expanded
def search_command(
    context: typer.Context,
    *,
    source: options.SourceOptions,
    out: Annotated[options.Folder, options.option("Directory to write, or to resume.")] = None,
    effort: options.EffortOptions,
    preset: options.PresetOptions,
    accelerator: Annotated[str, options.option(options.ACCELERATOR, panel="Machine")] = "cpu",
) -> None:
    """Search learning rate, momentum, decay, activation and gate bias on DATA, as in the papers.

    The same command resumes a search that was stopped.
    """
    from models.commands.search import search

    search(source, out, effort, preset, accelerator, options.typed_arguments(context))


@app.command("reproduce")
@options.expanded
def reproduce_command(
    *,
    name: Annotated[
        options.Text, typer.Argument(help="Experiment; without one, all are listed.")
    ] = None,
    experiment: options.ExperimentOptions,
    accelerator: Annotated[str, options.option(options.ACCELERATOR)] = "cpu",
) -> None:
    """Run an experiment of the highway papers again, and write a page with its numbers and theirs.

    The same command resumes an experiment that was stopped.
    """
    from models.commands.reproduce import reproduce

    reproduce(name, experiment, accelerator)


@app.command("presets")
def presets_command() -> None:
    """List the presets with their number of parameters and their purpose."""
    from models.commands.presets import list_presets

    list_presets()


def main() -> None:
    """Run a command."""
    # By default torch's threads spin while they wait for each other. Beside another busy process a
    # step with two threads then took up to ten times as long. It must be set before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    terminal.run(_run, errors=(ModelsError,), stopped=(StoppedError,))


def _run() -> None:
    """Run the app; an error that options mend is followed by the whole command with them."""
    try:
        app()
    except ModelsError as error:
        if not error.options:
            raise
        from models.commands.repetition import with_options

        again = with_options(sys.argv[1:], error.options)
        raise ModelsError(f"{error}\nthis command goes through:\n  {again}") from error


if __name__ == "__main__":
    main()
