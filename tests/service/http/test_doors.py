"""What the doors read and write, by both ways to them; the forms of bodies have tests of theirs."""

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
from tests.service.http.talk import INFER, JSON, ROW, Answer, Ask, way_to

BYTES = np.array([[1, 0, 0, 0]], "<f4").tobytes()
INPUT: dict[str, Any] = {"name": "input", "shape": [1, 4], "datatype": "FP32"}
WITH_DATA = {**INPUT, "data": [1, 0, 0, 0]}
WITH_BYTES = {**INPUT, "parameters": {"binary_data_size": 16}}
HEAD = "Inference-Header-Content-Length"


def infer(ask: Ask, *inputs: dict[str, Any], **members: Any) -> Answer:
    return ask("POST", INFER, json.dumps({"inputs": inputs or [WITH_DATA], **members}).encode())


def infer_binary(ask: Ask, head: object, tensors: bytes, path: str = INFER) -> Answer:
    text = json.dumps(head).encode()
    return ask("POST", path, text + tensors, {HEAD: str(len(text))})


def parts(answer: Answer) -> tuple[Any, bytes]:
    """Return the JSON of an answer and the bytes behind it."""
    length = int(answer.headers[HEAD])
    return json.loads(answer.body[:length]), answer.body[length:]


def test_predict_answers_every_row_in_its_order(ask: Ask) -> None:
    answer = ask("POST", "/predict", b'{"instances": [[1,0,0,0], [0,5,0,0], [0,0,5,0]]}')
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    predictions = answer.json()["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["a", "b", "c"]
    assert predictions[0] == {
        "label": "a",
        "probability": pytest.approx(0.576117, abs=1e-6),
        "probabilities": pytest.approx([0.576117, 0.211942, 0.211942], abs=1e-6),
        "gate_mean": pytest.approx([0.615529, 0.5], abs=1e-6),
        "unusual": pytest.approx(
            {"gates": 0.576117, "confidence": 0.211942, "both": 0.211942}, abs=1e-6
        ),
    }


@pytest.mark.parametrize(
    "path", ["/v1/models/tiny:predict", "/v1/models/tiny/versions/1:predict", "/predict?trace=1"]
)
def test_every_path_to_predict_gives_the_same_answer(ask: Ask, path: str) -> None:
    assert ask("POST", path, ROW).body == ask("POST", "/predict", ROW).body


def test_tensors_are_answered_with_all_outputs_but_single_gates(ask: Ask) -> None:
    answer = infer(ask)
    assert answer.status == 200
    assert answer.json() == {
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
                "name": "unusual",
                "datatype": "FP32",
                "shape": [1, 3],
                "data": pytest.approx([0.576117, 0.211942, 0.211942], abs=1e-6),
            },
        ],
    }


@pytest.mark.parametrize(
    "path", ["/v2/models/tiny/versions/1/infer", "/v2/models/t%69ny/infer", f"{INFER}?x=1"]
)
def test_every_path_to_infer_gives_the_same_answer(ask: Ask, path: str) -> None:
    body = json.dumps({"inputs": [WITH_DATA]}).encode()
    assert ask("POST", path, body).body == ask("POST", INFER, body).body


def test_the_id_and_the_order_of_the_outputs_come_back(ask: Ask) -> None:
    outputs = [{"name": "gate_units"}, {"name": "logits"}]
    answer = infer(ask, id="7", outputs=outputs).json()
    assert answer["id"] == "7"
    assert [output["name"] for output in answer["outputs"]] == ["gate_units", "logits"]


def test_data_may_be_flat_and_nested_in_one_request(ask: Ask) -> None:
    rows = {"name": "input", "shape": [2, 4], "datatype": "FP32"}
    scale = {"name": "gate_scale", "shape": [2, 2], "datatype": "FP32"}
    nested = {**rows, "data": [[1, 0, 0, 0], [0, 0, 0, 0]]}
    flat = {**scale, "data": [0, 0, 1, 1]}
    (logits,) = infer(ask, nested, flat, outputs=[{"name": "logits"}]).json()["outputs"]
    # The first row's layers are closed: it has no part of the scale.
    assert logits["data"] == [1, 0, 0, 1, 1, 1]


def test_binary_rows_are_answered_in_json(ask: Ask) -> None:
    answer = infer_binary(ask, {"inputs": [WITH_BYTES], "outputs": [{"name": "logits"}]}, BYTES)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert HEAD not in answer.headers
    assert answer.json()["outputs"][0]["data"] == [2, 1, 1]


def test_json_rows_are_answered_in_binary(ask: Ask) -> None:
    answer = infer(ask, outputs=[{"name": "logits", "parameters": {"binary_data": True}}])
    assert answer.headers["content-type"] == "application/octet-stream"
    head, tensors = parts(answer)
    assert head["outputs"] == [
        {
            "name": "logits",
            "datatype": "FP32",
            "shape": [1, 3],
            "parameters": {"binary_data_size": 12},
        }
    ]
    assert np.frombuffer(tensors, "<f4").tolist() == [2, 1, 1]


def test_binary_and_json_are_mixed_in_one_answer(ask: Ask) -> None:
    outputs = [{"name": "gate_mean"}, {"name": "logits", "parameters": {"binary_data": True}}]
    head, tensors = parts(infer_binary(ask, {"inputs": [WITH_BYTES], "outputs": outputs}, BYTES))
    assert head["outputs"][0]["data"] == pytest.approx([0.615529, 0.5], abs=1e-6)
    assert np.frombuffer(tensors, "<f4").tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("own", "every", "binary"),
    [
        *((True, None, True), (True, False, True), (False, True, False), (False, None, False)),
        *((None, True, True), (None, False, False), (None, None, False)),
    ],
)
def test_an_outputs_own_word_comes_before_the_requests(
    ask: Ask, own: bool | None, every: bool | None, binary: bool
) -> None:
    output = {"name": "logits", "parameters": {} if own is None else {"binary_data": own}}
    parameters = {} if every is None else {"binary_data_output": every}
    answer = infer(ask, outputs=[output], parameters=parameters)
    assert (HEAD in answer.headers) is binary


def test_a_raw_row_is_answered_with_every_output_in_binary(ask: Ask) -> None:
    head, tensors = parts(ask("POST", INFER, BYTES, {HEAD: "0"}))
    names = [output["name"] for output in head["outputs"]]
    assert names == ["logits", "probabilities", "gate_mean", "gate_units", "unusual"]
    assert np.frombuffer(tensors, "<f4")[[0, 1, 2, 7]].tolist() == [2, 1, 1, 0.5]


def test_a_classification_names_the_best_classes(ask: Ask) -> None:
    answer = infer(ask, outputs=[{"name": "logits", "parameters": {"classification": 2}}])
    assert answer.json()["outputs"] == [
        {"name": "logits", "datatype": "BYTES", "shape": [1, 2], "data": ["2.0:0:a", "1.0:1:b"]}
    ]


@pytest.mark.parametrize(
    "value", ["-1", "+2", "17", "two", "1.0", "0x1", "1e1", "", "9" * 18, "9" * 5000, "²"]
)
def test_a_length_of_the_json_that_the_body_cannot_have_is_refused(ask: Ask, value: str) -> None:
    answer = ask("POST", INFER, BYTES, {HEAD: value})
    assert (answer.status, answer.error) == (
        400,
        "Inference-Header-Content-Length: expected a number from 0 to the body's 16 bytes, found "
        "another",
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
        ({"inputs": [{**WITH_BYTES, "shape": [2**64, 4]}]}, BYTES, "expected"),
        ({"inputs": [{**WITH_BYTES, "shape": [2, 4]}]}, BYTES, "a binary_data_size of 32"),
        ({}, BYTES, "inputs: expected a list of tensors, found null"),
        ([], BYTES, "body: expected a JSON object, found a list"),
        ({"inputs": [WITH_BYTES]}, np.array([1, 0, 0, np.nan], "<f4").tobytes(), "finite"),
    ],
)
def test_a_bad_binary_request_is_refused_and_harms_nobody_after_it(
    ask: Ask, head: object, tensors: bytes, message: str
) -> None:
    answer = infer_binary(ask, head, tensors)
    assert answer.status == 400
    assert message in answer.error
    assert infer_binary(ask, {"inputs": [WITH_BYTES]}, BYTES).status == 200


def test_bytes_that_belong_to_no_tensor_are_refused(ask: Ask) -> None:
    answer = infer_binary(ask, {"inputs": [WITH_BYTES]}, BYTES + b"x")
    assert answer.status == 400
    length = len(json.dumps({"inputs": [WITH_BYTES]}))
    assert answer.error == (
        f"body: expected {length + 16} bytes, the JSON and its binary tensors, found {length + 17}"
    )


@pytest.mark.parametrize("depth", [50, 120, 900])
def test_what_is_nested_deep_in_a_member_that_nobody_reads_is_ignored(ask: Ask, depth: int) -> None:
    body = b'{"more": ' + b"[" * depth + b"]" * depth + b', "instances": [[1,0,0,0]]}'
    assert ask("POST", "/predict", body).status == 200


@pytest.mark.parametrize(("path", "none"), [("/predict", 415), (INFER, 400)])
def test_only_infer_reads_json_that_nothing_says_is_json(ask: Ask, path: str, none: int) -> None:
    answer = ask("POST", path, b"{}", {})
    assert answer.status == none


@pytest.mark.parametrize("path", ["/predict", "/v1/models/tiny:predict", INFER])
@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"Content-Type": "text/plain"},
            "Content-Type: expected application/json, found another",
        ),
        (
            {**JSON, "Content-Encoding": "gzip"},
            "Content-Encoding: expected none, found one; send the body as it is",
        ),
        (
            {**JSON, "Content-Encoding": "SECRET"},
            "Content-Encoding: expected none, found one; send the body as it is",
        ),
    ],
)
def test_a_body_in_another_form_is_415(
    ask: Ask, path: str, headers: dict[str, str], message: str
) -> None:
    answer = ask("POST", path, ROW, headers)
    assert (answer.status, answer.error) == (415, message)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "Application/JSON"},
        {**JSON, "Content-Encoding": "Identity"},
    ],
)
def test_json_is_json_with_parameters_and_in_capitals(ask: Ask, headers: dict[str, str]) -> None:
    assert ask("POST", "/predict", ROW, headers).status == 200


def test_binary_tensors_may_come_under_any_name(ask: Ask) -> None:
    headers = {HEAD: "0", "Content-Type": "application/x-www-form-urlencoded"}  # as curl sends
    assert ask("POST", INFER, BYTES, headers).status == 200


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
        "unusual": [(e / e.sum()).tolist()],
    }
    return Classifier(Recipe(change=hundredfold, golden=golden).build())


def test_a_row_too_large_for_the_network_is_named_and_harms_nobody_after_it(
    hundredfold_classifier: Classifier, way: str
) -> None:
    tensor = {**INPUT, "shape": [2, 4], "data": [1, 0, 0, 0, 3.4e38, 0, 0, 0]}
    with way_to(application(hundredfold_classifier), way) as ask:
        for answer in (
            ask("POST", "/predict", b'{"instances": [[1, 0, 0, 0], [3.4e38, 0, 0, 0]]}'),
            infer(ask, tensor),
            infer(ask, tensor, parameters={"binary_data_output": True}),
        ):
            assert (answer.status, answer.error) == (
                400,
                "row 1: expected values that the network can add up, found some so large that its "
                "answer is no number",
            )
            assert ask("POST", "/predict", ROW).status == 200


# What if gates were others? Here layer 1 adds 1 to the first logit, layer 2 adds 2 to the second,
# each times its scale.

SCALED_ROWS = [[0.5, 0, 0, 0], [0, 0, 0, 1], [0.25, -0.5, 2.5, 0]]


def layers_of_a_label_each(model: onnx.ModelProto) -> None:
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
        "unusual": [(e / e.sum()).tolist()],
    }
    return Classifier(Recipe(change=layers_of_a_label_each, golden=golden).build())


@pytest.fixture
def ask_layered(layered: Classifier, way: str) -> Iterator[Ask]:
    with way_to(application(layered, max_rows=5), way) as ask:
        yield ask


def predict(ask: Ask, rows: object, scale: object) -> list[dict[str, Any]]:
    body = {"instances": rows, "gate_scale": scale}
    found: list[dict[str, Any]] = ask("POST", "/predict", json.dumps(body).encode()).json()[
        "predictions"
    ]
    return found


def test_a_row_is_answered_as_if_its_gates_were_scaled(ask_layered: Ask) -> None:
    # logits (0 + s1, 0 + 2 s2, 0)
    scales = [[1, 1], [1, 0], [0, 0], [3, 1]]
    found = predict(ask_layered, [[0, 0, 0, 0]] * 4, scales)
    assert [each["label"] for each in found] == ["b", "a", "a", "a"]
    e = np.e
    assert [each["probabilities"] for each in found] == [
        pytest.approx(np.array([e, e**2, 1]) / (e + e**2 + 1), abs=1e-6),
        pytest.approx(np.array([e, 1, 1]) / (e + 2), abs=1e-6),
        pytest.approx([1 / 3] * 3, abs=1e-6),
        pytest.approx(np.array([e**3, e**2, 1]) / (e**3 + e**2 + 1), abs=1e-6),
    ]
    assert [each["gate_mean"] for each in found] == [[0.5, 0.5]] * 4  # as before the scale


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
def test_predict_with_a_scale_equals_infer_with_the_same_bit_for_bit(
    ask_layered: Ask, scale: object, tensor: list[list[float]]
) -> None:
    found = predict(ask_layered, SCALED_ROWS, scale)
    rows = {**INPUT, "shape": [3, 4], "data": SCALED_ROWS}
    scales = {"name": "gate_scale", "shape": [len(tensor), 2], "datatype": "FP32", "data": tensor}
    answer = infer(ask_layered, rows, scales, parameters={"binary_data_output": True})
    head, content = parts(answer)
    told = iter(np.frombuffer(content, "<f4"))
    outputs = {
        output["name"]: np.array([next(told) for _ in range(np.prod(output["shape"]))]).reshape(
            output["shape"]
        )
        for output in head["outputs"]
    }
    for name in ("probabilities", "gate_mean"):
        mine = np.array([each[name] for each in found], np.float32)
        assert np.array_equal(mine, outputs[name]), name
    shares = [list(each["unusual"].values()) for each in found]
    assert np.array_equal(np.array(shares, np.float32), outputs["unusual"])


def test_a_scale_of_ones_and_none_change_nothing(ask: Ask) -> None:
    plain = ask("POST", "/predict", ROW).body
    for scale in (b"[1, 1]", b"{}", b"[[1.0, 1]]", b"null"):
        body = b'{"instances": [[1, 0, 0, 0]], "gate_scale": ' + scale + b"}"
        assert ask("POST", "/predict", body).body == plain


OUT_OF_BOUNDS = (
    "gate_scale: expected numbers from 0 to 10, found others; 0 closes a layer, 1 leaves "
    "it as it is"
)
NO_JSON = (
    "body: expected JSON whose numbers fit 64 bits, found text that is not; NaN and Infinity are "
    "not JSON either"
)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (b"[-1, 1]", OUT_OF_BOUNDS),
        (b"[1, 10.5]", OUT_OF_BOUNDS),
        (b'[{"highway 1": -1e-40}, {}]', OUT_OF_BOUNDS),
        (b"[NaN, 1]", NO_JSON),
        (b"[1, Infinity]", NO_JSON),
        (b"[1, 1e400]", NO_JSON),
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
        (b"[[1, 1]]", "gate_scale: expected one for each of 2 instances, found 1"),
        (b"[{}, {}, {}]", "gate_scale: expected one for each of 2 instances, found 3"),
    ],
)
def test_a_scale_that_means_nothing_is_one_sentence_and_harms_nobody_after_it(
    ask: Ask, scale: bytes, message: str
) -> None:
    rows = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0]], "gate_scale": '
    answer = ask("POST", "/predict", rows + scale + b"}")
    assert (answer.status, answer.error) == (400, message)
    assert ask("POST", "/predict", ROW).status == 200


def test_the_largest_numbers_of_float32_have_a_finite_answer_or_none(ask: Ask) -> None:
    answer = ask("POST", "/predict", b'{"instances": [[3.4e38, -3.4e38, 1e-45, -0.0]]}')
    assert answer.status == 200
    assert answer.json()["predictions"][0]["probabilities"] == [1, 0, 0]


def test_a_tables_row_is_taken_by_name_and_in_order(table_client: TestClient) -> None:
    # logits (age, job, member) + 1 = (1, 3, 2); gates σ(0) = .5, σ(2) = .880797, σ(1) = .731059
    by_name = {"income": None, "member": True, "job": "pilot", "age": 0}
    answer = table_client.post("/predict", json={"instances": [by_name]})
    assert answer.status_code == 200
    (prediction,) = answer.json()["predictions"]
    assert prediction["label"] == "b"
    assert prediction["probabilities"] == pytest.approx([0.090031, 0.665241, 0.244728], abs=1e-6)
    assert prediction["gate_mean"] == pytest.approx([0.690399, 0.615529], abs=1e-6)
    in_order = table_client.post("/predict", json={"instances": [[0, "pilot", "true", None]]})
    assert in_order.content == answer.content


def test_a_tables_missing_values_have_a_finite_answer(table_client: TestClient) -> None:
    answer = table_client.post("/predict", json={"instances": [[None] * 4]})
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["gate_mean"] == [0.5, 0.5]


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
def test_a_tables_bad_row_is_one_sentence_and_harms_nobody_after_it(
    table_client: TestClient, row: bytes
) -> None:
    answer = table_client.post("/predict", content=b'{"instances": [' + row + b"]}", headers=JSON)
    assert answer.status_code == 400
    message = answer.json()["error"]
    assert ": expected " in message
    assert "SECRET" not in message
    good_row = [5, "nurse", False, 0]
    answer = table_client.post("/predict", json={"instances": [good_row]})
    assert answer.json()["predictions"][0]["label"] == "a"
