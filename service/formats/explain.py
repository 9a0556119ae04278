"""Request and response bodies of `/explain`."""

from typing import Any, NamedTuple

import numpy as np
import orjson

from service.arrays import FloatArray
from service.contract import GATE_MEAN, GATE_UNITS, PROBABILITIES, Metadata
from service.errors import BodyError
from service.formats.json_documents import encode, parse_object
from service.formats.outline import max_row_bytes
from service.formats.parameters import read_flag
from service.formats.predict import PredictWriter
from service.formats.rows import read_instance
from service.inference.explanation import Explanation
from service.inference.outputs import BatchOutputs

INSTANCE = "instance"
SEARCH = "greedy"  # a smaller set of layers may exist


class ExplainRequest(NamedTuple):
    """A row, (1, features), and whether the response has the gate of every unit."""

    row: FloatArray
    gate_units: bool


def read_explain(body: bytes, metadata: Metadata) -> ExplainRequest:
    """Read `{"instance": row, "gate_units": false}`; errors as in `read_predict`."""
    max_bytes = max_row_bytes(metadata.input.size)
    document = parse_object(body, INSTANCE, GATE_UNITS, max_bytes=max_bytes)
    instance = document.get(INSTANCE)
    if instance is None:
        raise BodyError(f"body: the member '{INSTANCE}' is missing")
    row = read_instance(body, instance, metadata.input, INSTANCE)
    return ExplainRequest(row, read_flag(document, GATE_UNITS) is True)


def encode_explanation(explanation: Explanation, metadata: Metadata) -> bytes:
    """Write the prediction, the effect of closing each layer, and the counterfactual.

    Each layer has its `gate_units` if the explanation has that output.
    """
    layers = _layers(explanation, metadata)
    label = metadata.labels[explanation.label]
    outputs = BatchOutputs(explanation.outputs)
    (prediction,) = PredictWriter(metadata).predictions(outputs, 0, 1)
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "prediction": orjson.Fragment(prediction),
            "layers": layers,
            "decisive_layers": [
                layer["name"] for layer in layers if layer["closed"]["label"] != label
            ],
            "counterfactual": _counterfactual(explanation, metadata),
        }
    )


def _layers(explanation: Explanation, metadata: Metadata) -> list[dict[str, Any]]:
    outputs, label = explanation.outputs, explanation.label
    probabilities = explanation.closed[PROBABILITIES]
    changes = probabilities[:, label] - outputs[PROBABILITIES][0, label]
    layers = [
        {
            "name": layer.name,
            "number": layer.number,
            "gate_mean": openness,
            "closed": {
                "label": metadata.labels[closed_label],
                "probability": row[label],
                "probability_change": change,
            },
        }
        for layer, openness, closed_label, row, change in zip(
            metadata.layers,
            outputs[GATE_MEAN][0],
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
