"""`highway gates`: pictures of a trained network's gates."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import typer

from models.commands.choices import chosen_rows, required
from models.commands.options import RowsOptions
from models.commands.summary import least_useful_text
from models.directory import create_directory
from models.errors import ConfigError
from models.gates.pictures import PICTURES, write_pictures
from models.gates.reordering import reordering_work
from models.gates.report import Sample, Steps, gate_report
from models.progress import OnProgress, progress_bar
from models.run import Run
from service.invocation import command
from service.terminal import escaped

NUMBERS = "gates.json"
SUMMARY_LAYERS = 5  # layers named in the summary


def draw_gates(
    path: Path, options: RowsOptions, out: Path | None, first_rows: int | None, sample: int
) -> None:
    """Write the pictures of the gates of a run's network, and the numbers behind them."""
    out = required(out, "--out", "a new directory to write")
    run = Run(path)
    config = run.config()
    if not config.gate_layers:
        raise ConfigError(f"{path}: a plain network has no gates; choose a highway network")
    network = run.network()
    name, part = chosen_rows(run, config, options, default="train")
    if first_rows is not None and first_rows < 1:
        raise ConfigError(f"--rows: expected 1 or more, found {first_rows}")
    if not 0 <= sample < len(part):
        raise ConfigError(f"--sample: expected an index from 0 to {len(part) - 1}, found {sample}")
    labels = config.data.labels
    rows = part.take(slice(first_rows))
    layers = len(config.gate_layers)
    # A directory that cannot be created is an error before the computation, not after it.
    with _new_directory(out), progress_bar() as progress:

        def bar(description: str, work: int) -> OnProgress:
            task = progress.add_task(description, total=work)
            return partial(progress.advance, task)

        report = gate_report(
            network,
            rows,
            run=str(path),
            rows_of=name,
            labels=labels,
            sample=Sample(row=sample, label=labels[part.y[sample]]),
            sample_row=part.x[sample],
            steps=Steps(
                means=bar("mean gates", len(rows)),
                single=bar("each layer closed", layers * len(rows)),
                joint=bar("several layers closed", (layers + 1) * len(rows)),
                estimation=bar("estimation errors", len(rows)),
                reordering=bar("layers reordered", reordering_work(network, len(rows))),
            ),
        )
        write_pictures(report, out)
        (out / NUMBERS).write_text(json.dumps(asdict(report)) + "\n", encoding="utf-8")
    line = (
        f"{out}: {len(PICTURES)} pictures and {NUMBERS} over {report.rows:,} rows; "
        f"{least_useful_text(report, SUMMARY_LAYERS)}"
    )
    typer.echo(escaped(line))
    if len(config.network.highway_blocks) > 1:
        prune = command("prune", path, "--out", "NEW_RUN")
        typer.echo(escaped(f"next: `{prune}` removes layers that are not needed"))


@contextmanager
def _new_directory(path: Path) -> Iterator[None]:
    """Create a directory; if the block fails or is interrupted, remove it with its files."""
    existed = path.exists()
    create_directory(path)
    try:
        yield
    except BaseException:
        for file in path.iterdir():
            file.unlink()
        if not existed:
            path.rmdir()
        raise
