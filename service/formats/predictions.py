"""The body that `/predict` answers with: strict JSON, float32 in its shortest decimals."""

from service.contract import GATE_MEAN, PROBABILITIES, Metadata
from service.formats.documents import encode
from service.inference.question import Outputs


def encode_predictions(outputs: Outputs, metadata: Metadata) -> bytes:
    """Write for each row its label, probabilities and mean gates."""
    probabilities = outputs[PROBABILITIES]
    labels = metadata.labels
    predictions = [
        {
            "label": labels[label],
            "probability": row[label],
            "probabilities": row,
            "gate_mean": gates,
        }
        for label, row, gates in zip(
            probabilities.argmax(axis=1).tolist(), probabilities, outputs[GATE_MEAN], strict=True
        )
    ]
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "predictions": predictions,
        }
    )
