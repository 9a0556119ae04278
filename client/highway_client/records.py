"""Rows of past requests, read from the server's ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from highway_client.attempts import Response
from highway_client.json_values import FloatArray, JsonObject, unreadable
from highway_client.predictions import read_typicality


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRow:
    """One row of a past request; `row` is its index, from 0, among the request's `rows`.

    probabilities: float32 (classes,) in the order of `labels`. gates: float32 (layers,) in the
    order of `layers`, and so is `gate_scale`, None if the request had none. typicality: (3,) as in
    `Predictions`, None if the ledger has none. `weight` is the number of rows that this one
    represents. With `input_stored` the row can be predicted again.
    """

    id: str
    row: int
    rows: int
    time: datetime
    endpoint: str
    model_name: str
    model_version: str
    label: str
    labels: tuple[str, ...]
    probabilities: FloatArray
    layers: tuple[str, ...]
    gates: FloatArray
    gate_scale: FloatArray | None
    typicality: FloatArray | None
    timing_ms: Mapping[str, float]
    tags: tuple[str, ...]
    weight: float
    input_stored: bool


def read_recorded(response: Response) -> tuple[RecordedRow, ...]:
    """Read the response of `/requests/{id}`; a malformed one is a `ResponseError`."""
    return tuple(map(_recorded, JsonObject.parse(response.content).objects("rows")))


def _recorded(row: JsonObject) -> RecordedRow:
    labels, probabilities = row.named_numbers("probabilities")
    layers, gates = row.named_numbers("gate_mean")
    scale = row.optional("gate_scale", row.named_numbers)
    typicality = row.optional("typicality", row.object)
    phases, milliseconds = row.named_numbers("timing_ms")
    return RecordedRow(
        id=row.string("id"),
        row=row.integer("row"),
        rows=row.integer("rows"),
        time=_time(row.string("time")),
        endpoint=row.string("endpoint"),
        model_name=row.string("model_name"),
        model_version=row.string("model_version"),
        label=row.string("label"),
        labels=labels,
        probabilities=probabilities,
        layers=layers,
        gates=gates,
        gate_scale=scale and scale[1],
        typicality=None if typicality is None else read_typicality(typicality),
        timing_ms=dict(zip(phases, milliseconds.tolist(), strict=True)),
        tags=row.strings("tags"),
        weight=row.number("weight"),
        input_stored=row.boolean("input_stored"),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise unreadable("a time that is not in ISO 8601") from error
