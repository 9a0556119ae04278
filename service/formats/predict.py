"""Request and response bodies of `/predict`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import simdjson

from service.arrays import FloatArray, Outputs
from service.contract import (
    GATE_MEAN,
    GATE_SCALE,
    LAYER_TYPICALITY,
    PROBABILITIES,
    TYPICALITY,
    Metadata,
)
from service.errors import BodyError, RequestError
from service.formats.divided_request import NUMBERS
from service.formats.encoded_rows import json_rows
from service.formats.gate_scale import read_gate_scale, read_long_gate_scale
from service.formats.json_documents import Members, encode, parse_object
from service.formats.long_rows import read_long_instances
from service.formats.outline import Steps, check_short, max_row_bytes, outline_of
from service.formats.parameters import read_flag
from service.formats.rows import INSTANCES, read_instances
from service.formats.usual import USUAL, usual_gates
from service.inference.outputs import BatchOutputs

ROWS_IN_A_STEP = 32
PREDICTION = (
    b'{"label":%b,"probability":%b,"probabilities":[%b],"gate_mean":[%b],'
    b'"typicality":{"gates":%b,"confidence":%b,"combined":%b}}'
)
USUAL_MEMBERS = b'%b,"usual":%b,"layer_typicality":[%b]}'


class PredictRequest(NamedTuple):
    """Rows (n, features) and the factors of their gates, (1 or n, layers), if any.

    With `usual`, each prediction has the usual gates of its label and the layers' typicality.
    """

    rows: FloatArray
    gate_scale: FloatArray | None
    usual: bool = False


def read_predict(body: bytes, metadata: Metadata, *, max_rows: int) -> PredictRequest:
    """Read `{"instances": [row, …], "gate_scale": …, "usual": false}`; ignore other members.

    Any other form is a `BodyError`; rows or scales that do not fit the model are an `InputError`
    that names their location and JSON type. A body that takes long to read is a `LongReadError`.
    """
    check_short(body)
    document = parse_object(body, INSTANCES, GATE_SCALE, USUAL)
    instances = _instances(document)
    rows = read_instances(body, instances, metadata.input, max_rows=max_rows)
    return _with_options(document, metadata, rows)


def predict_template(frame: bytes, metadata: Metadata) -> PredictRequest | None:
    """Read the frame of a request for one row; None if the whole request must be read.

    The row is of zeros; that of a request with this frame is read by `read_json_rows`.
    """
    if any(column.categories for column in metadata.input.columns):
        return None
    try:
        document = parse_object(frame, INSTANCES, GATE_SCALE, USUAL)
        instances: Any = document.get(INSTANCES)
        if not isinstance(instances, simdjson.Array) or list(instances) != [NUMBERS]:
            return None
        return _with_options(document, metadata, np.zeros((1, metadata.input.size), np.float32))
    except RequestError:  # the whole request is read again, for an error that names it all
        return None


def read_long_predict(body: bytes, metadata: Metadata, *, max_rows: int) -> Steps[PredictRequest]:
    """Read the same in steps, however long the body is."""
    outline = yield from outline_of(
        body, depth=2, max_element_bytes=max_row_bytes(metadata.input.size)
    )
    document = outline.parse_object(INSTANCES, GATE_SCALE, USUAL)
    instances = _instances(document)
    usual = read_flag(document, USUAL) is True
    rows = yield from read_long_instances(instances, metadata.input, max_rows=max_rows)
    scale = document.get(GATE_SCALE)
    if scale is None:
        return PredictRequest(rows, None, usual)
    layers = [layer.name for layer in metadata.layers]
    scales = yield from read_long_gate_scale(scale, layers, len(rows))
    return PredictRequest(rows, scales, usual)


def _with_options(document: Members, metadata: Metadata, rows: FloatArray) -> PredictRequest:
    scale, usual = document.get(GATE_SCALE), read_flag(document, USUAL) is True
    if scale is None:
        return PredictRequest(rows, None, usual)
    layers = [layer.name for layer in metadata.layers]
    return PredictRequest(rows, read_gate_scale(scale, layers, len(rows)), usual)


def _instances(document: Members) -> Any:
    instances = document.get(INSTANCES)
    if instances is None:
        raise BodyError(f"body: the member '{INSTANCES}' is missing")
    return instances


class PredictWriter:
    """Writer of the responses of one model, float32 in its shortest decimals.

    With `usual`, the predictions have the usual gates and the layers' typicality.
    """

    def __init__(self, metadata: Metadata, *, usual: bool = False) -> None:
        self._usual = UsualWriter(metadata) if usual else None
        names = {"model_name": metadata.name, "model_version": metadata.version}
        self._begin = encode(names)[:-1] + b',"predictions":['
        self._labels = EncodedLabels(metadata.labels)

    def write(self, batch: BatchOutputs, first: int, last: int) -> bytes:
        """Return the response for the rows of a batch from `first` to before `last`."""
        return self._begin + b",".join(self.predictions(batch, first, last)) + b"]}"

    def write_long(self, outputs: Outputs) -> Steps[bytes]:
        """Return the response for all rows in steps, for any number of rows."""
        pieces = []
        whole = BatchOutputs(outputs)
        for first in range(0, len(outputs[PROBABILITIES]), ROWS_IN_A_STEP):
            rows = BatchOutputs(whole.rows(first, first + ROWS_IN_A_STEP))
            pieces += self.predictions(rows, 0, len(rows.arrays[PROBABILITIES]))
            yield
        return self._begin + b",".join(pieces) + b"]}"

    def predictions(self, batch: BatchOutputs, first: int, last: int) -> list[bytes]:
        """Return the prediction of each row as JSON: label, probabilities, gates, typicality."""
        probabilities = json_rows(batch, PROBABILITIES, first, last)
        gates = json_rows(batch, GATE_MEAN, first, last)
        typicality = json_rows(batch, TYPICALITY, first, last)
        labels = batch.arrays[PROBABILITIES][first:last].argmax(axis=1).tolist()
        predictions = [
            PREDICTION
            % (
                self._labels[label],
                probabilities[row].split(b",")[label],
                probabilities[row],
                gates[row],
                *typicality[row].split(b","),
            )
            for row, label in enumerate(labels)
        ]
        if self._usual is None:
            return predictions
        return self._usual.extended(predictions, labels, batch, first, last)


class EncodedLabels(dict[int, bytes]):
    """Labels as JSON, each encoded when it is first used: a model may have thousands."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self._labels = labels

    def __missing__(self, label: int) -> bytes:
        encoded = self[label] = encode(self._labels[label])
        return encoded


class UsualWriter:
    """Writer of what is usual for the label of a prediction."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def extended(
        self,
        predictions: list[bytes],
        labels: list[int],
        batch: BatchOutputs,
        first: int,
        last: int,
    ) -> list[bytes]:
        """Return the predictions of these labels with the members `usual`, `layer_typicality`."""
        typicality = json_rows(batch, LAYER_TYPICALITY, first, last)
        return [
            USUAL_MEMBERS % (prediction[:-1], encode(usual_gates(self._metadata, label)), layers)
            for prediction, label, layers in zip(predictions, labels, typicality, strict=True)
        ]


def encode_predictions(outputs: Outputs, metadata: Metadata) -> bytes:
    """Write the prediction of each row."""
    return PredictWriter(metadata).write(BatchOutputs(outputs), 0, len(outputs[PROBABILITIES]))
