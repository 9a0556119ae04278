"""The command line of `models`: `highway train | evaluate | gates | prune | search | presets`.

Each command imports its implementation when it runs, so that `--help` does not import torch.
"""

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

STOPPED = 130  # the exit code of a command stopped by Ctrl-C


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


@app.command("presets")
def presets_command() -> None:
    """List the presets with their number of parameters and their purpose."""
    from models.commands.presets import list_presets

    list_presets()


def main() -> None:
    """Run a command; a user's error is one sentence on standard error and exit code 1."""
    try:
        app()
    except StoppedError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(STOPPED) from error
    except ModelsError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
