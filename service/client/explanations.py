"""Which layers a label hangs on, out of the server's answer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ValidationError

from service.client import frames
from service.client.exchange import Reply
from service.client.predictions import Prediction
from service.client.tensors import FloatArray, unreadable_json

if TYPE_CHECKING:
    from service.client.frames import DataFrame


@dataclass(frozen=True, kw_only=True)
class SmallestSet:
    """Layers that together change the label to `label` when closed; none can be spared.

    The search is greedy: a smaller set may exist.
    """

    layers: tuple[str, ...]
    label: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What the network says of one row, and what it would say with each layer closed.

    `probabilities` is float32 (classes,), `gates` (layers,), `unusual` (3,) as in `Predictions`.
    In the order of `layers`: `closed_labels` with that layer alone closed, `closed_probabilities`
    float32 (layers,) of the label that the row has as it is, and `changes` of that probability,
    negative where it falls. `gate_units`, where asked for, is float32 (width,) for each layer.
    The closing of each layer of `hangs_on` alone changes the label; `smallest_set` is None where
    not even all layers together do.
    """

    model_name: str
    model_version: str
    label: str
    probability: float
    probabilities: FloatArray
    gates: FloatArray
    unusual: FloatArray
    layers: tuple[str, ...]
    closed_labels: tuple[str, ...]
    closed_probabilities: FloatArray
    changes: FloatArray
    gate_units: tuple[FloatArray, ...] | None
    hangs_on: tuple[str, ...]
    smallest_set: SmallestSet | None
    request_id: str | None

    def frame(self) -> "DataFrame":
        """Return a data frame with a line for each layer; it needs the extra `notebook`."""
        columns = {
            "gate": self.gates,
            "closed_label": self.closed_labels,
            "closed_probability": self.closed_probabilities,
            "change": self.changes,
        }
        return frames.table(columns, index=self.layers)


class _Closed(BaseModel):
    label: str
    probability: float
    change: float


class _Layer(BaseModel):
    name: str
    gate_mean: float
    closed: _Closed
    gate_units: list[float] | None = None


class _Answer(BaseModel):
    model_name: str
    model_version: str
    prediction: Prediction
    layers: list[_Layer]
    hangs_on: tuple[str, ...]
    smallest_set: SmallestSet | None


def read_explanation(reply: Reply) -> Explanation:
    """Read the answer of `/explain`; what cannot be read is an `AnswerError`."""
    try:
        answer = _Answer.model_validate_json(reply.content)
    except ValidationError as error:
        raise unreadable_json(error) from error
    layers, whole = answer.layers, answer.prediction
    return Explanation(
        model_name=answer.model_name,
        model_version=answer.model_version,
        label=whole.label,
        probability=whole.probability,
        probabilities=np.array(whole.probabilities, np.float32),
        gates=np.array([layer.gate_mean for layer in layers], np.float32),
        unusual=np.array(whole.unusual.shares(), np.float32),
        layers=tuple(layer.name for layer in layers),
        closed_labels=tuple(layer.closed.label for layer in layers),
        closed_probabilities=np.array([layer.closed.probability for layer in layers], np.float32),
        changes=np.array([layer.closed.change for layer in layers], np.float32),
        gate_units=_units(layers),
        hangs_on=answer.hangs_on,
        smallest_set=answer.smallest_set,
        request_id=reply.headers.get("X-Request-Id"),
    )


def _units(layers: list[_Layer]) -> tuple[FloatArray, ...] | None:
    units = [np.array(layer.gate_units, np.float32) for layer in layers if layer.gate_units]
    return tuple(units) if len(units) == len(layers) and units else None
