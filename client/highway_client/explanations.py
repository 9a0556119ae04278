"""Explanations: which layers decide a row's label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highway_client import frames
from highway_client.attempts import Response
from highway_client.input_effects import InputEffects, read_effects
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
    `counterfactual` is None if closing all layers leaves the label unchanged. layer_typicality:
    float32 (layers,), the p-value of each layer's gates alone. usual_low, usual_high: float32
    (layers,), the range of the gates of most held-out rows with this label. They are None if the
    server does not send them. `inputs`, if requested, are the effects of the row's inputs.
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
    layer_typicality: FloatArray | None = None
    usual_low: FloatArray | None = None
    usual_high: FloatArray | None = None
    inputs: InputEffects | None = None

    def frame(self) -> "DataFrame":
        """Return a data frame with one row for each layer; it needs the extra `notebook`."""
        return frames.table(self.columns(), index=frames.names_index(self.layers, "layer"))

    def columns(self) -> dict[str, Sequence[str] | FloatArray]:
        """Return what is known of each layer by name, each (layers,)."""
        known: dict[str, FloatArray | None] = {
            "usual_low": self.usual_low,
            "usual_high": self.usual_high,
            "typicality": self.layer_typicality,
        }
        return {
            "gate": self.gates,
            **{name: values for name, values in known.items() if values is not None},
            "closed_label": self.closed_labels,
            "closed_probability": self.closed_probabilities,
            "probability_change": self.probability_changes,
        }


def read_explanation(response: Response) -> Explanation:
    """Read the response of `/explain`; a malformed one is a `ResponseError`."""
    body = JsonObject.parse(response.content)
    prediction = Prediction.read(body.object("prediction"))
    layers = body.objects("layers")
    closed = [layer.object("closed") for layer in layers]
    counterfactual = body.optional("counterfactual", body.object)
    usual_low, usual_high = _usual(layers)
    inputs = body.optional("inputs", body.object)
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
        layer_typicality=_known([layer.optional("typicality", layer.number) for layer in layers]),
        usual_low=usual_low,
        usual_high=usual_high,
        inputs=None if inputs is None else read_effects(inputs),
    )


def _counterfactual(body: JsonObject) -> Counterfactual:
    return Counterfactual(closed_layers=body.strings("closed_layers"), label=body.string("label"))


def _usual(layers: list[JsonObject]) -> tuple[FloatArray | None, FloatArray | None]:
    """Return both ends of the usual ranges, which are null without held-out rows."""
    ranges = [layer.optional("usual", layer.object) for layer in layers]
    known = [each for each in ranges if each is not None]
    if not known or len(known) < len(layers):
        return None, None
    low, high = ([each.number(end) for each in known] for end in ("low", "high"))
    return _array(low), _array(high)


def _known(numbers: list[float | None]) -> FloatArray | None:
    """Return numbers of all layers as an array."""
    known = [number for number in numbers if number is not None]
    return _array(known) if known and len(known) == len(numbers) else None


def _gate_units(layers: list[JsonObject]) -> tuple[FloatArray, ...] | None:
    units = [layer.optional("gate_units", layer.numbers) for layer in layers]
    present = tuple(values for values in units if values is not None)
    return present if present and len(present) == len(layers) else None


def _array(numbers: list[float]) -> FloatArray:
    return np.array(numbers, np.float32)
