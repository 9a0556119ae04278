"""The body of an Open Inference Protocol inference response: JSON, binary tensors or both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from service.arrays import FloatArray, Outputs
from service.contract import (
    GATE_MEAN,
    LOGITS,
    PROBABILITIES,
    TYPICALITY,
    TYPICALITY_COLUMNS,
    Metadata,
)
from service.formats.json_documents import encode
from service.formats.outline import Steps
from service.formats.requested_outputs import WantedOutput
from service.formats.tensors import FP32

VALUES_IN_A_STEP = 8192
COST_OF_A_CLASS = 32  # a string takes as long as so many numbers


class InferWriter:
    """Writer of the responses of one model."""

    def __init__(self, metadata: Metadata) -> None:
        self._model = {"model_name": metadata.name, "model_version": metadata.version}
        layers = [layer.name for layer in metadata.layers]
        self._names: dict[str, Sequence[str]] = {
            LOGITS: metadata.labels,
            PROBABILITIES: metadata.labels,
            GATE_MEAN: layers,
            TYPICALITY: TYPICALITY_COLUMNS,
        }

    def write(
        self, outputs: Outputs, wanted: Sequence[WantedOutput], identifier: str | None
    ) -> tuple[bytes, int | None]:
        """Return the body and the length of its JSON part, None if the body is JSON alone."""
        body = _Body()
        for output in wanted:
            values = outputs[output.name]
            if output.classes is None:
                data = values.tobytes() if output.binary else values.reshape(-1)
                body.add(output, FP32, values.shape, data)
            else:
                strings = self._classify(output.name, values, output.classes)
                shape = (len(values), len(strings) // len(values))
                body.add(
                    output, "BYTES", shape, _length_prefixed(strings) if output.binary else strings
                )
        return body.join(self._model, identifier)

    def write_long(
        self, outputs: Outputs, wanted: Sequence[WantedOutput], identifier: str | None
    ) -> Steps[tuple[bytes, int | None]]:
        """Return the same in steps, for any number of values."""
        body = _Body()
        for output in wanted:
            values = outputs[output.name]
            pieces = []
            if output.classes is not None:
                for rows in _steps(values, output.classes * COST_OF_A_CLASS):
                    strings = self._classify(output.name, rows, output.classes)
                    pieces.append(_strings_of(output, strings))
                    yield
                classes = min(output.classes, values.shape[1])
                body.add(output, "BYTES", (len(values), classes), _joined(output, pieces))
            elif output.binary:
                body.add(output, FP32, values.shape, values.tobytes())
                yield
            else:
                for rows in _steps(values, 1):
                    pieces.append(encode(rows.reshape(-1))[1:-1])
                    yield
                body.add(output, FP32, values.shape, _joined(output, pieces))
        yield
        return body.join(self._model, identifier)

    def _classify(self, name: str, values: FloatArray, classes: int) -> list[str]:
        """Return each row's `classes` largest entries as `value:index:label`, largest first.

        Labels are the model's, or the layers' names for gates; single units have none.
        """
        names = self._names.get(name)
        order = np.argsort(-values, axis=1, kind="stable")[:, :classes]
        best = np.take_along_axis(values, order, axis=1)
        return [
            f"{value!s}:{index}" if names is None else f"{value!s}:{index}:{names[index]}"
            for value, index in zip(best.reshape(-1), order.reshape(-1).tolist(), strict=True)
        ]


class _Body:
    """A response body under construction."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._binary: list[bytes] = []

    def add(self, output: WantedOutput, datatype: str, shape: tuple[int, ...], data: Any) -> None:
        """Add a tensor; `data` are bytes if it is binary, else what becomes JSON."""
        entry: dict[str, Any] = {"name": output.name, "datatype": datatype, "shape": shape}
        if output.binary:
            entry["parameters"] = {"binary_data_size": len(data)}
            self._binary.append(data)
        else:
            entry["data"] = data
        self._entries.append(entry)

    def join(self, model: Mapping[str, object], identifier: str | None) -> tuple[bytes, int | None]:
        """Return the body and the length of its JSON part, None if the body is JSON alone."""
        document = {**model, "outputs": self._entries}
        if identifier is not None:
            document["id"] = identifier
        head = encode(document)
        return (b"".join((head, *self._binary)), len(head)) if self._binary else (head, None)


def _strings_of(output: WantedOutput, strings: Sequence[str]) -> bytes:
    """Write strings in binary, or as JSON without brackets."""
    return _length_prefixed(strings) if output.binary else encode(strings)[1:-1]


def _joined(output: WantedOutput, pieces: Sequence[bytes]) -> bytes | orjson.Fragment:
    return b"".join(pieces) if output.binary else orjson.Fragment(b"[%b]" % b",".join(pieces))


def _steps(values: FloatArray, cost: int) -> Iterator[FloatArray]:
    """Divide rows so that each part takes about a millisecond; `cost` is that of a row's values."""
    count = max(1, VALUES_IN_A_STEP // (values.shape[1] + cost))
    for start in range(0, len(values), count):
        yield values[start : start + count]


def _length_prefixed(strings: Sequence[str]) -> bytes:
    """Write binary BYTES: each element after its length in four bytes, little-endian."""
    encoded = [string.encode() for string in strings]
    return b"".join(len(content).to_bytes(4, "little") + content for content in encoded)
