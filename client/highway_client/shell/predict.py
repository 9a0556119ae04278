"""`highway predict`: send the rows of a file to a server and show or write the predictions."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from highway_client.description import ModelDescription
from highway_client.errors import ArgumentError, ClientError
from highway_client.files.reading import read_rows, written
from highway_client.files.rows import Batch, FileRows
from highway_client.json_values import dump
from highway_client.predictions import TYPICALITY_COLUMNS, Predictions
from highway_client.shell.connection import Connection
from highway_client.shell.options import (
    DEFAULT_URL,
    ApiKey,
    Csv,
    Delimiter,
    Encoding,
    Invert,
    Json,
    Model,
    Url,
    check_one,
)
from highway_client.shell.output import Write, printed_csv, written_file
from highway_client.shell.prediction_tables import many_rows, one_row
from highway_client.terminal import escaped

MAX_NOTES = 5  # of the pictures of a folder
FEW_ROWS = 1024  # are predicted in a moment


def predict(
    file: Annotated[
        Path,
        typer.Argument(
            help="Rows as .csv, .parquet, .feather, .xlsx, .json, .npy or .npz, images of MNIST, "
            "a picture, or a folder of pictures."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write the predictions to this .csv or .parquet file.")
    ] = None,
    url: Url = DEFAULT_URL,
    model: Model = None,
    api_key: ApiKey = None,
    json_output: Json = False,
    csv_output: Csv = False,
    invert: Invert = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
) -> None:
    """Send the rows of FILE to a running server and show labels, typicality and gates."""
    check_one(json=json_output, csv=csv_output, out=out is not None)
    if out is not None and _is_same(out, file):
        raise ArgumentError(f"--out: expected another file than the rows, found {str(out)!r}")
    with Connection(url, model=model, api_key=api_key) as connection:
        described = connection.model()
        row = written(described.input, delimiter=delimiter, encoding=encoding)
        rows = read_rows(file, row, invert=invert)
        for note in rows.notes:
            typer.echo(escaped(note), err=True)
        predicted = _predicted(connection, file, rows, described)
        if out is not None:
            count = _write(written_file(out), predicted, described)
            typer.echo(f"{count:,} predictions are in {escaped(str(out))}", err=True)
        elif csv_output:
            _write(printed_csv(), predicted, described)
        else:
            _show(list(predicted), json_output=json_output)


def _is_same(out: Path, file: Path) -> bool:
    return out.exists() and file.exists() and out.samefile(file)


def _predicted(
    connection: Connection, file: Path, rows: FileRows, model: ModelDescription
) -> Iterator[tuple[Batch, Predictions]]:
    """Predict one batch after another, with a bar of progress on a terminal."""
    is_short = rows.count is not None and rows.count <= FEW_ROWS
    is_shown = sys.stderr.isatty() and not is_short
    done, notes = 0, _Notes()
    with Progress(console=Console(stderr=True), transient=True, disable=not is_shown) as progress:
        task = progress.add_task("rows", total=rows.count)
        for batch in rows.batches:
            notes.show(batch.notes)
            try:
                predictions = connection.predict_part(batch.rows, model)
            except ClientError as error:
                where = f", rows from number {done + 1}" if done else ""
                raise ClientError(f"{file}{where}: {error}") from error
            done += len(predictions)
            progress.update(task, completed=done)
            yield batch, predictions
    notes.finish()


class _Notes:
    """Shows the first notes on pictures, and counts the others."""

    def __init__(self) -> None:
        self._count = 0

    def show(self, notes: Sequence[str]) -> None:
        for note in notes[: max(0, MAX_NOTES - self._count)]:
            typer.echo(escaped(note), err=True)
        self._count += len(notes)

    def finish(self) -> None:
        if self._count > MAX_NOTES:
            typer.echo(f"and {self._count - MAX_NOTES:,} more notes on other pictures", err=True)


def _write(
    opened: AbstractContextManager[Write],
    predicted: Iterator[tuple[Batch, Predictions]],
    model: ModelDescription,
) -> int:
    count = 0
    with opened as write:
        for batch, predictions in predicted:
            write(_columns(batch, predictions, model, count + 1))
            count += len(predictions)
    return count


def _columns(
    batch: Batch, predictions: Predictions, model: ModelDescription, first: int
) -> dict[str, Iterable[Any]]:
    """Return the columns of a file: rows by number, from 1, or by the names of their files."""
    columns = predictions.columns()
    probabilities = zip(model.labels, predictions.probabilities.T, strict=True)
    return {
        **(
            {"row": range(first, first + len(predictions))}
            if batch.names is None
            else {"file": batch.names}
        ),
        "label": columns.pop("label"),
        "probability": columns.pop("probability"),
        **{f"probability_{label}": values for label, values in probabilities},
        **columns,
    }


def _show(predicted: Sequence[tuple[Batch, Predictions]], *, json_output: bool) -> None:
    parts = [predictions for _, predictions in predicted]
    if json_output:
        typer.echo(_json(parts))
    elif len(parts) == 1 and len(parts[0]) == 1:
        Console().print(one_row(parts[0]))
    else:
        names = [name for batch, _ in predicted for name in batch.names or ()]
        Console().print(many_rows(parts, names))


def _json(parts: Sequence[Predictions]) -> str:
    """Write all rows as one response of `/predict`."""
    predictions = [
        {
            "label": label,
            "probability": probabilities.max(),
            "probabilities": probabilities,
            "gate_mean": gates,
            "typicality": dict(zip(TYPICALITY_COLUMNS, typicality, strict=True)),
        }
        for part in parts
        for label, probabilities, gates, typicality in zip(
            part.labels, part.probabilities, part.gates, part.typicality, strict=True
        )
    ]
    first = parts[0]
    body = {"model_name": first.model_name, "model_version": first.model_version}
    return dump(body | {"predictions": predictions}).decode()
