"""Parsed requests write their own rows of a batch, which has other requests' rows before them."""

import json

import numpy as np
import pytest

from service.classifier import Classifier
from service.contract import OUTPUTS
from service.http.endpoints import (
    BINARY_LINES,
    JSON_LINE,
    Endpoint,
    InferEndpoint,
    ParsedRequest,
    PredictEndpoint,
)
from service.inference.outputs import BatchOutputs
from tests.service.conftest import served
from tests.service.http.transport import ROW

# The label of each is another one.
ROWS = np.array([[5, 0, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0]], np.float32)


def computed(classifier: Classifier) -> BatchOutputs:
    outputs = classifier.compute(OUTPUTS, ROWS)
    return BatchOutputs(dict(zip(OUTPUTS, outputs, strict=True)))


def infer_request(endpoint: Endpoint, *, binary: bool, rows: int = 1) -> ParsedRequest:
    tensor = {"name": "input", "shape": [rows, 4], "datatype": "FP32", "data": [1, 0, 0, 0] * rows}
    output = {"name": "logits", "parameters": {"binary_data": binary}}
    body = json.dumps({"id": "7", "inputs": [tensor], "outputs": [output]}).encode()
    return endpoint.read({}, body)


@pytest.fixture
def infer(classifier: Classifier) -> InferEndpoint:
    return InferEndpoint(served(classifier).default, max_rows=5)


@pytest.mark.parametrize(("first", "label"), [(0, "a"), (1, "b"), (2, "c")])
def test_a_native_request_writes_the_predictions_of_its_rows(
    classifier: Classifier, first: int, label: str
) -> None:
    endpoint = PredictEndpoint(served(classifier).default, max_rows=5)
    parsed, batch = endpoint.read({}, ROW), computed(classifier)
    for _ in range(2):  # what is encoded once is used again
        body, head_length = parsed.write(batch, first, first + 1)
        assert [row["label"] for row in json.loads(body)["predictions"]] == [label]
        assert head_length is None


def test_a_protocol_request_writes_the_tensors_of_its_rows(
    classifier: Classifier, infer: InferEndpoint
) -> None:
    body, head_length = infer_request(infer, binary=False, rows=2).write(computed(classifier), 1, 3)
    (output,) = json.loads(body)["outputs"]
    assert (output["shape"], json.loads(body)["id"], head_length) == ([2, 3], "7", None)
    assert np.reshape(output["data"], (2, 3)) == pytest.approx(ROWS[1:, :3] + 1)


def test_the_length_of_the_json_part_is_returned_if_binary_tensors_follow(
    classifier: Classifier, infer: InferEndpoint
) -> None:
    body, head_length = infer_request(infer, binary=True, rows=2).write(computed(classifier), 1, 3)
    assert head_length is not None
    (output,) = json.loads(body[:head_length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 24}
    assert np.frombuffer(body[head_length:], "<f4").reshape(2, 3) == pytest.approx(ROWS[1:, :3] + 1)


def test_the_header_lines_of_a_body_declare_its_type_and_its_json_part() -> None:
    assert JSON_LINE == b"content-type: application/json\r\n"
    assert BINARY_LINES % 85 == (
        b"content-type: application/octet-stream\r\ninference-header-content-length: 85\r\n"
    )
