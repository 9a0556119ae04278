"""`highway evaluate`: scores of a trained network."""

import json
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from models.commands.choices import chosen_rows
from models.commands.options import RowsOptions
from models.commands.summary import scores_text
from models.run import Run
from models.run_config import RunConfig
from models.scores import Scores, score

LARGEST_MATRIX = 25  # labels; a larger confusion matrix does not fit on a screen
OPENNESS_BAR = 30  # characters for fully open gates


def evaluate(path: Path, options: RowsOptions, *, json_output: bool) -> None:
    """Score the network of a run and print tables, or all scores as JSON."""
    run = Run(path)
    config, network = run.config(), run.network()
    name, rows = chosen_rows(run, config, options, default="test")
    scores = score(network, rows, config.data.labels)
    if json_output:
        typer.echo(json.dumps({"run": str(path), "rows_of": name, **asdict(scores)}))
        return
    typer.echo(
        f"{path}: {config.preset} on {name}, {scores_text(scores.overall)}, "
        f"calibration error {scores.calibration_error:.2%}"
    )
    console = Console()
    console.print(_label_table(scores))
    if len(scores.labels) <= LARGEST_MATRIX:
        console.print(_confusion_matrix(scores))
    if scores.overall.openness:
        console.print(_openness(config, scores))


def _label_table(scores: Scores) -> Table:
    table = Table("label", title="scores by label", title_justify="left")
    for title in ("rows", "precision", "recall", "F1"):
        table.add_column(title, justify="right")
    for label in scores.labels:
        shares = (f"{share:.1%}" for share in (label.precision, label.recall, label.f1))
        table.add_row(label.label, str(label.rows), *shares)
    return table


def _confusion_matrix(scores: Scores) -> Table:
    table = Table("", title="true label down, predicted label across", title_justify="left")
    for label in scores.labels:
        table.add_column(label.label, justify="right")
    for label, row in zip(scores.labels, scores.confusion, strict=True):
        table.add_row(label.label, *(str(count) if count else "·" for count in row))
    return table


def _openness(config: RunConfig, scores: Scores) -> Table:
    table = Table(title="mean gate of each layer", title_justify="left", show_header=False)
    for block, share in zip(config.network.highway_blocks, scores.overall.openness, strict=True):
        bar = ("█" * round(share * OPENNESS_BAR)).ljust(OPENNESS_BAR, "·")
        table.add_row(f"highway layer {block.number}", bar, f"{share:.3f}")
    return table
