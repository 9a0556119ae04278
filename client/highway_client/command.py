"""`highway predict`: send the rows of a file to a server and print the predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from highway_client.client import Client
from highway_client.display import many_rows, one_row
from highway_client.errors import ClientError
from highway_client.files.reading import read_rows, written
from highway_client.files.rows import FileRows
from highway_client.json_values import dump
from highway_client.predictions import TYPICALITY_COLUMNS, Predictions
from highway_client.terminal import escaped, run

app = typer.Typer(
    help="Send requests to a highway-networks server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def commands() -> None:
    """Send requests to a highway-networks server."""


@app.command()
def predict(
    file: Annotated[
        Path, typer.Argument(help="Rows as .json, .csv, .npy or .npz, or a picture: PNG, JPEG, …")
    ],
    url: Annotated[str, typer.Option(help="URL of the server.")] = "http://127.0.0.1:8000",
    model: Annotated[
        str | None, typer.Option(help="Name of the model; default: the server's first.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="HIGHWAY_CLIENT_KEY", help="API key of the server.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    invert: Annotated[
        bool, typer.Option("--invert", help="Invert the brightness of the picture.")
    ] = False,
    delimiter: Annotated[
        str | None,
        typer.Option(help='Delimiter of a table\'s cells, such as ";" or "tab"; default: found.'),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a table, such as cp1252; default: found.")
    ] = None,
) -> None:
    """Send the rows of FILE to a running server and show labels, typicality and gates."""
    try:
        with Client(url, model=model, api_key=api_key) as client:
            described = client.model()
            row = written(described.input, delimiter=delimiter, encoding=encoding)
            rows = read_rows(file, row, invert=invert)
            parts = _predictions(client, file, rows, row.size)
    except ClientError as error:
        raise SystemExit(f"error: {error}") from error
    if json_output:
        typer.echo(_json(parts))
    elif len(parts) == 1 and len(parts[0]) == 1:
        Console().print(one_row(parts[0], described))
    else:
        Console().print(many_rows(parts, described))


def _predictions(client: Client, file: Path, rows: FileRows, size: int) -> list[Predictions]:
    for note in rows.notes:
        typer.echo(escaped(note), err=True)
    predictions = []
    for start, part in rows.parts(size):
        try:
            predictions.append(client.predict(part))
        except ClientError as error:
            where = f", rows from number {start + 1}" if start else ""
            raise ClientError(f"{file}{where}: {error}") from error
    return predictions


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


def main() -> None:
    """Run a command."""
    run(app)
