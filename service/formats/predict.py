"""Request and response bodies of `/predict`."""

from typing import Any, NamedTuple

import orjson

from service.arrays import FloatArray, Outputs
from service.contract import GATE_MEAN, GATE_SCALE, PROBABILITIES, TYPICALITY, Metadata
from service.errors import BodyError
from service.formats.gate_scale import read_gate_scale, read_long_gate_scale
from service.formats.json_documents import Members, encode, parse_object
from service.formats.long_rows import read_long_instances
from service.formats.outline import Steps, check_short, max_row_bytes, outline_of
from service.formats.rows import INSTANCES, read_instances

ROWS_IN_A_STEP = 32


class PredictRequest(NamedTuple):
    """Rows (n, features) and the factors of their gates, (1 or n, layers), if any."""

    rows: FloatArray
    gate_scale: FloatArray | None


def read_predict(body: bytes, metadata: Metadata, *, max_rows: int) -> PredictRequest:
    """Read `{"instances": [row, …], "gate_scale": …}`; other members are ignored.

    Any other form is a `BodyError`; rows or scales that do not fit the model are an `InputError`
    that names their location and JSON type. A body that takes long to read is a `LongReadError`.
    """
    check_short(body)
    document = parse_object(body, INSTANCES, GATE_SCALE)
    instances = _instances(document)
    rows = read_instances(body, instances, metadata.input, max_rows=max_rows)
    scale = document.get(GATE_SCALE)
    if scale is None:
        return PredictRequest(rows, None)
    layers = [layer.name for layer in metadata.layers]
    return PredictRequest(rows, read_gate_scale(scale, layers, len(rows)))


def read_long_predict(body: bytes, metadata: Metadata, *, max_rows: int) -> Steps[PredictRequest]:
    """Read the same in steps, however long the body is."""
    outline = yield from outline_of(
        body, depth=2, max_element_bytes=max_row_bytes(metadata.input.size)
    )
    document = outline.parse_object(INSTANCES, GATE_SCALE)
    instances = _instances(document)
    rows = yield from read_long_instances(instances, metadata.input, max_rows=max_rows)
    scale = document.get(GATE_SCALE)
    if scale is None:
        return PredictRequest(rows, None)
    layers = [layer.name for layer in metadata.layers]
    return PredictRequest(rows, (yield from read_long_gate_scale(scale, layers, len(rows))))


def _instances(document: Members) -> Any:
    instances = document.get(INSTANCES)
    if instances is None:
        raise BodyError(f"body: the member '{INSTANCES}' is missing")
    return instances


def encode_predictions(outputs: Outputs, metadata: Metadata) -> bytes:
    """Write the prediction of each row, float32 in its shortest decimals."""
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "predictions": predictions(outputs, metadata),
        }
    )


def encode_long_predictions(outputs: Outputs, metadata: Metadata) -> Steps[bytes]:
    """Write the same in steps, for any number of rows."""
    count = len(outputs[PROBABILITIES])
    pieces = []
    for start in range(0, count, ROWS_IN_A_STEP):
        rows = {name: values[start : start + ROWS_IN_A_STEP] for name, values in outputs.items()}
        pieces.append(encode(predictions(rows, metadata))[1:-1])
        yield
    return encode(
        {
            "model_name": metadata.name,
            "model_version": metadata.version,
            "predictions": orjson.Fragment(b"[%b]" % b",".join(pieces)),
        }
    )


def predictions(outputs: Outputs, metadata: Metadata) -> list[dict[str, Any]]:
    """Return each row's label, probabilities, mean gates and typicality by JSON member."""
    probabilities = outputs[PROBABILITIES]
    labels = metadata.labels
    return [
        {
            "label": labels[label],
            "probability": row[label],
            "probabilities": row,
            "gate_mean": gates,
            "typicality": {"gates": by_gates, "confidence": by_confidence, "combined": combined},
        }
        for label, row, gates, (by_gates, by_confidence, combined) in zip(
            probabilities.argmax(axis=1).tolist(),
            probabilities,
            outputs[GATE_MEAN],
            outputs[TYPICALITY],
            strict=True,
        )
    ]
