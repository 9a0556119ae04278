"""What a contender answers, compared with the classifier: a fast wrong answer does not count."""

import json
from typing import Any

import numpy as np

from benchmarks.serving.bodies import random_rows
from benchmarks.serving.contenders import BINARY, OUTPUTS, Contender
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Response, Server
from service.arrays import FloatArray
from service.classifier import Classifier

ROWS = (1, 32)
TOLERANCE = 1e-4  # builds of onnxruntime add in different orders
HEAD_LENGTH = "inference-header-content-length"


def check(contender: Contender, server: Server, network: Network) -> None:
    """Raise `BenchmarkError` unless the contender's outputs are those of the network."""
    classifier = Classifier.load(network.file)
    for count in ROWS:
        rows = random_rows(count, network.size)
        response = server.response_to(contender.body(rows))
        if response.status != 200:
            raise BenchmarkError(
                f"{contender.name}: expected status 200, found {response.status}: "
                f"{response.content[:200].decode(errors='replace')}"
            )
        expected = classifier.run(rows)
        for name, values in outputs_of(contender, response).items():
            difference = np.abs(values - getattr(expected, name)).max()
            if not difference < TOLERANCE:
                raise BenchmarkError(
                    f"{contender.name}: expected the classifier's {name}, "
                    f"found a difference of {difference:.2g}"
                )


def outputs_of(contender: Contender, response: Response) -> dict[str, FloatArray]:
    """Return the outputs by name, each (rows, width), in the format of the contender."""
    try:
        if contender.format == BINARY:
            return _binary(response)
        document = json.loads(response.content)
        if "outputs" in document:
            return {tensor["name"]: _array(tensor["data"], tensor) for tensor in _tensors(document)}
        if "predictions" in document:
            predictions = document["predictions"]
            return {name: _rows([row[name] for row in predictions]) for name in OUTPUTS}
        return {name: _rows(document[name]) for name in OUTPUTS}
    except (KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(
            f"{contender.name}: expected {' and '.join(OUTPUTS)} as {contender.format}, "
            f"found {response.content[:200]!r}"
        ) from error


def _binary(response: Response) -> dict[str, FloatArray]:
    start = int(response.headers[HEAD_LENGTH])
    outputs = {}
    for tensor in _tensors(json.loads(response.content[:start])):
        end = start + tensor["parameters"]["binary_data_size"]
        values = np.frombuffer(response.content[start:end], np.float32)
        outputs[tensor["name"]] = _array(values, tensor)
        start = end
    return outputs


def _tensors(document: dict[str, Any]) -> list[dict[str, Any]]:
    tensors: list[dict[str, Any]] = document["outputs"]
    if {tensor["name"] for tensor in tensors} != set(OUTPUTS):
        raise ValueError("other outputs")
    return tensors


def _array(values: Any, tensor: dict[str, Any]) -> FloatArray:
    return np.asarray(values, np.float32).reshape(tensor["shape"])


def _rows(values: Any) -> FloatArray:
    return np.asarray(values, np.float32)
