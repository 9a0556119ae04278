"""Predictions, read from either form of the server's response."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highway_client import frames
from highway_client.attempts import Response
from highway_client.description import ModelDescription
from highway_client.json_values import FloatArray, JsonObject, unreadable
from highway_client.tensors import InferResponse

if TYPE_CHECKING:
    from highway_client.frames import DataFrame

INPUT = "input"
GATE_SCALE = "gate_scale"
PROBABILITIES = "probabilities"
GATE_MEAN = "gate_mean"
GATE_UNITS = "gate_units"
TYPICALITY = "typicality"
TYPICALITY_COLUMNS = ("gates", "confidence", "combined")


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The predictions of a model for some rows.

    labels: one for each row. probabilities: float32 (rows, classes). gates: float32 (rows,
    layers), the mean transform gate of each highway layer from 0 to 1, before `gate_scale`;
    `layers` are their names. typicality: float32 (rows, 3), calibrated p-values in (0, 1] by the
    gates, by the confidence and by both combined; small means unusual. gate_units, if requested:
    float32 (rows, width) for each layer. `timing_ms` are the server's own timings by phase;
    `request_id` is the request's id in the server's log and ledger.
    """

    model_name: str
    model_version: str
    labels: tuple[str, ...]
    probabilities: FloatArray
    gates: FloatArray
    layers: tuple[str, ...]
    typicality: FloatArray
    gate_units: tuple[FloatArray, ...] | None = None
    timing_ms: Mapping[str, float]
    request_id: str | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def frame(self) -> "DataFrame":
        """Return a data frame with the rows in order; it needs the extra `notebook`.

        Columns: label, probability, typicality_gates, typicality_confidence, typicality_combined,
        and the mean gate of each layer by its name.
        """
        typicality = zip(TYPICALITY_COLUMNS, self.typicality.T, strict=True)
        columns = {
            "label": self.labels,
            "probability": self.probabilities.max(axis=1),
            **{f"typicality_{column}": values for column, values in typicality},
            **dict(zip(self.layers, self.gates.T, strict=True)),
        }
        return frames.table(columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The prediction for one row, as the native endpoints write it."""

    label: str
    probability: float
    probabilities: FloatArray
    gate_mean: FloatArray
    typicality: FloatArray

    @classmethod
    def read(cls, row: JsonObject) -> "Prediction":
        """Read one prediction."""
        return cls(
            label=row.string("label"),
            probability=row.number("probability"),
            probabilities=row.numbers(PROBABILITIES),
            gate_mean=row.numbers(GATE_MEAN),
            typicality=read_typicality(row.object(TYPICALITY)),
        )


def read_typicality(values: JsonObject) -> FloatArray:
    """Read p-values as float32 (3,)."""
    return np.array([values.number(column) for column in TYPICALITY_COLUMNS], np.float32)


def from_tensors(
    inference: InferResponse, model: ModelDescription, response: Response
) -> Predictions:
    """Convert a response of the protocol endpoint."""
    for name, width in (
        (PROBABILITIES, len(model.labels)),
        (GATE_MEAN, len(model.layers)),
        (TYPICALITY, len(TYPICALITY_COLUMNS)),
    ):
        if name not in inference.tensors or inference.tensors[name].shape[1] != width:
            raise unreadable(f"no output '{name}' of {width} columns")
    probabilities = inference.tensors[PROBABILITIES]
    return Predictions(
        model_name=inference.model_name,
        model_version=inference.model_version,
        labels=tuple(model.labels[index] for index in probabilities.argmax(axis=1)),
        probabilities=probabilities,
        gates=inference.tensors[GATE_MEAN],
        layers=model.layer_names,
        typicality=inference.tensors[TYPICALITY],
        gate_units=_by_layer(inference.tensors.get(GATE_UNITS), model),
        timing_ms=read_timing(response.headers.get("Server-Timing", "")),
        request_id=response.headers.get("X-Request-Id"),
    )


def read_model(response: Response) -> tuple[str, str]:
    """Return the name and version of the model in a response of a native endpoint."""
    body = JsonObject.parse(response.content)
    return body.string("model_name"), body.string("model_version")


def from_instances(response: Response, model: ModelDescription) -> Predictions:
    """Read a response of the native endpoint; a malformed one is a `ResponseError`."""
    body = JsonObject.parse(response.content)
    rows = [Prediction.read(row) for row in body.objects("predictions")]
    labels, layers = len(model.labels), len(model.layers)
    if any(len(r.probabilities) != labels or len(r.gate_mean) != layers for r in rows):
        raise unreadable(f"rows without {labels} probabilities and {layers} gates")
    return Predictions(
        model_name=body.string("model_name"),
        model_version=body.string("model_version"),
        labels=tuple(row.label for row in rows),
        probabilities=_stacked([row.probabilities for row in rows], labels),
        gates=_stacked([row.gate_mean for row in rows], layers),
        layers=model.layer_names,
        typicality=_stacked([row.typicality for row in rows], len(TYPICALITY_COLUMNS)),
        timing_ms=read_timing(response.headers.get("Server-Timing", "")),
        request_id=response.headers.get("X-Request-Id"),
    )


def read_timing(header: str) -> dict[str, float]:
    """Parse `Server-Timing`, such as `queue;dur=1.5, compute;dur=3`, as milliseconds by name."""
    without_strings = re.sub(r'"(?:[^"\\]|\\.)*"', "", header)
    entries = re.findall(
        r"([^\s,;=]+)[^,]*?;\s*dur\s*=\s*([0-9]+(?:\.[0-9]*)?)", without_strings, re.IGNORECASE
    )
    return {name: float(milliseconds) for name, milliseconds in entries}


def _stacked(rows: Sequence[FloatArray], width: int) -> FloatArray:
    return np.array(rows, np.float32).reshape(len(rows), width)


def _by_layer(units: FloatArray | None, model: ModelDescription) -> tuple[FloatArray, ...] | None:
    if units is None:
        return None
    ends = np.cumsum([layer.width for layer in model.layers])
    if not len(ends) or units.shape[1] != ends[-1]:
        raise unreadable(f"an output '{GATE_UNITS}' whose width is not that of the layers")
    return tuple(np.split(units, ends[:-1], axis=1))
