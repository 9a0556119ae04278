"""Answers to response bodies: strict JSON, float32 in its shortest decimals."""

import numpy as np
import orjson

from service.classifier import Answer
from service.contract import Metadata

JSON = "application/json"


def encode(value: object) -> bytes:
    """Write JSON; numpy arrays and numbers are written as they are, without a detour by lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_predictions(answer: Answer, metadata: Metadata) -> bytes:
    """Write the body of `/predict`: for each row its label, probabilities and mean gates."""
    best = answer.probabilities.argmax(axis=1)
    top = answer.probabilities[np.arange(len(best)), best]
    predictions = [
        {
            "label": metadata.labels[label],
            "probability": probability,
            "probabilities": probabilities,
            "gate_mean": gates,
        }
        for label, probability, probabilities, gates in zip(
            best.tolist(), top, answer.probabilities, answer.gate_mean, strict=True
        )
    ]
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "predictions": predictions,
        }
    )
