"""`python -m service predict`: a file's rows to a running server."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import typer
from rich.console import Console

from service.client.client import Client
from service.client.description import ModelDescription
from service.client.display import many_rows, one_row
from service.client.errors import ClientError
from service.client.files.reading import read_rows
from service.client.predictions import Predictions
from service.contract import UNUSUAL_BY


def predict_file(
    file: Path, *, url: str, model: str | None, json_output: bool, invert: bool
) -> None:
    """Print what the model at `url` says of the file's rows; notes go to standard error."""
    try:
        with Client(url, model=model) as client:
            described = client.model()
            answers = _answers(client, file, described, invert=invert)
    except ClientError as error:
        raise SystemExit(f"error: {error}") from error
    if json_output:
        typer.echo(_json(answers))
    elif len(answers) == 1 and len(answers[0]) == 1:
        Console().print(one_row(answers[0], described))
    else:
        Console().print(many_rows(answers, described))


def _answers(
    client: Client, file: Path, described: ModelDescription, *, invert: bool
) -> list[Predictions]:
    found = read_rows(file, described.input, invert=invert)
    for note in found.notes:
        typer.echo(note, err=True)
    answers = []
    for start, rows in found.parts(described.input.size):
        try:
            answers.append(client.predict(rows))
        except ClientError as error:
            part = f", rows from the {start + 1}th" if start else ""
            raise ClientError(f"{file}{part}: {error}") from error
    return answers


def _json(answers: Sequence[Predictions]) -> str:
    """Write all rows as one answer of `/predict`."""
    predictions = [
        {
            "label": label,
            "probability": probabilities.max(),
            "probabilities": probabilities,
            "gate_mean": gates,
            "unusual": dict(zip(UNUSUAL_BY, unusual, strict=True)),
        }
        for answer in answers
        for label, probabilities, gates, unusual in zip(
            answer.labels, answer.probabilities, answer.gates, answer.unusual, strict=True
        )
    ]
    whole = {
        "model_name": answers[0].model_name,
        "model_version": answers[0].model_version,
        "predictions": predictions,
    }
    return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY).decode()
