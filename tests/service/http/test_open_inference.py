import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from service import __version__
from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.talk import INFER, JSON, Ask


@pytest.fixture
def two_versions(classifier: Classifier) -> Iterator[TestClient]:
    newer = replace(METADATA, version="2", labels=("x", "y", "z"))
    with TestClient(application(classifier, Classifier(Recipe(metadata=newer).build()))) as client:
        yield client


@pytest.fixture
def stopped(classifier: Classifier) -> TestClient:
    """An application whose models were never started."""
    return TestClient(application(classifier))


@pytest.mark.parametrize("state", ["live", "ready"])
def test_health_says_both_things_whichever_is_asked(ask: Ask, state: str) -> None:
    answer = ask("GET", f"/v2/health/{state}")
    assert (answer.status, answer.json()) == (200, {"live": True, "ready": True})


@pytest.mark.parametrize(("state", "status"), [("live", 200), ("ready", 503)])
def test_a_server_that_is_not_ready_lives(stopped: TestClient, state: str, status: int) -> None:
    answer = stopped.get(f"/v2/health/{state}")
    assert (answer.status_code, answer.json()) == (status, {"live": True, "ready": False})


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_names_itself_and_the_extensions_that_it_has(ask: Ask, path: str) -> None:
    assert ask("GET", path).json() == {
        "name": "highway-networks",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification", "statistics"],
    }


@pytest.mark.parametrize("path", ["/v2/models/tiny", "/v2/models/tiny/versions/1"])
def test_the_model_describes_its_tensors_labels_and_layers(ask: Ask, path: str) -> None:
    model = ask("GET", path).json()
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
        ("unusual", [-1, 3]),
    ]
    properties = model["properties"]
    assert json.loads(properties["labels"]) == ["a", "b", "c"]
    assert [layer["name"] for layer in json.loads(properties["layers"])] == [
        *("highway 1", "highway 2")
    ]
    assert json.loads(properties["optional_inputs"]) == ["gate_scale"]
    assert len(properties["digest"]) == 64
    assert properties["contract"] == "2"


def test_a_table_describes_its_columns_with_their_categories(table_client: TestClient) -> None:
    model = table_client.get("/v2/models/tiny").json()
    assert json.loads(model["properties"]["input"])["columns"] == [
        {"name": "age", "categories": []},
        {"name": "job", "categories": ["nurse", "teacher", "pilot"]},
        {"name": "member", "categories": ["false", "true"]},
        {"name": "income", "categories": []},
    ]


def test_a_model_without_a_version_named_is_its_newest(two_versions: TestClient) -> None:
    newest, oldest = (
        two_versions.get("/v2/models/tiny"),
        two_versions.get("/v2/models/tiny/versions/1"),
    )
    assert newest.json()["versions"] == oldest.json()["versions"] == ["1", "2"]
    assert newest.json()["properties"]["labels"] == '["x", "y", "z"]'
    assert oldest.json()["properties"]["labels"] == '["a", "b", "c"]'


@pytest.mark.parametrize(
    ("path", "version", "label"),
    [
        ("/v1/models/tiny:predict", "2", "x"),
        ("/v1/models/tiny/versions/1:predict", "1", "a"),
        ("/v1/models/tiny/versions/2:predict", "2", "x"),
    ],
)
def test_each_version_answers_for_itself(
    two_versions: TestClient, path: str, version: str, label: str
) -> None:
    answer = two_versions.post(path, json={"instances": [[1, 0, 0, 0]]}).json()
    assert (answer["model_version"], answer["predictions"][0]["label"]) == (version, label)


@pytest.mark.parametrize("path", ["/v2/models/tiny/ready", "/v2/models/tiny/versions/1/ready"])
def test_a_model_says_whether_it_answers(ask: Ask, stopped: TestClient, path: str) -> None:
    answer = ask("GET", path)
    assert (answer.status, answer.json()) == (200, {"name": "tiny", "ready": True})
    answered = stopped.get(path)
    assert (answered.status_code, answered.json()) == (503, {"name": "tiny", "ready": False})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/v2/models/{{}}{end}") for end in ("", "/ready", "/stats")),
        *(("POST", f"/v2/repository/models/{{}}/{end}") for end in ("load", "unload")),
        *(("POST", path) for path in ("/v2/models/{}/infer", "/v1/models/{}:predict")),
    ],
)
def test_another_models_name_is_404(ask: Ask, method: str, path: str) -> None:
    for name in ("SECRET", "%00", "%ff", "..%2ftiny", "TINY"):
        answer = ask(method, path.format(name))
        assert answer.status == 404
        assert answer.error in (
            "model: expected 'tiny', found another name",
            "path: expected one that GET /openapi.json lists, found another",
        )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/v2/models/tiny/versions/2{end}") for end in ("", "/ready", "/stats")),
        ("POST", "/v2/models/tiny/versions/2/infer"),
        ("POST", "/v1/models/tiny/versions/2:predict"),
    ],
)
def test_another_version_is_404(ask: Ask, method: str, path: str) -> None:
    answer = ask(method, path)
    assert (answer.status, answer.error) == (404, "version: expected '1' of 'tiny', found another")


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "/v2/models/", "/v3", "//predict"])
def test_an_unknown_path_is_404(ask: Ask, path: str) -> None:
    answer = ask("GET", path)
    assert (answer.status, answer.error) == (
        404,
        "path: expected one that GET /openapi.json lists, found another",
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *((method, "/predict", "POST") for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH")),
        *(("GET", INFER, "POST"), ("POST", "/v2", "GET"), ("POST", "/v2/health/ready", "GET")),
        *(("DELETE", "/v2/models/tiny", "GET"), ("POST", "/v2/models/tiny/stats", "GET")),
        *(("GET", "/v2/repository/index", "POST"), ("POST", "/metrics", "GET")),
    ],
)
def test_a_wrong_method_is_405_and_says_which_is_right(
    ask: Ask, method: str, path: str, allowed: str
) -> None:
    answer = ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.error == f"method: expected {allowed}, found {method}"


READY = [{"name": "tiny", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}', b'{"ready": false}'])
@pytest.mark.parametrize("headers", [JSON, {}])
def test_the_index_lists_what_is_ready(ask: Ask, body: bytes, headers: dict[str, str]) -> None:
    answer = ask("POST", "/v2/repository/index", body, headers)
    assert (answer.status, answer.json()) == (200, READY)


def test_the_index_tells_what_does_not_answer_or_leaves_it_out(stopped: TestClient) -> None:
    everything = stopped.post("/v2/repository/index").json()
    assert everything == [{**READY[0], "state": "UNAVAILABLE"}]
    assert stopped.post("/v2/repository/index", json={"ready": True}).json() == []


def test_a_question_for_the_index_is_not_read_beyond_the_limit(ask: Ask) -> None:
    answer = ask("POST", "/v2/repository/index", b" " * 300_001)
    assert (answer.status, answer.error) == (
        413,
        "body: expected at most 300000 bytes, found more; send the rows in several requests",
    )


@pytest.mark.parametrize("change", ["load", "unload"])
@pytest.mark.parametrize("body", [b"", b'{"parameters": {"config": "SECRET"}}'])
def test_the_network_does_not_choose_what_is_served(ask: Ask, change: str, body: bytes) -> None:
    answer = ask("POST", f"/v2/repository/models/tiny/{change}", body)
    assert (answer.status, answer.error) == (
        501,
        "repository: expected a model to be chosen when the server starts, found a request to "
        "change it; start the server with another file",
    )
    assert ask("GET", "/v2/models/tiny/ready").status == 200
