"""The body that `/predict` answers with: strict JSON, float32 in its shortest decimals."""

from typing import Any

from service.contract import GATE_MEAN, PROBABILITIES, UNUSUAL, Metadata
from service.formats.documents import encode
from service.inference.question import Outputs


def encode_predictions(outputs: Outputs, metadata: Metadata) -> bytes:
    """Write for each row its label, probabilities, mean gates and how unusual it is."""
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "predictions": predictions(outputs, metadata),
        }
    )


def predictions(outputs: Outputs, metadata: Metadata) -> list[dict[str, Any]]:
    """Return each row's prediction, as it is written."""
    probabilities = outputs[PROBABILITIES]
    labels = metadata.labels
    return [
        {
            "label": labels[label],
            "probability": row[label],
            "probabilities": row,
            "gate_mean": gates,
            "unusual": {"gates": by_gates, "confidence": by_confidence, "both": by_both},
        }
        for label, row, gates, (by_gates, by_confidence, by_both) in zip(
            probabilities.argmax(axis=1).tolist(),
            probabilities,
            outputs[GATE_MEAN],
            outputs[UNUSUAL],
            strict=True,
        )
    ]
