"""`python -m models gates`: pictures of what a trained network's gates do."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from models.commands import options
from models.commands.bars import bars
from models.commands.evaluate import chosen_rows
from models.data.dataset import Part
from models.directory import make_new
from models.errors import ConfigError
from models.gates.report import GateReport, Sample, Steps, gate_report
from models.gates.statistics import Step
from models.run import Run

NUMBERS = "gates.json"
LEAST_SHOWN = 5  # layers named in the summary


def gates_command(
    run: options.RunPath,
    data: options.Data = None,
    out: Annotated[
        Path | None, typer.Option(help="New directory to write.", show_default=False)
    ] = None,
    part: options.PartName = None,
    target: options.Target = None,
    without: options.Without = None,
    rows: Annotated[
        int | None, typer.Option(help="Only the first rows, to be quick.", show_default=False)
    ] = None,
    sample: Annotated[
        int, typer.Option(help="The row, from 0, for the pictures of a single one.")
    ] = 0,
) -> None:
    """Draw what a trained network's gates do, and what it loses when layers are closed."""
    if out is None:
        raise ConfigError("--out: expected a new directory to write, found nothing")
    trained = Run(run)
    config = trained.config()
    if not config.network.highway_blocks:
        raise ConfigError(
            f"{run}: expected a network with highway layers, found a plain one; it has no gates"
        )
    network = trained.network()
    where, found = chosen_rows(
        trained, config, data, part, target, tuple(without or ()), usual="train"
    )
    _check_numbers(found, rows, sample)
    make_new(out)  # before the work, so that nothing is computed in vain
    labels = config.data.labels
    chosen = found.take(slice(rows))
    layers = len(config.network.highway_blocks)
    with bars() as progress:

        def told(description: str, passes: int) -> Step:
            return partial(
                progress.advance, progress.add_task(description, total=passes * len(chosen))
            )

        report = gate_report(
            network,
            chosen,
            run=str(run),
            rows_of=where,
            labels=labels,
            sample=Sample(row=sample, label=labels[found.y[sample]]),
            sample_row=found.x[sample],
            steps=Steps(
                means=told("mean gates", 1),
                single=told("each layer closed", layers),
                joint=told("several layers closed", layers + 1),
            ),
        )
    from models.gates.pictures import PICTURES, write_pictures  # imports matplotlib: slow

    write_pictures(report, out)
    (out / NUMBERS).write_text(json.dumps(asdict(report)) + "\n", encoding="utf-8")
    typer.echo(
        f"{out}: {len(PICTURES)} pictures and {NUMBERS} over {report.rows:,} rows; "
        f"layers that matter least: {_least_useful(report)}"
    )


def _check_numbers(found: Part, rows: int | None, sample: int) -> None:
    if rows is not None and rows < 1:
        raise ConfigError(f"--rows: expected 1 or more, found {rows}")
    if not 0 <= sample < len(found):
        raise ConfigError(f"--sample: expected a row from 0 to {len(found) - 1}, found {sample}")


def _least_useful(report: GateReport) -> str:
    return ", ".join(map(str, report.joint_lesions[-1].closed[:LEAST_SHOWN]))
