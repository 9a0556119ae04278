"""`python -m models prune`: a smaller network that labels as well."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands import options
from models.commands.bars import bars
from models.directory import make_new
from models.errors import ConfigError, RunError, StoppedError
from models.gates.statistics import Step
from models.pruning.attempts import forget, forget_attempts
from models.pruning.ledger import Attempt, Ledger, Plan, Result, read_ledger, write_ledger
from models.pruning.search import NothingToPruneError
from models.pruning.session import Subject, prune
from models.run import Run
from models.settings import changed


def prune_command(
    run: Annotated[
        Path | None, typer.Argument(help="Run directory to prune.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New run directory to write.", show_default=False)
    ] = None,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(help="Points of validation accuracy to give up: 0.1.", show_default=False),
    ] = None,
    keep_layers: Annotated[
        int | None,
        typer.Option(
            help="How many highway layers to keep, whatever it costs, instead of a budget.",
            show_default=False,
        ),
    ] = None,
    finetune_epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs for what is left to make up for the loss: 4; 0 for none.",
            show_default=False,
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Of the fine-tuning; 0.3 of the training's unless given.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Directory of a stopped pruning to finish.", show_default=False),
    ] = None,
    json_output: options.Json = False,
) -> None:
    """Take out of RUN the layers, gates and units that it can miss, and write a run directory."""
    settings = {
        "max_accuracy_drop": max_accuracy_drop,
        "keep_layers": keep_layers,
        "finetune_epochs": finetune_epochs,
        "learning_rate": learning_rate,
    }
    directory = (
        _begun(run, out, settings) if resume is None else _stopped(resume, run, out, settings)
    )
    try:
        result = prune(directory, _bar, _tell)
    except (KeyboardInterrupt, StoppedError) as stop:
        raise StoppedError(
            f"stopped: what was finished is kept in {directory.path}; go on with "
            f"`python -m models prune --resume {directory.path}`"
        ) from stop
    except NothingToPruneError:
        forget(directory)
        raise
    if json_output:
        typer.echo(json.dumps({"run": str(directory.path), **asdict(result)}))
        return
    Console().print(_table(result))
    typer.echo(_words(directory, result))


def _begun(run: Path | None, out: Path | None, settings: dict[str, float | int | None]) -> Run:
    """Make the directory of a new pruning; RUN is looked at before anything is written."""
    if run is None:
        raise ConfigError("RUN: expected a run directory to prune, found nothing")
    if out is None:
        raise ConfigError("--out: expected a new run directory to write, found nothing")
    if settings["keep_layers"] is not None and settings["max_accuracy_drop"] is not None:
        raise ConfigError(
            "--keep-layers: expected instead of --max-accuracy-drop, found both; leave one out"
        )
    plan = changed(Plan(run=str(run.resolve())), **settings)
    Subject.of(Run(run), plan)
    plan = replace(plan, weights=Run(run).weights_digest())
    make_new(out)
    write_ledger(Run(out), Ledger(plan=plan))
    return Run(out)


def _stopped(
    resume: Path, run: Path | None, out: Path | None, settings: dict[str, float | int | None]
) -> Run:
    given = {"RUN": run, "--out": out} | {
        f"--{name.replace('_', '-')}": value for name, value in settings.items()
    }
    for option, value in given.items():
        if value is not None:
            raise ConfigError(
                f"{option}: expected nothing beside --resume, for the pruning keeps its own "
                "settings; leave it out"
            )
    directory = Run(resume)
    if read_ledger(directory).result is not None and directory.finished:
        forget_attempts(directory)  # which a stop in the last moment may have left
        raise RunError(
            f"{resume}: expected a pruning that was stopped, found a finished one; "
            "nothing is left to do"
        )
    return directory


@contextmanager
def _bar(description: str, total: int) -> Iterator[Step]:
    """Draw a bar of its own for each step: the fine-tunings between them draw theirs."""
    with bars() as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.advance(task, done)


def _tell(attempt: Attempt) -> None:
    verdict = "taken so far" if attempt.within else "too much"
    typer.echo(
        f"{attempt.removed} layers removed, fine-tuned: {attempt.accuracy:.2%} of the validation "
        f"rows, {verdict}",
        err=True,
    )


def _table(result: Result) -> Table:
    before, after = result.before, result.after
    table = Table(title="given up and gained", title_justify="left")
    for title in ("", "before", "after", "ratio"):
        table.add_column(title, justify="right" if title else "left")
    for name, digits, *values in (
        ("highway layers", 0, before.cost.highway_layers, after.cost.highway_layers),
        ("parameters", 0, before.cost.parameters, after.cost.parameters),
        ("bytes of weights", 0, before.cost.weight_bytes, after.cost.weight_bytes),
        ("ms for 1 row", 2, before.cost.latency_1_row, after.cost.latency_1_row),
        ("ms for 32 rows", 2, before.cost.latency_32_rows, after.cost.latency_32_rows),
    ):
        shown = (f"{value:,.{digits}f}" for value in values)
        table.add_row(name, *shown, f"{values[1] / values[0]:.2f}")
    for name, sides in (
        ("validation accuracy", (before.validation, after.validation)),
        ("test accuracy", (before.test, after.test)),
    ):
        first, second = (side.accuracy for side in sides)
        table.add_row(
            name, f"{first:.2%}", f"{second:.2%}", f"{(second - first) * 100:+.2f} points"
        )
    table.caption = "latencies: torch on one thread; the test rows decided nothing"
    return table


def _words(run: Run, result: Result) -> str:
    left = result.after.cost.highway_layers
    parts = [f"{left} highway layers left of {result.before.cost.highway_layers}"]
    if result.constant_gates:
        parts.append(f"constant gates in layers {', '.join(map(str, result.constant_gates))}")
    if result.dropped_units:
        parts.append(f"{result.dropped_units} dead units dropped")
    parts.append("fine-tuned" if result.finetuned else "weights as they were")
    return f"{run.path}: {', '.join(parts)}"
