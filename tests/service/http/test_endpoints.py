"""Requests and responses of the inference endpoints, over both transports."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import Recipe, application
from tests.service.http.transport import INFER, JSON, ROW, Response, Send, client_for

BYTES = np.array([[1, 0, 0, 0]], "<f4").tobytes()
INPUT: dict[str, Any] = {"name": "input", "shape": [1, 4], "datatype": "FP32"}
WITH_DATA = {**INPUT, "data": [1, 0, 0, 0]}
WITH_BYTES = {**INPUT, "parameters": {"binary_data_size": 16}}
HEAD = "Inference-Header-Content-Length"


def infer(send: Send, *inputs: dict[str, Any], **members: Any) -> Response:
    return send("POST", INFER, json.dumps({"inputs": inputs or [WITH_DATA], **members}).encode())


def infer_binary(send: Send, head: object, tensors: bytes, path: str = INFER) -> Response:
    text = json.dumps(head).encode()
    return send("POST", path, text + tensors, {HEAD: str(len(text))})


def parts(response: Response) -> tuple[Any, bytes]:
    """Return the JSON part of a response and the bytes after it."""
    length = int(response.headers[HEAD])
    return json.loads(response.body[:length]), response.body[length:]


def test_predict_returns_a_prediction_for_every_row_in_order(send: Send) -> None:
    response = send("POST", "/predict", b'{"instances": [[1,0,0,0], [0,5,0,0], [0,0,5,0]]}')
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    predictions = response.json()["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["a", "b", "c"]
    assert predictions[0] == {
        "label": "a",
        "probability": pytest.approx(0.576117, abs=1e-6),
        "probabilities": pytest.approx([0.576117, 0.211942, 0.211942], abs=1e-6),
        "gate_mean": pytest.approx([0.615529, 0.5], abs=1e-6),
        "typicality": pytest.approx(
            {"gates": 0.576117, "confidence": 0.211942, "combined": 0.211942}, abs=1e-6
        ),
    }


@pytest.mark.parametrize("before", [b'"usual": true,', b'"usual": true, "gate_scale": [1, 1],'])
def test_predict_returns_what_is_usual_on_request(send: Send, before: bytes) -> None:
    rows = b'"instances": [[1,0,0,0], [0,5,0,0]]}'
    predictions = send("POST", "/predict", b"{%b %b" % (before, rows)).json()["predictions"]
    plain = send("POST", "/predict", b"{%b" % rows).json()["predictions"]
    for prediction, expected in zip(predictions, plain, strict=True):
        # The tiny model's layers have their gates as typicality, and it has no held-out rows.
        layers = {"usual": None, "layer_typicality": expected["gate_mean"]}
        assert prediction == expected | layers


@pytest.mark.parametrize(
    "path", ["/v1/models/tiny:predict", "/v1/models/tiny/versions/1:predict", "/predict?trace=1"]
)
def test_every_path_to_predict_gives_the_same_response(send: Send, path: str) -> None:
    assert send("POST", path, ROW).body == send("POST", "/predict", ROW).body


def test_all_outputs_but_gate_units_are_returned_by_default(send: Send) -> None:
    response = infer(send)
    assert response.status == 200
    assert response.json() == {
        "model_name": "tiny",
        "model_version": "1",
        "outputs": [
            {"name": "logits", "datatype": "FP32", "shape": [1, 3], "data": [2, 1, 1]},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [1, 3],
                "data": pytest.approx([0.576117, 0.211942, 0.211942], abs=1e-6),
            },
            {
                "name": "gate_mean",
                "datatype": "FP32",
                "shape": [1, 2],
                "data": pytest.approx([0.615529, 0.5], abs=1e-6),
            },
            {
                "name": "typicality",
                "datatype": "FP32",
                "shape": [1, 3],
                "data": pytest.approx([0.576117, 0.211942, 0.211942], abs=1e-6),
            },
        ],
    }


@pytest.mark.parametrize(
    "path", ["/v2/models/tiny/versions/1/infer", "/v2/models/t%69ny/infer", f"{INFER}?x=1"]
)
def test_every_path_to_infer_gives_the_same_response(send: Send, path: str) -> None:
    body = json.dumps({"inputs": [WITH_DATA]}).encode()
    assert send("POST", path, body).body == send("POST", INFER, body).body


def test_the_response_has_the_id_and_the_outputs_in_the_order_of_the_request(send: Send) -> None:
    outputs = [{"name": "gate_units"}, {"name": "logits"}]
    response = infer(send, id="7", outputs=outputs).json()
    assert response["id"] == "7"
    assert [output["name"] for output in response["outputs"]] == ["gate_units", "logits"]


def test_data_may_be_flat_and_nested_in_one_request(send: Send) -> None:
    rows = {"name": "input", "shape": [2, 4], "datatype": "FP32"}
    scale = {"name": "gate_scale", "shape": [2, 2], "datatype": "FP32"}
    nested = {**rows, "data": [[1, 0, 0, 0], [0, 0, 0, 0]]}
    flat = {**scale, "data": [0, 0, 1, 1]}
    (logits,) = infer(send, nested, flat, outputs=[{"name": "logits"}]).json()["outputs"]
    # The first row's layers are closed, so the scale adds nothing to its logits.
    assert logits["data"] == [1, 0, 0, 1, 1, 1]


def test_binary_rows_get_json_outputs_by_default(send: Send) -> None:
    response = infer_binary(send, {"inputs": [WITH_BYTES], "outputs": [{"name": "logits"}]}, BYTES)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert HEAD not in response.headers
    assert response.json()["outputs"][0]["data"] == [2, 1, 1]


def test_json_rows_get_binary_outputs_on_request(send: Send) -> None:
    response = infer(send, outputs=[{"name": "logits", "parameters": {"binary_data": True}}])
    assert response.headers["content-type"] == "application/octet-stream"
    head, tensors = parts(response)
    assert head["outputs"] == [
        {
            "name": "logits",
            "datatype": "FP32",
            "shape": [1, 3],
            "parameters": {"binary_data_size": 12},
        }
    ]
    assert np.frombuffer(tensors, "<f4").tolist() == [2, 1, 1]


def test_a_response_may_mix_binary_and_json_outputs(send: Send) -> None:
    outputs = [{"name": "gate_mean"}, {"name": "logits", "parameters": {"binary_data": True}}]
    head, tensors = parts(infer_binary(send, {"inputs": [WITH_BYTES], "outputs": outputs}, BYTES))
    assert head["outputs"][0]["data"] == pytest.approx([0.615529, 0.5], abs=1e-6)
    assert np.frombuffer(tensors, "<f4").tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("own", "every", "binary"),
    [
        *((True, None, True), (True, False, True), (False, True, False), (False, None, False)),
        *((None, True, True), (None, False, False), (None, None, False)),
    ],
)
def test_an_outputs_own_parameter_overrides_the_requests(
    send: Send, own: bool | None, every: bool | None, binary: bool
) -> None:
    output = {"name": "logits", "parameters": {} if own is None else {"binary_data": own}}
    parameters = {} if every is None else {"binary_data_output": every}
    response = infer(send, outputs=[output], parameters=parameters)
    assert (HEAD in response.headers) is binary


def test_a_raw_row_gets_every_output_in_binary(send: Send) -> None:
    head, tensors = parts(send("POST", INFER, BYTES, {HEAD: "0"}))
    names = [output["name"] for output in head["outputs"]]
    assert names == ["logits", "probabilities", "gate_mean", "gate_units", "typicality"]
    assert np.frombuffer(tensors, "<f4")[[0, 1, 2, 7]].tolist() == [2, 1, 1, 0.5]


def test_the_layers_typicality_is_returned_if_it_is_named(send: Send) -> None:
    response = infer(send, outputs=[{"name": "layer_typicality"}, {"name": "gate_mean"}]).json()
    typicality, means = response["outputs"]
    assert (typicality["name"], typicality["shape"]) == ("layer_typicality", [1, 2])
    assert typicality["data"] == means["data"]  # a copy in the tiny model


def test_a_classification_returns_the_best_classes(send: Send) -> None:
    response = infer(send, outputs=[{"name": "logits", "parameters": {"classification": 2}}])
    assert response.json()["outputs"] == [
        {"name": "logits", "datatype": "BYTES", "shape": [1, 2], "data": ["2.0:0:a", "1.0:1:b"]}
    ]


@pytest.mark.parametrize(
    "value", ["-1", "+2", "17", "two", "1.0", "0x1", "1e1", "", "9" * 18, "9" * 5000, "²"]
)
def test_an_impossible_length_of_the_json_is_rejected(send: Send, value: str) -> None:
    response = send("POST", INFER, BYTES, {HEAD: value})
    assert (response.status, response.error) == (
        400,
        "Inference-Header-Content-Length: expected an integer from 0 to the body's length, 16 "
        "bytes",
    )


@pytest.mark.parametrize(
    ("head", "tensors", "message"),
    [
        ({"inputs": [WITH_BYTES]}, BYTES[:-1], "body: expected 16 bytes for 'input', found 15"),
        ({"inputs": [{**WITH_BYTES, "data": [1, 0, 0, 0]}]}, BYTES, "found both"),
        ({"inputs": [INPUT]}, BYTES, "found neither"),
        ({"inputs": [WITH_BYTES, WITH_BYTES]}, BYTES * 2, "found 'input' again"),
        ({"inputs": [{**WITH_BYTES, "shape": [-1, 4]}]}, BYTES, "expected the shape [rows, 4]"),
        ({"inputs": [{**WITH_BYTES, "shape": [2**62, 4]}]}, BYTES, "expected at most 5 rows"),
        ({"inputs": [{**WITH_BYTES, "shape": [2**64, 4]}]}, BYTES, "body: invalid JSON"),
        ({"inputs": [{**WITH_BYTES, "shape": [2, 4]}]}, BYTES, "a binary_data_size of 32"),
        ({}, BYTES, "inputs: expected a list of tensors, found null"),
        ([], BYTES, "body: expected a JSON object, found a list"),
        ({"inputs": [WITH_BYTES]}, np.array([1, 0, 0, np.nan], "<f4").tobytes(), "finite"),
    ],
)
def test_a_malformed_binary_request_is_rejected_and_does_not_affect_the_next(
    send: Send, head: object, tensors: bytes, message: str
) -> None:
    response = infer_binary(send, head, tensors)
    assert response.status == 400
    assert message in response.error
    assert infer_binary(send, {"inputs": [WITH_BYTES]}, BYTES).status == 200


def test_bytes_that_belong_to_no_tensor_are_rejected(send: Send) -> None:
    response = infer_binary(send, {"inputs": [WITH_BYTES]}, BYTES + b"x")
    assert response.status == 400
    length = len(json.dumps({"inputs": [WITH_BYTES]}))
    assert response.error == (
        f"body: expected {length + 16} bytes, the JSON and its binary tensors, found {length + 17}"
    )


@pytest.mark.parametrize("depth", [50, 120, 900])
def test_deep_nesting_in_an_unknown_member_is_ignored(send: Send, depth: int) -> None:
    body = b'{"more": ' + b"[" * depth + b"]" * depth + b', "instances": [[1,0,0,0]]}'
    assert send("POST", "/predict", body).status == 200


@pytest.mark.parametrize(("path", "none"), [("/predict", 415), (INFER, 400)])
def test_only_infer_accepts_json_without_a_media_type(send: Send, path: str, none: int) -> None:
    response = send("POST", path, b"{}", {})
    assert response.status == none


@pytest.mark.parametrize("path", ["/predict", "/v1/models/tiny:predict", INFER])
@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"Content-Type": "text/plain"},
            "Content-Type: expected application/json, found another type",
        ),
        (
            {**JSON, "Content-Encoding": "gzip"},
            "Content-Encoding is not supported; send the body uncompressed",
        ),
        (
            {**JSON, "Content-Encoding": "SECRET"},
            "Content-Encoding is not supported; send the body uncompressed",
        ),
    ],
)
def test_another_media_type_or_encoding_is_415(
    send: Send, path: str, headers: dict[str, str], message: str
) -> None:
    response = send("POST", path, ROW, headers)
    assert (response.status, response.error) == (415, message)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "Application/JSON"},
        {**JSON, "Content-Encoding": "Identity"},
    ],
)
def test_media_types_may_have_parameters_and_capitals(send: Send, headers: dict[str, str]) -> None:
    assert send("POST", "/predict", ROW, headers).status == 200


def test_binary_tensors_may_have_any_media_type(send: Send) -> None:
    headers = {HEAD: "0", "Content-Type": "application/x-www-form-urlencoded"}  # as curl sends
    assert send("POST", INFER, BYTES, headers).status == 200


def hundredfold(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.eye(4, 3, dtype=np.float32) * 100, "weight")
    )


@pytest.fixture(scope="module")
def hundredfold_classifier() -> Classifier:
    e = np.exp([0.0, -100.0, -100.0])
    golden = {
        "input": [[1.0, 0.0, 0.0, 0.0]],
        "probabilities": [(e / e.sum()).tolist()],
        "gate_mean": [[(0.7310586 + 0.5) / 2, 0.5]],
        "typicality": [(e / e.sum()).tolist()],
    }
    return Classifier(Recipe(change=hundredfold, golden=golden).build())


def test_a_row_that_overflows_float32_is_named_and_does_not_affect_the_next(
    hundredfold_classifier: Classifier, transport: str
) -> None:
    tensor = {**INPUT, "shape": [2, 4], "data": [1, 0, 0, 0, 3.4e38, 0, 0, 0]}
    with client_for(application(hundredfold_classifier), transport) as send:
        for response in (
            send("POST", "/predict", b'{"instances": [[1, 0, 0, 0], [3.4e38, 0, 0, 0]]}'),
            infer(send, tensor),
            infer(send, tensor, parameters={"binary_data_output": True}),
        ):
            assert (response.status, response.error) == (
                400,
                "row 1: inputs overflow float32; the output is not finite",
            )
            assert send("POST", "/predict", ROW).status == 200


# With the layers' gates scaled: layer 1 adds 1 to the first logit, layer 2 adds 2 to the second,
# each times its scale.

SCALED_ROWS = [[0.5, 0, 0, 0], [0, 0, 0, 1], [0.25, -0.5, 2.5, 0]]


def one_logit_for_each_layer(model: onnx.ModelProto) -> None:
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    scale = np.array([[1, 0, 0], [0, 2, 0]], np.float32)
    weights["scale_weight"].CopyFrom(numpy_helper.from_array(scale, "scale_weight"))


@pytest.fixture(scope="module")
def layered() -> Classifier:
    e = np.exp([2.0, 2.0, 0.0])
    golden = {
        "input": [[1.0, 0.0, 0.0, 0.0]],
        "probabilities": [(e / e.sum()).tolist()],
        "gate_mean": [[(0.7310586 + 0.5) / 2, 0.5]],
        "typicality": [(e / e.sum()).tolist()],
    }
    return Classifier(Recipe(change=one_logit_for_each_layer, golden=golden).build())


@pytest.fixture
def send_layered(layered: Classifier, transport: str) -> Iterator[Send]:
    with client_for(application(layered, max_rows=5), transport) as send:
        yield send


def predict(send: Send, rows: object, scale: object) -> list[dict[str, Any]]:
    body = {"instances": rows, "gate_scale": scale}
    response = send("POST", "/predict", json.dumps(body).encode())
    predictions: list[dict[str, Any]] = response.json()["predictions"]
    return predictions


def test_a_row_is_predicted_with_its_gates_scaled(send_layered: Send) -> None:
    # logits (0 + s1, 0 + 2 s2, 0)
    scales = [[1, 1], [1, 0], [0, 0], [3, 1]]
    predictions = predict(send_layered, [[0, 0, 0, 0]] * 4, scales)
    assert [prediction["label"] for prediction in predictions] == ["b", "a", "a", "a"]
    e = np.e
    assert [prediction["probabilities"] for prediction in predictions] == [
        pytest.approx(np.array([e, e**2, 1]) / (e + e**2 + 1), abs=1e-6),
        pytest.approx(np.array([e, 1, 1]) / (e + 2), abs=1e-6),
        pytest.approx([1 / 3] * 3, abs=1e-6),
        pytest.approx(np.array([e**3, e**2, 1]) / (e**3 + e**2 + 1), abs=1e-6),
    ]
    assert [prediction["gate_mean"] for prediction in predictions] == [
        [0.5, 0.5]
    ] * 4  # as before the scale


@pytest.mark.parametrize(
    ("scale", "tensor"),
    [
        ([0, 1], [[0, 1]]),
        ({"highway 1": 0}, [[0, 1]]),
        ([[0, 1], [1, 0], [0.3, 10]], [[0, 1], [1, 0], [0.3, 10]]),
        (
            [{"highway 1": 0}, {"highway 2": 0}, {"highway 2": 10, "highway 1": 0.3}],
            [[0, 1], [1, 0], [0.3, 10]],
        ),
        ([{}, [0.1, 0.2], {"highway 2": 1e-40}], [[1, 1], [0.1, 0.2], [1, 1e-40]]),
    ],
)
def test_predict_and_infer_agree_to_the_last_bit_for_the_same_scale(
    send_layered: Send, scale: object, tensor: list[list[float]]
) -> None:
    predictions = predict(send_layered, SCALED_ROWS, scale)
    rows = {**INPUT, "shape": [3, 4], "data": SCALED_ROWS}
    scales = {"name": "gate_scale", "shape": [len(tensor), 2], "datatype": "FP32", "data": tensor}
    response = infer(send_layered, rows, scales, parameters={"binary_data_output": True})
    head, tensors = parts(response)
    values = iter(np.frombuffer(tensors, "<f4"))
    outputs = {
        output["name"]: np.array([next(values) for _ in range(np.prod(output["shape"]))]).reshape(
            output["shape"]
        )
        for output in head["outputs"]
    }
    for name in ("probabilities", "gate_mean"):
        own = np.array([prediction[name] for prediction in predictions], np.float32)
        assert np.array_equal(own, outputs[name]), name
    p_values = [list(prediction["typicality"].values()) for prediction in predictions]
    assert np.array_equal(np.array(p_values, np.float32), outputs["typicality"])


def test_a_scale_of_ones_changes_nothing(send: Send) -> None:
    plain = send("POST", "/predict", ROW).body
    for scale in (b"[1, 1]", b"{}", b"[[1.0, 1]]", b"null"):
        body = b'{"instances": [[1, 0, 0, 0]], "gate_scale": ' + scale + b"}"
        assert send("POST", "/predict", body).body == plain


OUT_OF_BOUNDS = (
    "gate_scale: expected numbers from 0 to 10, found one out of range; 0 closes a layer, 1 leaves "
    "it unchanged"
)
INVALID_JSON = "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed"


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (b"[-1, 1]", OUT_OF_BOUNDS),
        (b"[1, 10.5]", OUT_OF_BOUNDS),
        (b'[{"highway 1": -1e-40}, {}]', OUT_OF_BOUNDS),
        (b"[NaN, 1]", INVALID_JSON),
        (b"[1, Infinity]", INVALID_JSON),
        (b"[1, 1e400]", INVALID_JSON),
        (b"[1]", "gate_scale: expected a list of 2 numbers, one for each layer, found one of 1"),
        (
            b"[[1, 1], [1, 1, 1]]",
            "gate_scale[1]: expected a list of 2 numbers, one for each layer, found one of 3",
        ),
        (
            b'{"highway 3": 0}',
            "gate_scale: expected names of layers, from 'highway 1' to 'highway 2', found another "
            "name",
        ),
        (b"[[1, 1]]", "gate_scale: expected 2 scales, one for each instance, found 1"),
        (b"[{}, {}, {}]", "gate_scale: expected 2 scales, one for each instance, found 3"),
    ],
)
def test_an_invalid_scale_is_rejected_and_does_not_affect_the_next_request(
    send: Send, scale: bytes, message: str
) -> None:
    rows = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0]], "gate_scale": '
    response = send("POST", "/predict", rows + scale + b"}")
    assert (response.status, response.error) == (400, message)
    assert send("POST", "/predict", ROW).status == 200


def test_the_largest_float32_values_have_finite_probabilities(send: Send) -> None:
    response = send("POST", "/predict", b'{"instances": [[3.4e38, -3.4e38, 1e-45, -0.0]]}')
    assert response.status == 200
    assert response.json()["predictions"][0]["probabilities"] == [1, 0, 0]


def test_a_row_of_a_table_is_read_by_name_and_in_order(table_client: TestClient) -> None:
    # logits (age, job, member) + 1 = (1, 3, 2); gates σ(0) = .5, σ(2) = .880797, σ(1) = .731059
    by_name = {"income": None, "member": True, "job": "pilot", "age": 0}
    response = table_client.post("/predict", json={"instances": [by_name]})
    assert response.status_code == 200
    (prediction,) = response.json()["predictions"]
    assert prediction["label"] == "b"
    assert prediction["probabilities"] == pytest.approx([0.090031, 0.665241, 0.244728], abs=1e-6)
    assert prediction["gate_mean"] == pytest.approx([0.690399, 0.615529], abs=1e-6)
    in_order = table_client.post("/predict", json={"instances": [[0, "pilot", "true", None]]})
    assert in_order.content == response.content


def test_missing_values_of_a_table_have_finite_outputs(table_client: TestClient) -> None:
    response = table_client.post("/predict", json={"instances": [[None] * 4]})
    assert response.status_code == 200
    assert response.json()["predictions"][0]["gate_mean"] == [0.5, 0.5]


@pytest.mark.parametrize(
    "row",
    [
        b'{"age": 41, "job": "SECRET", "member": true, "income": 1}',
        b'{"age": 41, "job": "nurse", "member": true, "income": 1, "SECRET": 1}',
        b'{"age": "SECRET", "job": "nurse", "member": true, "income": 1}',
        b'{"age": 41, "job": {"SECRET": 1}, "member": true, "income": 1}',
        b'{"age": 41, "job": "nurse", "member": true, "income": NaN}',
        b'{"age": 41, "job": "nurse", "member": true, "income": 1e39}',
        b'{"SECRET": 41}',
        b'{"\\ud800": 41}',
        b'[41, "SECRET", true, null]',
        b'["SECRET"]',
        b'"SECRET"',
        b'{"age": ' + b"[" * 900,
        b'{"age": ' + b'{"age":' * 900 + b"1" + b"}" * 901,
        b"{}",
    ],
)
def test_an_invalid_row_of_a_table_is_rejected_and_does_not_affect_the_next(
    table_client: TestClient, row: bytes
) -> None:
    response = table_client.post("/predict", content=b'{"instances": [' + row + b"]}", headers=JSON)
    assert response.status_code == 400
    message = response.json()["error"]
    assert "SECRET" not in message
    good_row = [5, "nurse", False, 0]
    response = table_client.post("/predict", json={"instances": [good_row]})
    assert response.json()["predictions"][0]["label"] == "a"
