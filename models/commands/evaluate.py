"""`highway evaluate`: scores of a trained network."""

import json
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from models.commands.choices import chosen_rows
from models.commands.options import RowsOptions
from models.commands.summary import balance_text, scores_text
from models.run import Run
from models.run_config import RunConfig
from models.scores import Scores, score
from service.terminal import bar, encodable, escaped, fit, shown

LARGEST_MATRIX = 25  # labels; a larger confusion matrix does not fit on a screen
WIDEST = 10_000  # columns, in which every table fits
LEAST_WIDTH = 6  # columns of a percentage


def evaluate(path: Path, options: RowsOptions, *, json_output: bool) -> None:
    """Score the network of a run and print tables, or all scores as JSON."""
    run = Run(path)
    config, network = run.config(), run.network()
    name, rows = chosen_rows(run, config, options, default="test")
    scores = score(network, rows, config.data.labels)
    if json_output:
        typer.echo(json.dumps({"run": str(path), "rows_of": name, **asdict(scores)}))
        return
    line = (
        f"{path}: {config.preset} on {name}, {scores_text(scores.overall)}, "
        f"{balance_text(scores)}, calibration error {scores.calibration_error:.2%}"
    )
    typer.echo(escaped(line))
    console = Console()
    matrix, numbered = _confusion_matrix(console, scores)
    console.print(_label_table(scores, numbered=numbered))
    if matrix is not None:
        console.print(matrix)
    if scores.overall.openness:
        console.print(_openness(config, scores))


def _label_table(scores: Scores, *, numbered: bool) -> Table:
    table = Table(title="scores by label", title_justify="left")
    if numbered:
        table.add_column("", justify="right")
    table.add_column("label")
    for title in ("rows", "precision", "recall", "F1"):
        table.add_column(title, justify="right", min_width=LEAST_WIDTH)
    for number, label in enumerate(scores.labels, start=1):
        shares = (f"{share:.1%}" for share in (label.precision, label.recall, label.f1))
        first = (str(number),) if numbered else ()
        table.add_row(*first, Text(shown(label.label)), str(label.rows), *shares)
    return fit(table)


def _confusion_matrix(console: Console, scores: Scores) -> tuple[RenderableType | None, bool]:
    """Return the matrix, and whether it has the numbers of the labels, which are narrower."""
    if len(scores.labels) > LARGEST_MATRIX:
        return None, False
    labels = [shown(label.label) for label in scores.labels]
    numbers = [str(number) for number in range(1, len(labels) + 1)]
    options = console.options.update(max_width=WIDEST)
    width = 0
    for names in (labels, numbers):
        matrix = _matrix(scores, names)
        width = Measurement.get(console, options, matrix).maximum
        if width <= console.width:
            return matrix, names is numbers
    return Text(f"the confusion matrix needs {width} columns; it is in the output of --json"), False


def _matrix(scores: Scores, names: list[str]) -> Table:
    zero = "·" if encodable("·") else "."
    table = Table(title="true label down, predicted label across", title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(Text(name), justify="right")
    for name, row in zip(names, scores.confusion, strict=True):
        table.add_row(Text(name), *(str(count) if count else zero for count in row))
    return fit(table)


def _openness(config: RunConfig, scores: Scores) -> Table:
    table = Table(title="mean gate of each layer", title_justify="left", show_header=False)
    for layer, share in zip(config.gate_layers, scores.overall.openness, strict=True):
        table.add_row(f"highway layer {layer.number}", bar(share), f"{share:.3f}")
    return fit(table)
