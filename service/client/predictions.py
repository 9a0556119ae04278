"""What the client gives back, out of either form of the server's answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ValidationError

from service.client import frames
from service.client.description import ModelDescription
from service.client.errors import AnswerError
from service.client.exchange import Reply
from service.client.tensors import FloatArray, Inference, unreadable_json
from service.contract import GATE_MEAN, GATE_UNITS, PROBABILITIES, UNUSUAL, UNUSUAL_BY

if TYPE_CHECKING:
    from service.client.frames import DataFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What the network says of each row.

    `labels` has one for each row; `probabilities` is float32 (rows, classes); `gates` is float32
    (rows, layers), the mean transform gate of each highway layer from 0 to 1, before `gate_scale`;
    `layers` are their names. `unusual` is float32 (rows, 3), the shares in (0, 1] of normal rows
    that look less usual than this one: by its gates, by its confidence, by both. `gate_units`,
    where asked for, has float32 (rows, width) for each layer. `timing_ms` is the server's own
    account, by the names it gives; `request_id` is what its log and ledger call the request.
    """

    model_name: str
    model_version: str
    labels: tuple[str, ...]
    probabilities: FloatArray
    gates: FloatArray
    layers: tuple[str, ...]
    unusual: FloatArray
    gate_units: tuple[FloatArray, ...] | None = None
    timing_ms: Mapping[str, float]
    request_id: str | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def frame(self) -> "DataFrame":
        """Return a data frame with a line for each row; it needs the extra `notebook`.

        Its columns: label, probability, unusual_gates, unusual_confidence, unusual_both, and the
        mean gate of each layer by its name.
        """
        unusual = zip(UNUSUAL_BY, self.unusual.T, strict=True)
        columns = {
            "label": self.labels,
            "probability": self.probabilities.max(axis=1),
            **{f"unusual_{sign}": shares for sign, shares in unusual},
            **dict(zip(self.layers, self.gates.T, strict=True)),
        }
        return frames.table(columns)


class Unusual(BaseModel):
    """How unusual a row is, as the server writes it."""

    gates: float
    confidence: float
    both: float

    def shares(self) -> tuple[float, float, float]:
        """Return them in the order of an array's columns."""
        return self.gates, self.confidence, self.both


class Prediction(BaseModel):
    """What the network says of a row, as the server writes it."""

    label: str
    probability: float
    probabilities: list[float]
    gate_mean: list[float]
    unusual: Unusual


class _Model(BaseModel):
    model_name: str
    model_version: str


class _Answer(_Model):
    predictions: list[Prediction]


def of_inference(answer: Inference, model: ModelDescription, reply: Reply) -> Predictions:
    """Name the tensors' columns by the model's description."""
    for name, width in (
        (PROBABILITIES, len(model.labels)),
        (GATE_MEAN, len(model.layers)),
        (UNUSUAL, len(UNUSUAL_BY)),
    ):
        if name not in answer.tensors or answer.tensors[name].shape[1] != width:
            raise AnswerError(
                f"answer: expected the output {name!r} of {width} columns, found none such"
            )
    probabilities = answer.tensors[PROBABILITIES]
    return Predictions(
        model_name=answer.model_name,
        model_version=answer.model_version,
        labels=tuple(model.labels[index] for index in probabilities.argmax(axis=1)),
        probabilities=probabilities,
        gates=answer.tensors[GATE_MEAN],
        layers=model.layer_names,
        unusual=answer.tensors[UNUSUAL],
        gate_units=_by_layer(answer.tensors.get(GATE_UNITS), model),
        timing_ms=read_timing(reply.headers.get("Server-Timing", "")),
        request_id=reply.headers.get("X-Request-Id"),
    )


def instances_model(reply: Reply) -> tuple[str, str]:
    """Return the name and version of the model that answered `{"instances": […]}`."""
    try:
        model = _Model.model_validate_json(reply.content)
    except ValidationError as error:
        raise unreadable_json(error) from error
    return model.model_name, model.model_version


def of_instances(reply: Reply, model: ModelDescription) -> Predictions:
    """Read the answer to `{"instances": […]}`; what cannot be read is an `AnswerError`."""
    try:
        answer = _Answer.model_validate_json(reply.content)
    except ValidationError as error:
        raise unreadable_json(error) from error
    rows = answer.predictions
    labels, layers = len(model.labels), len(model.layers)
    if any(len(r.probabilities) != labels or len(r.gate_mean) != layers for r in rows):
        raise AnswerError(
            f"answer: expected {labels} probabilities and {layers} gates for every row, found rows "
            "with others"
        )
    return Predictions(
        model_name=answer.model_name,
        model_version=answer.model_version,
        labels=tuple(row.label for row in rows),
        probabilities=_matrix([row.probabilities for row in rows]),
        gates=_matrix([row.gate_mean for row in rows]),
        layers=model.layer_names,
        unusual=_matrix([row.unusual.shares() for row in rows]),
        timing_ms=read_timing(reply.headers.get("Server-Timing", "")),
        request_id=reply.headers.get("X-Request-Id"),
    )


def read_timing(header: str) -> dict[str, float]:
    """Read `Server-Timing`, as in `queue;dur=1.5, infer;dur=3`, as milliseconds by name."""
    without_texts = re.sub(r'"(?:[^"\\]|\\.)*"', "", header)
    entries = re.findall(
        r"([^\s,;=]+)[^,]*?;\s*dur\s*=\s*([0-9]+(?:\.[0-9]*)?)", without_texts, re.IGNORECASE
    )
    return {name: float(milliseconds) for name, milliseconds in entries}


def _matrix(rows: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(rows, np.float32)


def _by_layer(units: FloatArray | None, model: ModelDescription) -> tuple[FloatArray, ...] | None:
    if units is None:
        return None
    ends = np.cumsum([layer.width for layer in model.layers])
    if not len(ends) or units.shape[1] != ends[-1]:
        raise AnswerError(
            f"answer: expected the output {GATE_UNITS!r} to have the layers' widths, found others"
        )
    return tuple(np.split(units, ends[:-1], axis=1))
