"""What the client gives back, out of either form of the server's answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ValidationError

from service.client.description import ModelDescription
from service.client.errors import AnswerError
from service.client.exchange import Reply
from service.client.tensors import FloatArray, Inference, unreadable_json
from service.contract import GATE_MEAN, GATE_UNITS, PROBABILITIES


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What the network says of each row.

    `labels` has one for each row; `probabilities` is float32 (rows, classes); `gates` is float32
    (rows, layers), the mean transform gate of each highway layer from 0 to 1, before `gate_scale`;
    `gate_units`, where asked for, has float32 (rows, width) for each layer. `timing_ms` is the
    server's own account, by the names it gives; `request_id` is what its log calls the request.
    """

    model_name: str
    model_version: str
    labels: tuple[str, ...]
    probabilities: FloatArray
    gates: FloatArray
    gate_units: tuple[FloatArray, ...] | None = None
    timing_ms: Mapping[str, float]
    request_id: str | None = None

    def __len__(self) -> int:
        return len(self.labels)


class _Prediction(BaseModel):
    label: str
    probabilities: list[float]
    gate_mean: list[float]


class _Answer(BaseModel):
    model_name: str
    model_version: str
    predictions: list[_Prediction]


def of_inference(answer: Inference, model: ModelDescription, reply: Reply) -> Predictions:
    """Name the tensors' columns by the model's description."""
    for name, width in ((PROBABILITIES, len(model.labels)), (GATE_MEAN, len(model.layers))):
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
        gate_units=_by_layer(answer.tensors.get(GATE_UNITS), model),
        timing_ms=read_timing(reply.headers.get("Server-Timing", "")),
        request_id=reply.headers.get("X-Request-Id"),
    )


def of_instances(reply: Reply) -> Predictions:
    """Read the answer to `{"instances": […]}`; what cannot be read is an `AnswerError`."""
    try:
        answer = _Answer.model_validate_json(reply.content)
    except ValidationError as error:
        raise unreadable_json(error) from error
    rows = answer.predictions
    try:
        probabilities = np.array([row.probabilities for row in rows], np.float32)
        gates = np.array([row.gate_mean for row in rows], np.float32)
    except ValueError as error:
        raise AnswerError(
            "answer: expected as many probabilities and gates for every row, found rows that differ"
        ) from error
    return Predictions(
        model_name=answer.model_name,
        model_version=answer.model_version,
        labels=tuple(row.label for row in rows),
        probabilities=probabilities,
        gates=gates,
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


def _by_layer(units: FloatArray | None, model: ModelDescription) -> tuple[FloatArray, ...] | None:
    if units is None:
        return None
    ends = np.cumsum([layer.width for layer in model.layers])
    if not len(ends) or units.shape[1] != ends[-1]:
        raise AnswerError(
            f"answer: expected the output {GATE_UNITS!r} to have the layers' widths, found others"
        )
    return tuple(np.split(units, ends[:-1], axis=1))
