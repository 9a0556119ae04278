"""The body that `/explain` answers with."""

from typing import Any

import numpy as np

from service.contract import GATE_MEAN, GATE_UNITS, PROBABILITIES, Metadata
from service.formats.documents import encode
from service.formats.predictions import predictions
from service.inference.explanation import Explanation

SEARCH = "greedy"  # there may be a smaller set that it does not find


def encode_explanation(explanation: Explanation, metadata: Metadata) -> bytes:
    """Write the prediction, what closing each layer changes, and the smallest set found.

    Gates are told one by one where the explanation has them.
    """
    layers = _layers(explanation, metadata)
    label = metadata.labels[explanation.label]
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "prediction": predictions(explanation.outputs, metadata)[0],
            "layers": layers,
            "hangs_on": [layer["name"] for layer in layers if layer["closed"]["label"] != label],
            "smallest_set": _smallest(explanation, metadata),
        }
    )


def _layers(explanation: Explanation, metadata: Metadata) -> list[dict[str, Any]]:
    whole, place = explanation.outputs, explanation.label
    probabilities = explanation.closed[PROBABILITIES]
    changes = probabilities[:, place] - whole[PROBABILITIES][0, place]
    layers = [
        {
            "name": layer.name,
            "number": layer.number,
            "gate_mean": openness,
            "closed": {
                "label": metadata.labels[label],
                "probability": row[place],
                "change": change,
            },
        }
        for layer, openness, label, row, change in zip(
            metadata.layers,
            whole[GATE_MEAN][0],
            probabilities.argmax(axis=1).tolist(),
            probabilities,
            changes,
            strict=True,
        )
    ]
    if GATE_UNITS in whole:
        ends = np.cumsum([layer.width for layer in metadata.layers])
        units = np.split(whole[GATE_UNITS][0], ends[:-1])
        layers = [layer | {"gate_units": own} for layer, own in zip(layers, units, strict=True)]
    return layers


def _smallest(explanation: Explanation, metadata: Metadata) -> dict[str, Any] | None:
    if explanation.smallest is None or explanation.other is None:
        return None
    return {
        "layers": [metadata.layers[place].name for place in sorted(explanation.smallest)],
        "label": metadata.labels[explanation.other],
        "search": SEARCH,
    }
