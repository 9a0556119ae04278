"""`highway explain`: explain the label of one row of a file."""

from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer
from rich.console import Console

from highway_client.attempts import Response
from highway_client.calls import Row
from highway_client.column_values import named_values
from highway_client.description import ModelDescription
from highway_client.errors import ClientError, FileError
from highway_client.explanations import read_explanation
from highway_client.files.reading import read_rows, written
from highway_client.files.rows import FileRows
from highway_client.shell.connection import Connection
from highway_client.shell.explanation_tables import explanation_tables
from highway_client.shell.options import (
    DEFAULT_URL,
    ApiKey,
    Csv,
    Delimiter,
    Encoding,
    Inputs,
    Invert,
    Json,
    Model,
    Url,
    check_one,
)
from highway_client.shell.output import print_csv
from highway_client.terminal import escaped


def explain(
    file: Annotated[Path, typer.Argument(help="Rows, as `highway predict` reads them.")],
    row: Annotated[int, typer.Option(min=1, help="Number of the row, from 1.")] = 1,
    inputs: Inputs = False,
    url: Url = DEFAULT_URL,
    model: Model = None,
    api_key: ApiKey = None,
    json_output: Json = False,
    csv_output: Csv = False,
    invert: Invert = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
) -> None:
    """Explain the label of one row of FILE: its layers, and with --inputs its inputs."""
    check_one(json=json_output, csv=csv_output)
    with Connection(url, model=model, api_key=api_key) as connection:
        described = connection.model()
        form = written(described.input, delimiter=delimiter, encoding=encoding)
        rows = read_rows(file, form, invert=invert)
        for note in rows.notes:
            typer.echo(escaped(note), err=True)
        instance = _instance(file, rows, row, described)
        try:
            response = connection.explanation(instance, inputs=inputs)
        except ClientError as error:
            raise ClientError(f"{file}, row {row}: {error}") from error
    show_explanation(response, json_output=json_output, csv_output=csv_output)


def show_explanation(response: Response, *, json_output: bool, csv_output: bool) -> None:
    """Print an explanation as JSON, CSV or tables.

    CSV has a line for each layer; if inputs were requested, for each column or patch instead.
    """
    explanation = read_explanation(response)
    if json_output:
        typer.echo(response.content.decode())
    elif csv_output:
        inputs = explanation.inputs
        layers = {"layer": explanation.layers, **explanation.columns()}
        table = layers if inputs is None else inputs.table()
        print_csv(tuple(table), zip(*table.values(), strict=True))
    else:
        Console().print(explanation_tables(explanation))


def _instance(file: Path, rows: FileRows, number: int, model: ModelDescription) -> Row:
    """Return a row of a file in the form of JSON."""
    count = 0
    for batch in rows.batches:
        part = cast(list[Row], batch.rows)
        if number <= count + len(part):
            row = part[number - 1 - count]
            if isinstance(row, np.ndarray) and model.input.columns:
                return named_values(row, model.input.columns)
            return row
        count += len(part)
    raise FileError(f"{file}: expected --row from 1 to {count}, found {number}")
