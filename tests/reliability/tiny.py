"""Tiny valid models whose versions answer one row differently, made without torch."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tests.reliability.attempts import Check
from tests.reliability.connection import Response, encode_request
from tests.service.conftest import METADATA, Recipe

PREDICT = encode_request("POST", "/predict", b'{"instances": [[1, 0, 0, 0]]}')
GATE_MEAN = [(0.7310586 + 0.5) / 2, 0.5]  # of that row


def content(version: int = 1) -> bytes:
    """Return a model that answers `PREDICT` with the label a, b or c, by its version."""
    weight = np.roll(np.eye(4, 3, dtype=np.float32), version - 1, axis=1)
    exponentials = np.exp(weight[0])
    probabilities = exponentials / exponentials.sum()
    golden = {
        "input": [[1.0, 0.0, 0.0, 0.0]],
        "probabilities": [probabilities.tolist()],
        "gate_mean": [GATE_MEAN],
        "typicality": [(1 / (1 + np.exp(-probabilities))).tolist()],
    }

    def change(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name == "weight":
                tensor.CopyFrom(numpy_helper.from_array(weight, "weight"))
        # A p-value is never 0, as a probability may be.
        (typicality,) = (node for node in model.graph.node if "typicality" in node.output)
        typicality.op_type = "Sigmoid"

    metadata = replace(METADATA, version=str(version))
    return Recipe(metadata=metadata, change=change, golden=golden).build()


def expected_label(version: int) -> str:
    """Return the label that this version answers."""
    return METADATA.labels[(version - 1) % len(METADATA.labels)]


def write_file(folder: Path, version: int = 1) -> Path:
    """Write one model as a file, or replace it at once."""
    path, part = folder / "tiny.onnx", folder / "tiny.part"
    part.write_bytes(content(version))
    return part.rename(path)


def write_version(repository: Path, version: int, model: bytes | None = None) -> Path:
    """Add NAME/VERSION/model.onnx to a model repository; it appears at once, complete."""
    folder, part = repository / "tiny" / str(version), repository / "part"
    part.mkdir(parents=True)
    (part / "model.onnx").write_bytes(content(version) if model is None else model)
    folder.parent.mkdir(exist_ok=True)
    part.rename(folder)
    return folder


def answered_version(response: Response) -> int | None:
    """Return the version that an answer names, None if it is not that version's answer."""
    if response.status != 200:
        return None
    answer = json.loads(response.body)
    version = int(answer["model_version"])
    return version if answer["predictions"][0]["label"] == expected_label(version) else None


def check_version(version: int) -> Check:
    """Return a check that an answer is this version's."""

    def check(response: Response) -> str | None:
        return None if answered_version(response) == version else _describe(response)

    return check


def check_consistent(response: Response) -> str | None:
    """Check that an answer is that of the version which it names."""
    return _describe(response) if answered_version(response) is None else None


def _describe(response: Response) -> str:
    return f"{response.status} {response.body[:100]!r}"
