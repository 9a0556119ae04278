import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from starlette.testclient import TestClient

from service.app import create_app
from service.classifier import Answer, Classifier, FloatArray
from service.settings import Settings
from tests.service.conftest import Recipe

ROW = [1.0, 0.0, 0.0, 0.0]
JSON = {"content-type": "application/json"}


def good(client: TestClient) -> None:
    answer = client.post("/predict", json={"instances": [ROW]})
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["label"] == "a"


def error_of(answer: Any) -> str:
    body = answer.json()
    assert list(body) == ["error"]
    assert answer.headers["content-type"] == "application/json"
    message: str = body["error"]
    return message


def test_predict_answers_every_row_in_its_order(client: TestClient) -> None:
    rows = [ROW, [0, 5, 0, 0], [0, 0, 5, 0]]
    answer = client.post("/predict", json={"instances": rows})
    predictions = answer.json()["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["a", "b", "c"]
    assert predictions[0]["probabilities"] == pytest.approx(
        [0.576117, 0.211942, 0.211942], abs=1e-6
    )
    assert predictions[0]["gate_mean"] == pytest.approx([0.615529, 0.5], abs=1e-6)


def test_an_image_answers_the_same_flat_and_nested(client: TestClient) -> None:
    flat = client.post("/predict", json={"instances": [[1, 2, 3, 4]]})
    nested = client.post("/predict", json={"instances": [[[1, 2], [3, 4]]]})
    assert flat.content == nested.content


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
    message = error_of(answer)
    assert ": expected " in message
    assert "SECRET" not in message
    good_row = [5, "nurse", False, 0]
    answer = table_client.post("/predict", json={"instances": [good_row]})
    assert answer.json()["predictions"][0]["label"] == "a"


def test_a_table_describes_its_columns_with_their_categories(table_client: TestClient) -> None:
    model = table_client.get("/v2/models/tiny").json()
    assert json.loads(model["properties"]["input"])["columns"] == [
        {"name": "age", "categories": []},
        {"name": "job", "categories": ["nurse", "teacher", "pilot"]},
        {"name": "member", "categories": ["false", "true"]},
        {"name": "income", "categories": []},
    ]


BAD = [
    (b'{"instances": [[1, 2, 3]]}', 400),
    (b'{"instances": [[1, 2, "SECRET", 4]]}', 400),
    (b'{"instances": [[1, 2, NaN, 4]]}', 400),
    (b'{"instances": [[1, 2, -Infinity, 4]]}', 400),
    (b'{"instances": [[1, 2, 1e400, 4]]}', 400),
    (b'{"instances": [[1, 2, 1e39, 4]]}', 400),
    (b'{"instances": [[1, 2, null, 4]]}', 400),
    (b'{"instances": [[1, 2, true, 4]]}', 400),
    (b'{"instances": [[1, 2, [3], 4]]}', 400),
    (b'{"instances": [[1, 2, 3, 4], [1]]}', 400),
    (b'{"instances": [' + b",".join([b"[1,2,3,4]"] * 6) + b"]}", 400),
    (b'{"instances": []}', 400),
    (b'{"SECRET": []}', 400),
    (b'{"instances": [[1, 2, 3, 4]', 400),
    (b'{"instances": [[1, 2, 3, 4]]} SECRET', 400),
    (b"", 400),
    (b'{"instances": [["\\ud800"]]}', 400),
    (b'{"instances": [[' + b"9" * 500 + b"]]}", 400),
    (b'{"instances": ' + b"[" * 900, 400),
    (b'{"\xff": 1}', 400),
    ('{"instances": [[1, 2, 3, 4]]}'.encode("utf-16"), 400),
    (b" " * 2001, 413),
]


@pytest.mark.parametrize(("body", "status"), BAD)
def test_a_bad_body_is_one_sentence_and_harms_nobody_after_it(
    client: TestClient, body: bytes, status: int
) -> None:
    answer = client.post("/predict", content=body, headers=JSON)
    assert answer.status_code == status
    message = error_of(answer)
    assert ": expected " in message
    assert "SECRET" not in message
    assert len(message) < 200
    good(client)


@pytest.mark.parametrize("noise", [b"9" * 5000, b"[" * 50_000, b"[" * 50_000 + b"]" * 50_000])
def test_a_body_made_to_exhaust_a_parser_is_the_clients_error(
    classifier: Classifier, noise: bytes
) -> None:
    app = create_app(classifier, Settings())
    with TestClient(app, raise_server_exceptions=False) as client:
        body = b'{"instances": [[' + noise + b"]]}"
        answer = client.post("/predict", content=body, headers=JSON)
        assert answer.status_code == 400
        assert error_of(answer).startswith("body: expected JSON whose numbers fit 64 bits, found ")
        good(client)


def hundredfold(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.eye(4, 3, dtype=np.float32) * 100, "weight")
    )


def test_a_row_too_large_for_the_network_is_named_and_harms_nobody_after_it() -> None:
    e = np.exp([0.0, -100.0, -100.0])
    golden = {
        "input": [ROW],
        "probabilities": [(e / e.sum()).tolist()],
        "gate_mean": [[(0.7310586 + 0.5) / 2, 0.5]],
    }
    classifier = Classifier(Recipe(change=hundredfold, golden=golden).build())
    app = create_app(classifier, Settings())
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/predict", json={"instances": [ROW, [3.4e38, 0, 0, 0]]})
        assert answer.status_code == 400
        assert error_of(answer) == (
            "row 1: expected values that the network can add up, found some so large that its "
            "answer is no number"
        )
        good(client)


def test_a_body_over_the_limit_without_an_announced_length_is_refused(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b" " * 500] * 10

    answer = client.post("/predict", content=chunks(), headers=JSON)
    assert answer.status_code == 413
    assert error_of(answer) == (
        "body: expected at most 2000 bytes, found more; send the rows in several requests"
    )


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {}, {**JSON, "content-encoding": "gzip"}]
)
def test_a_body_in_another_form_is_415(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/predict", content=b'{"instances": [[1,2,3,4]]}', headers=headers)
    assert answer.status_code == 415
    assert ": expected " in error_of(answer)


def test_the_largest_numbers_of_float32_have_a_finite_answer_or_none(client: TestClient) -> None:
    answer = client.post("/predict", json={"instances": [[3.4e38, -3.4e38, 0, 0]]})
    assert answer.status_code == 200
    assert "null" not in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "/predict/x", "/v2/models", "/v3"])
def test_an_unknown_path_is_404(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert error_of(answer) == "path: expected one that GET /openapi.json lists, found another"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/predict", "POST"), ("DELETE", "/predict", "POST"), ("POST", "/v2", "GET")],
)
def test_a_wrong_method_is_405_and_says_which_is_right(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert error_of(answer) == f"method: expected {allowed}, found {method}"


@pytest.mark.parametrize("state", ["live", "ready"])
def test_health_says_both_things_whichever_is_asked(client: TestClient, state: str) -> None:
    answer = client.get(f"/v2/health/{state}")
    assert (answer.status_code, answer.json()) == (200, {"live": True, "ready": True})


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_names_itself_and_only_extensions_that_it_has(
    client: TestClient, path: str
) -> None:
    assert client.get(path).json() == {
        "name": "highway-networks",
        "version": "0.1.0",
        "extensions": [],
    }


def test_the_model_describes_its_tensors_labels_and_layers(client: TestClient) -> None:
    model = client.get("/v2/models/tiny").json()
    assert (model["name"], model["versions"], model["platform"]) == ("tiny", ["1"], "onnx_onnxv1")
    assert model["inputs"] == [
        {"name": "input", "datatype": "FP32", "shape": [-1, 4]},
        {"name": "gate_scale", "datatype": "FP32", "shape": [-1, 2]},
    ]
    assert [(o["name"], o["shape"]) for o in model["outputs"]] == [
        ("logits", [-1, 3]),
        ("probabilities", [-1, 3]),
        ("gate_mean", [-1, 2]),
        ("gate_units", [-1, 4]),
    ]
    assert all(isinstance(value, str) for value in model["properties"].values())
    assert json.loads(model["properties"]["labels"]) == ["a", "b", "c"]
    assert [layer["name"] for layer in json.loads(model["properties"]["layers"])] == [
        *("highway 1", "highway 2")
    ]


def test_another_models_name_is_404(client: TestClient) -> None:
    answer = client.get("/v2/models/SECRET")
    assert answer.status_code == 404
    assert error_of(answer) == "model: expected 'tiny', found another name"


class Broken(Classifier):
    """A classifier that fails once it serves."""

    serving = False

    def run(self, rows: FloatArray, gate_scale: FloatArray | None = None) -> Answer:
        if self.serving:
            raise MemoryError("/SECRET/path")
        return super().run(rows, gate_scale)


def test_our_own_fault_is_500_without_details(content: bytes) -> None:
    broken = Broken(content)
    broken.serving = True
    with TestClient(create_app(broken, Settings()), raise_server_exceptions=False) as client:
        answer = client.post("/predict", json={"instances": [ROW]})
    assert answer.status_code == 500
    assert error_of(answer) == "the server failed at this request; its log says why"
