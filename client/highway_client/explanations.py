"""Explanations: which layers decide a row's label."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highway_client import frames
from highway_client.attempts import Response
from highway_client.json_values import FloatArray, JsonObject
from highway_client.predictions import Prediction

if TYPE_CHECKING:
    from highway_client.frames import DataFrame


@dataclass(frozen=True, kw_only=True)
class Counterfactual:
    """Layers that change the label to `label` when all of them are closed; none can be left out.

    The search is greedy: a smaller set may exist.
    """

    closed_layers: tuple[str, ...]
    label: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """The prediction for one row, and the predictions with each layer closed.

    probabilities: float32 (classes,). gates: float32 (layers,). typicality: (3,) as in
    `Predictions`. With each of the `layers` closed alone: `closed_labels` are the labels,
    `closed_probabilities`, float32 (layers,), the probabilities of the original label, and
    `probability_changes` their changes, negative where it falls. gate_units, if requested: float32
    (width,) for each layer. Closing any of the `decisive_layers` alone changes the label.
    `counterfactual` is None if closing all layers leaves the label unchanged.
    """

    model_name: str
    model_version: str
    label: str
    probability: float
    probabilities: FloatArray
    gates: FloatArray
    typicality: FloatArray
    layers: tuple[str, ...]
    closed_labels: tuple[str, ...]
    closed_probabilities: FloatArray
    probability_changes: FloatArray
    gate_units: tuple[FloatArray, ...] | None
    decisive_layers: tuple[str, ...]
    counterfactual: Counterfactual | None
    request_id: str | None

    def frame(self) -> "DataFrame":
        """Return a data frame with one row for each layer; it needs the extra `notebook`."""
        columns = {
            "gate": self.gates,
            "closed_label": self.closed_labels,
            "closed_probability": self.closed_probabilities,
            "probability_change": self.probability_changes,
        }
        return frames.table(columns, index=self.layers)


def read_explanation(response: Response) -> Explanation:
    """Read the response of `/explain`; a malformed one is a `ResponseError`."""
    body = JsonObject.parse(response.content)
    prediction = Prediction.read(body.object("prediction"))
    layers = body.objects("layers")
    closed = [layer.object("closed") for layer in layers]
    counterfactual = body.optional("counterfactual", body.object)
    return Explanation(
        model_name=body.string("model_name"),
        model_version=body.string("model_version"),
        label=prediction.label,
        probability=prediction.probability,
        probabilities=prediction.probabilities,
        gates=_array([layer.number("gate_mean") for layer in layers]),
        typicality=prediction.typicality,
        layers=tuple(layer.string("name") for layer in layers),
        closed_labels=tuple(result.string("label") for result in closed),
        closed_probabilities=_array([result.number("probability") for result in closed]),
        probability_changes=_array([result.number("probability_change") for result in closed]),
        gate_units=_gate_units(layers),
        decisive_layers=body.strings("decisive_layers"),
        counterfactual=None if counterfactual is None else _counterfactual(counterfactual),
        request_id=response.headers.get("X-Request-Id"),
    )


def _counterfactual(body: JsonObject) -> Counterfactual:
    return Counterfactual(closed_layers=body.strings("closed_layers"), label=body.string("label"))


def _gate_units(layers: list[JsonObject]) -> tuple[FloatArray, ...] | None:
    units = [layer.optional("gate_units", layer.numbers) for layer in layers]
    present = tuple(values for values in units if values is not None)
    return present if present and len(present) == len(layers) else None


def _array(numbers: list[float]) -> FloatArray:
    return np.array(numbers, np.float32)
