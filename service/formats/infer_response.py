"""The body that answers an Open Inference Protocol inference request, in JSON, binary or both."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.classifier import FloatArray
from service.contract import GATE_MEAN, LOGITS, PROBABILITIES, UNUSUAL, UNUSUAL_BY, Metadata
from service.formats.documents import encode
from service.formats.tensors import FP32
from service.formats.wanted_outputs import WantedOutput
from service.inference.question import Outputs


class InferWriter:
    """Writes the answers of one model."""

    def __init__(self, metadata: Metadata) -> None:
        self._model = {"model_name": metadata.name, "model_version": metadata.version}
        layers = [layer.name for layer in metadata.layers]
        self._names: dict[str, Sequence[str]] = {
            LOGITS: metadata.labels,
            PROBABILITIES: metadata.labels,
            GATE_MEAN: layers,
            UNUSUAL: UNUSUAL_BY,
        }

    def write(
        self, outputs: Outputs, wanted: Sequence[WantedOutput], identifier: str | None
    ) -> tuple[bytes, int | None]:
        """Return the body and how much of it is JSON, None where all is."""
        told: list[dict[str, Any]] = []
        binary: list[bytes] = []
        for name, in_binary, classes in wanted:
            values = outputs[name]
            texts: list[str] | None = None
            entry: dict[str, Any] = {"name": name, "datatype": FP32, "shape": values.shape}
            if classes is not None:
                texts = self._best(name, values, classes)
                entry["datatype"] = "BYTES"
                entry["shape"] = (len(values), len(texts) // len(values))
            if in_binary:
                content = values.tobytes() if texts is None else _lengths_and_texts(texts)
                entry["parameters"] = {"binary_data_size": len(content)}
                binary.append(content)
            else:
                entry["data"] = values.reshape(-1) if texts is None else texts
            told.append(entry)
        answer = {**self._model, "outputs": told}
        if identifier is not None:
            answer["id"] = identifier
        head = encode(answer)
        return (b"".join((head, *binary)), len(head)) if binary else (head, None)

    def _best(self, name: str, values: FloatArray, classes: int) -> list[str]:
        """Write each row's largest entries as `value:index:label`, best first.

        More `classes` than there are give all. Labels are the model's, for gates the layers'
        names; single units have none.
        """
        names = self._names.get(name)
        order = np.argsort(-values, axis=1, kind="stable")[:, :classes]
        best = np.take_along_axis(values, order, axis=1)
        return [
            f"{value!s}:{index}" if names is None else f"{value!s}:{index}:{names[index]}"
            for value, index in zip(best.reshape(-1), order.reshape(-1).tolist(), strict=True)
        ]


def _lengths_and_texts(texts: Sequence[str]) -> bytes:
    """Write BYTES in binary: each element after its length, four bytes little-endian."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)
