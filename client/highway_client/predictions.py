"""Predictions, read from either form of the server's response."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from highway_client import frames
from highway_client.attempts import Response
from highway_client.description import ModelDescription
from highway_client.json_values import FloatArray, JsonObject, unreadable
from highway_client.tensors import InferResponse

if TYPE_CHECKING:
    from highway_client.frames import DataFrame, Index

INPUT = "input"
GATE_SCALE = "gate_scale"
PROBABILITIES = "probabilities"
GATE_MEAN = "gate_mean"
GATE_UNITS = "gate_units"
TYPICALITY = "typicality"
LAYER_TYPICALITY = "layer_typicality"
USUAL = "usual"
TYPICALITY_COLUMNS = ("gates", "confidence", "combined")


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The predictions of a model for some rows.

    labels: one for each row. probabilities: float32 (rows, classes). gates: float32 (rows,
    layers), the mean transform gate of each highway layer from 0 to 1, before `gate_scale`;
    `layers` are their names. typicality: float32 (rows, 3), calibrated p-values in (0, 1] by the
    gates, by the confidence and by both combined; small means unusual. gate_units, if requested:
    float32 (rows, width) for each layer. layer_typicality, if requested: float32 (rows, layers),
    the p-value of each layer's gates alone. usual_low, usual_high: float32 (rows, layers), the
    range of the gates of most held-out rows with the row's label, or of all where few have it; None
    if the server does not know it. `timing_ms` are the server's own timings by phase;
    `request_ids` are the ids in the server's log and ledger of the requests that the rows were sent
    in, in order. `index` is that of the rows of a pandas data frame.
    """

    model_name: str
    model_version: str
    labels: tuple[str, ...]
    probabilities: FloatArray
    gates: FloatArray
    layers: tuple[str, ...]
    typicality: FloatArray
    gate_units: tuple[FloatArray, ...] | None = None
    layer_typicality: FloatArray | None = None
    usual_low: FloatArray | None = None
    usual_high: FloatArray | None = None
    timing_ms: Mapping[str, float]
    request_ids: tuple[str, ...] = ()
    index: "Index | None" = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def request_id(self) -> str | None:
        """The id of the first request."""
        return self.request_ids[0] if self.request_ids else None

    def frame(self) -> "DataFrame":
        """Return a data frame with the rows in order; it needs the extra `notebook`.

        Columns: label, probability, typicality_gates, typicality_confidence, typicality_combined,
        and the mean gate of each layer by its name. Where they are known, further columns of each
        layer are its name with "usual_low", "usual_high" and "typicality".
        """
        more = {
            f"{layer} {name}": column
            for name, values in self._by_layer.items()
            for layer, column in zip(self.layers, values.T, strict=True)
        }
        return frames.table({**self.columns(), **more}, index=self.index)

    def columns(self) -> dict[str, Sequence[str] | FloatArray]:
        """Return what has one value for each row, by name: all but probabilities and gate units."""
        typicality = zip(TYPICALITY_COLUMNS, self.typicality.T, strict=True)
        return {
            "label": self.labels,
            "probability": self.probabilities.max(axis=1),
            **{f"typicality_{column}": values for column, values in typicality},
            **dict(zip(self.layers, self.gates.T, strict=True)),
        }

    @property
    def _by_layer(self) -> dict[str, FloatArray]:
        """The known arrays (rows, layers) other than the gates."""
        known = {
            "usual_low": self.usual_low,
            "usual_high": self.usual_high,
            "typicality": self.layer_typicality,
        }
        return {name: values for name, values in known.items() if values is not None}


class _Usual(TypedDict):
    usual_low: FloatArray | None
    usual_high: FloatArray | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The prediction for one row, as the native endpoints write it."""

    label: str
    probability: float
    probabilities: FloatArray
    gate_mean: FloatArray
    typicality: FloatArray
    layer_typicality: FloatArray | None

    @classmethod
    def read(cls, row: JsonObject) -> "Prediction":
        """Read one prediction."""
        return cls(
            label=row.string("label"),
            probability=row.number("probability"),
            probabilities=row.numbers(PROBABILITIES),
            gate_mean=row.numbers(GATE_MEAN),
            typicality=read_typicality(row.object(TYPICALITY)),
            layer_typicality=row.optional(LAYER_TYPICALITY, row.numbers),
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
    of_layers = inference.tensors.get(LAYER_TYPICALITY)
    if of_layers is not None and of_layers.shape[1] != len(model.layers):
        raise unreadable(f"no output '{LAYER_TYPICALITY}' of {len(model.layers)} columns")
    probabilities = inference.tensors[PROBABILITIES]
    labels = tuple(model.labels[index] for index in probabilities.argmax(axis=1))
    return Predictions(
        model_name=inference.model_name,
        model_version=inference.model_version,
        labels=labels,
        probabilities=probabilities,
        gates=inference.tensors[GATE_MEAN],
        layers=model.layer_names,
        typicality=inference.tensors[TYPICALITY],
        gate_units=_by_layer(inference.tensors.get(GATE_UNITS), model),
        layer_typicality=of_layers,
        **_usual(model, labels),
        timing_ms=read_timing(response.headers.get("Server-Timing", "")),
        request_ids=_request_ids(response),
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
    by_label = tuple(row.label for row in rows)
    return Predictions(
        model_name=body.string("model_name"),
        model_version=body.string("model_version"),
        labels=by_label,
        probabilities=_stacked([row.probabilities for row in rows], labels),
        gates=_stacked([row.gate_mean for row in rows], layers),
        layers=model.layer_names,
        typicality=_stacked([row.typicality for row in rows], len(TYPICALITY_COLUMNS)),
        layer_typicality=_layer_typicality(rows, layers),
        **_usual(model, by_label),
        timing_ms=read_timing(response.headers.get("Server-Timing", "")),
        request_ids=_request_ids(response),
    )


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of several requests, in order, as those of one.

    All must be from one version of a model; `timing_ms` are sums.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    versions = sorted({part.model_version for part in parts})
    if len(versions) > 1:
        raise unreadable(
            f"the versions {' and '.join(versions)} of the model, which has changed between "
            "requests; call again"
        )
    phases = {phase for part in parts for phase in part.timing_ms}
    return replace(
        first,
        labels=tuple(label for part in parts for label in part.labels),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        gates=np.concatenate([part.gates for part in parts]),
        typicality=np.concatenate([part.typicality for part in parts]),
        gate_units=_joined_units([part.gate_units for part in parts]),
        layer_typicality=_joined([part.layer_typicality for part in parts]),
        usual_low=_joined([part.usual_low for part in parts]),
        usual_high=_joined([part.usual_high for part in parts]),
        timing_ms={
            phase: sum(part.timing_ms.get(phase, 0.0) for part in parts) for phase in sorted(phases)
        },
        request_ids=tuple(name for part in parts for name in part.request_ids),
    )


def read_timing(header: str) -> dict[str, float]:
    """Parse `Server-Timing`, such as `queue;dur=1.5, compute;dur=3`, as milliseconds by name."""
    without_strings = re.sub(r'"(?:[^"\\]|\\.)*"', "", header)
    entries = re.findall(
        r"([^\s,;=]+)[^,]*?;\s*dur\s*=\s*([0-9]+(?:\.[0-9]*)?)", without_strings, re.IGNORECASE
    )
    return {name: float(milliseconds) for name, milliseconds in entries}


def _joined(arrays: Sequence[FloatArray | None]) -> FloatArray | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if len(known) == len(arrays) else None


def _joined_units(
    parts: Sequence[tuple[FloatArray, ...] | None],
) -> tuple[FloatArray, ...] | None:
    known = [units for units in parts if units is not None]
    return tuple(map(np.concatenate, zip(*known, strict=True))) if known else None


def _usual(model: ModelDescription, labels: Sequence[str]) -> _Usual:
    low, high = model.usual_ranges(labels) or (None, None)
    return {"usual_low": low, "usual_high": high}


def _layer_typicality(rows: Sequence[Prediction], layers: int) -> FloatArray | None:
    known = [row.layer_typicality for row in rows if row.layer_typicality is not None]
    if len(known) < len(rows):
        return None
    if any(len(values) != layers for values in known):
        raise unreadable(f"rows without {layers} values of '{LAYER_TYPICALITY}'")
    return _stacked(known, layers)


def _request_ids(response: Response) -> tuple[str, ...]:
    name = response.headers.get("X-Request-Id")
    return () if name is None else (name,)


def _stacked(rows: Sequence[FloatArray], width: int) -> FloatArray:
    return np.array(rows, np.float32).reshape(len(rows), width)


def _by_layer(units: FloatArray | None, model: ModelDescription) -> tuple[FloatArray, ...] | None:
    if units is None:
        return None
    ends = np.cumsum([layer.width for layer in model.layers])
    if not len(ends) or units.shape[1] != ends[-1]:
        raise unreadable(f"an output '{GATE_UNITS}' whose width is not that of the layers")
    return tuple(np.split(units, ends[:-1], axis=1))
