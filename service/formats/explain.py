"""Request and response bodies of `/explain`."""

from typing import Any, NamedTuple

import numpy as np
import orjson

from service.arrays import FloatArray
from service.contract import GATE_MEAN, GATE_UNITS, LAYER_TYPICALITY, PROBABILITIES, Metadata
from service.errors import BodyError
from service.formats.explained_inputs import INPUTS, ExplainedInputs, inputs_members
from service.formats.json_documents import encode, parse_object
from service.formats.outline import max_row_bytes
from service.formats.parameters import read_flag
from service.formats.predict import PredictWriter
from service.formats.rows import read_instance
from service.formats.usual import usual_of_layers
from service.inference.explanation import Explanation
from service.inference.outputs import BatchOutputs

INSTANCE = "instance"
SEARCH = "greedy"  # a smaller set of layers may exist


class ExplainRequest(NamedTuple):
    """A row, (1, features), and whether the response has the gate of every unit, and the inputs."""

    row: FloatArray
    gate_units: bool
    inputs: bool


def read_explain(body: bytes, metadata: Metadata) -> ExplainRequest:
    """Read `{"instance": row, "gate_units": false, "inputs": false}`; errors as in `/predict`."""
    max_bytes = max_row_bytes(metadata.input.size)
    document = parse_object(body, INSTANCE, GATE_UNITS, INPUTS, max_bytes=max_bytes)
    instance = document.get(INSTANCE)
    if instance is None:
        raise BodyError(f"body: the member '{INSTANCE}' is missing")
    row = read_instance(body, instance, metadata.input, INSTANCE)
    gate_units, inputs = (read_flag(document, name) is True for name in (GATE_UNITS, INPUTS))
    return ExplainRequest(row, gate_units, inputs)


def encode_explanation(
    explanation: Explanation, metadata: Metadata, inputs: ExplainedInputs | None = None
) -> bytes:
    """Write the prediction, the effect of closing each layer, the counterfactual, and the inputs.

    Each layer has its `gate_units` if the explanation has that output.
    """
    layers = _layers(explanation, metadata)
    label = metadata.labels[explanation.label]
    outputs = BatchOutputs(explanation.outputs)
    (prediction,) = PredictWriter(metadata).predictions(outputs, 0, 1)
    members: dict[str, Any] = {
        "model_name": metadata.name,
        "model_version": metadata.version,
        "prediction": orjson.Fragment(prediction),
        "layers": layers,
        "decisive_layers": [layer["name"] for layer in layers if layer["closed"]["label"] != label],
        "counterfactual": _counterfactual(explanation, metadata),
    }
    if inputs is not None:
        probabilities = explanation.outputs[PROBABILITIES][0]
        members[INPUTS] = inputs_members(inputs, metadata, probabilities)
    return encode(members)


def _layers(explanation: Explanation, metadata: Metadata) -> list[dict[str, Any]]:
    outputs, label = explanation.outputs, explanation.label
    probabilities = explanation.closed[PROBABILITIES]
    changes = probabilities[:, label] - outputs[PROBABILITIES][0, label]
    layers = [
        {
            "name": layer.name,
            "number": layer.number,
            "gate_mean": openness,
            "usual": usual,
            "typicality": typicality,
            "closed": {
                "label": metadata.labels[closed_label],
                "probability": row[label],
                "probability_change": change,
            },
        }
        for layer, openness, usual, typicality, closed_label, row, change in zip(
            metadata.layers,
            outputs[GATE_MEAN][0],
            usual_of_layers(metadata, label),
            outputs[LAYER_TYPICALITY][0],
            probabilities.argmax(axis=1).tolist(),
            probabilities,
            changes,
            strict=True,
        )
    ]
    if GATE_UNITS in outputs:
        ends = np.cumsum([layer.width for layer in metadata.layers])
        units = np.split(outputs[GATE_UNITS][0], ends[:-1])
        layers = [layer | {"gate_units": u} for layer, u in zip(layers, units, strict=True)]
    return layers


def _counterfactual(explanation: Explanation, metadata: Metadata) -> dict[str, Any] | None:
    if explanation.counterfactual is None:
        return None
    closed, label = explanation.counterfactual
    return {
        "closed_layers": [metadata.layers[index].name for index in sorted(closed)],
        "label": metadata.labels[label],
        "search": SEARCH,
    }
