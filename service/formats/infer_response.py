"""The body of an Open Inference Protocol inference response: JSON, binary tensors or both."""

from collections.abc import Sequence
from typing import Any

import numpy as np

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
from service.formats.requested_outputs import WantedOutput
from service.formats.tensors import FP32


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
        entries: list[dict[str, Any]] = []
        binary: list[bytes] = []
        for name, in_binary, classes in wanted:
            values = outputs[name]
            strings: list[str] | None = None
            entry: dict[str, Any] = {"name": name, "datatype": FP32, "shape": values.shape}
            if classes is not None:
                strings = self._classify(name, values, classes)
                entry["datatype"] = "BYTES"
                entry["shape"] = (len(values), len(strings) // len(values))
            if in_binary:
                content = values.tobytes() if strings is None else _length_prefixed(strings)
                entry["parameters"] = {"binary_data_size": len(content)}
                binary.append(content)
            else:
                entry["data"] = values.reshape(-1) if strings is None else strings
            entries.append(entry)
        document = {**self._model, "outputs": entries}
        if identifier is not None:
            document["id"] = identifier
        head = encode(document)
        return (b"".join((head, *binary)), len(head)) if binary else (head, None)

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


def _length_prefixed(strings: Sequence[str]) -> bytes:
    """Write binary BYTES: each element after its length in four bytes, little-endian."""
    encoded = [string.encode() for string in strings]
    return b"".join(len(content).to_bytes(4, "little") + content for content in encoded)
