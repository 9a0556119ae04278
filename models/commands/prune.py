"""`highway prune`: write a smaller network with about the same accuracy."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from models.commands.choices import required
from models.commands.options import PlanOptions
from models.data.source import Source
from models.directory import create_directory
from models.errors import ConfigError, RunError, StoppedError
from models.progress import OnProgress, progress_bar
from models.pruning.attempts import discard, discard_attempts
from models.pruning.record import (
    Attempt,
    Plan,
    PruningRecord,
    Result,
    read_record,
    write_record,
)
from models.pruning.session import NothingToPruneError, Subject, prune
from models.run import Run
from models.settings import changed
from service.invocation import command
from service.terminal import escaped, fit


def start_pruning(run: Path | None, out: Path | None, options: PlanOptions) -> Run:
    """Create the directory of a new pruning, after a check that `run` can be pruned."""
    run = required(run, "RUN", "a run directory to prune")
    out = required(out, "--out", "a new run directory to write")
    if options.keep_layers is not None and options.max_accuracy_drop is not None:
        raise ConfigError("--keep-layers: not allowed with --max-accuracy-drop; leave one out")
    plan = changed(Plan(run=str(run.resolve())), **asdict(options))
    if plan.data is not None:
        plan = replace(plan, data=Source.of(plan.data).data)  # a resumed pruning may run elsewhere
    Subject.of(Run(run), plan)
    plan = replace(plan, weights=Run(run).weights_digest())
    create_directory(out)
    write_record(Run(out), PruningRecord(plan=plan))
    return Run(out)


def resume_pruning(path: Path) -> Run:
    """Return the directory of a stopped pruning; a `RunError` if it has finished."""
    directory = Run(path)
    if read_record(directory).result is not None and directory.finished:
        discard_attempts(directory)  # left if the pruning was stopped at its very end
        raise RunError(f"{path}: the pruning has finished; there is nothing to resume")
    return directory


def run_pruning(directory: Run, *, json_output: bool) -> None:
    """Run the pruning that a directory describes, and print its result."""
    try:
        result = prune(directory, _bar, _print_attempt)
    except (KeyboardInterrupt, StoppedError) as stop:
        raise StoppedError(
            f"stopped: finished steps are kept in {directory.path}; resume with "
            f"`{command('prune', '--resume', directory.path)}`"
        ) from stop
    except NothingToPruneError:
        discard(directory)
        raise
    if json_output:
        typer.echo(json.dumps({"run": str(directory.path), **asdict(result)}))
        return
    Console().print(fit(_table(result)))
    typer.echo(escaped(_summary(directory, result)))
    evaluate = command("evaluate", directory.path)
    export = command("export", directory.path, "model.onnx")
    typer.echo(escaped(f"next: `{evaluate}` or `{export}`"))


@contextmanager
def _bar(description: str, total: int) -> Iterator[OnProgress]:
    """Draw a bar for one step; trainings between the steps draw their own."""
    with progress_bar() as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.advance(task, done)


def _print_attempt(attempt: Attempt) -> None:
    decision = "within the budget" if attempt.within else "over the budget"
    interval = ""
    if attempt.interval is not None:
        interval = " (95 % interval {:.2%} to {:.2%})".format(*attempt.interval)
    typer.echo(
        f"{attempt.removed} layers removed and fine-tuned: validation accuracy "
        f"{attempt.accuracy:.2%}{interval}, {decision}",
        err=True,
    )


def _table(result: Result) -> Table:
    before, after = result.before, result.after
    table = Table(title="before and after pruning", title_justify="left")
    for title in ("", "before", "after", "ratio"):
        table.add_column(title, justify="right" if title else "left")
    for name, field, digits in (
        ("highway layers", "highway_layers", 0),
        ("parameters", "parameters", 0),
        ("bytes of weights", "weight_bytes", 0),
        ("ms for 1 row", "latency_1_row", 2),
        ("ms for 32 rows", "latency_32_rows", 2),
    ):
        old, new = (getattr(side.cost, field) for side in (before, after))
        table.add_row(name, f"{old:,.{digits}f}", f"{new:,.{digits}f}", f"{new / old:.2f}")
    for part in ("validation", "test"):
        old, new = (getattr(side, part).accuracy for side in (before, after))
        change = f"{(new - old) * 100:+.2f} points"
        table.add_row(f"{part} accuracy", f"{old:.2%}", f"{new:.2%}", change)
    table.caption = "latencies: torch on one thread; test rows were used for this table only"
    return table


def _summary(run: Run, result: Result) -> str:
    before, after = (side.cost.highway_layers for side in (result.before, result.after))
    parts = [f"{after} of {before} highway layers kept"]
    if result.constant_gates:
        parts.append(f"constant gates in layers {', '.join(map(str, result.constant_gates))}")
    if result.dropped_units:
        parts.append(f"{result.dropped_units} dead units dropped")
    parts.append("fine-tuned" if result.finetuned else "not fine-tuned")
    return f"{run.path}: {', '.join(parts)}"
