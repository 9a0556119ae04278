import json
from typing import Any

import numpy as np
import pytest
from highway_client.errors import ArgumentError, ResponseError
from highway_client.tensors import InferResponse, infer_request, read_inference

from tests.client.conftest import response

ROWS = np.array([[1, 0.5]], np.float32)
ROWS_BYTES = b"\x00\x00\x80\x3f\x00\x00\x00\x3f"  # 1 and 0.5, little endian


def test_json_has_the_numbers_row_by_row() -> None:
    request = infer_request("/x/infer", {"input": ROWS}, ("probabilities",), binary=False)
    assert (request.method, request.path) == ("POST", "/x/infer")
    assert request.headers == {"Content-Type": "application/json"}
    assert json.loads(request.content) == {
        "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 2], "data": [1, 0.5]}],
        "outputs": [{"name": "probabilities"}],
    }


def test_bytes_follow_the_json_and_a_header_has_its_length() -> None:
    scale = np.zeros((1, 1), np.float32)
    tensors = {"input": ROWS, "gate_scale": scale}
    request = infer_request("/x/infer", tensors, ("logits", "gate_mean"), binary=True)
    length = int(request.headers["Inference-Header-Content-Length"])
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert request.content[length:] == ROWS_BYTES + bytes(4)
    head, factor = {"datatype": "FP32", "shape": [1, 2]}, {"datatype": "FP32", "shape": [1, 1]}
    assert json.loads(request.content[:length]) == {
        "inputs": [
            {"name": "input", **head, "parameters": {"binary_data_size": 8}},
            {"name": "gate_scale", **factor, "parameters": {"binary_data_size": 4}},
        ],
        "outputs": [{"name": "logits"}, {"name": "gate_mean"}],
        "parameters": {"binary_data_output": True},
    }


def test_rows_that_are_not_contiguous_are_sent_in_their_order() -> None:
    columns = np.array([[1, 9], [0.5, 9]], np.float32).T[:1]
    for binary, tail in ((True, ROWS_BYTES), (False, b'"data":[1.0,0.5]}],')):
        assert tail in infer_request("/x", {"input": columns}, (), binary=binary).content


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_json_has_no_missing_values(number: float) -> None:
    with pytest.raises(ArgumentError) as caught:
        infer_request("/x", {"input": np.array([[number]], np.float32)}, (), binary=False)
    assert str(caught.value) == (
        "input: expected finite numbers, because JSON has no others, found NaN or infinity; send "
        "them with binary=True"
    )


def inference(
    *outputs: dict[str, Any], raw: bytes = b"", length: str | None = None
) -> InferResponse:
    head = json.dumps({"model_name": "m", "model_version": "2", "outputs": outputs}).encode()
    content = head + raw
    headers = {"Inference-Header-Content-Length": length or str(len(head))}
    return read_inference(response(content, headers=headers if raw or length else {}))


def output(shape: list[int], **more: Any) -> dict[str, Any]:
    return {"name": "p", "datatype": "FP32", "shape": shape, **more}


def test_a_json_response_is_read() -> None:
    result = inference(output([2, 1], data=[0.5, 0.25]))
    assert (result.model_name, result.model_version) == ("m", "2")
    assert result.tensors["p"].dtype == np.float32
    assert result.tensors["p"].tolist() == [[0.5], [0.25]]


def test_a_response_of_both_forms_is_read() -> None:
    first, last = {"binary_data_size": 8}, {"binary_data_size": 4}
    result = inference(
        output([2, 1], parameters=first),
        output([1, 1], data=[3]) | {"name": "q"},
        output([1, 1], parameters=last) | {"name": "r"},
        raw=ROWS_BYTES + ROWS_BYTES[:4],
    )
    values = {name: tensor.tolist() for name, tensor in result.tensors.items()}
    assert values == {"p": [[1], [0.5]], "q": [[3]], "r": [[1]]}


def test_tensors_are_writable() -> None:
    result = inference(output([1, 2], parameters={"binary_data_size": 8}), raw=ROWS_BYTES)
    result.tensors["p"][0, 0] = 7


BINARY = {"binary_data_size": 8}
SIZE = "output 'p' whose size is not that of its shape"


@pytest.mark.parametrize(
    ("outputs", "raw", "length", "actual"),
    [
        ([output([1, 2], data=[1])], b"", None, SIZE),
        ([output([1, 2])], b"", None, SIZE),
        ([output([1, 1], parameters=BINARY)], ROWS_BYTES, None, SIZE),
        ([output([1, 2], parameters=BINARY)], ROWS_BYTES[:4], None, SIZE),
        ([output([1, 1], data=[1], parameters=BINARY)], ROWS_BYTES, None, SIZE),
        ([output([1, 2], parameters=BINARY)], ROWS_BYTES + b"!", None, "1 bytes after its tensors"),
        ([output([2], data=[1, 2])], b"", None, "output 'p' that is not a matrix of FP32"),
        ([output([-1, -2], data=[1, 2])], b"", None, "output 'p' that is not a matrix of FP32"),
        ([output([1, 1], data=[1]) | {"datatype": "INT8"}], b"", None, "not a matrix of FP32"),
        ([output([1, 1], data=["a"])], b"", None, "outputs[0].data that is not a list of numbers"),
        ([], b"", "-1", "Inference-Header-Content-Length that is not a number"),
        ([], b"", "9", "a body that is not JSON"),
    ],
)
def test_a_response_that_cannot_be_read_is_an_error(
    outputs: list[dict[str, Any]], raw: bytes, length: str | None, actual: str
) -> None:
    with pytest.raises(ResponseError) as caught:
        inference(*outputs, raw=raw, length=length)
    reason = str(caught.value)
    assert reason.startswith("response: expected one of a highway-networks server, found ")
    assert actual in reason
