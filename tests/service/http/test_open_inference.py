import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service import __version__
from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.transport import INFER, JSON, Send


@pytest.fixture
def two_versions(classifier: Classifier) -> Iterator[TestClient]:
    newer = replace(METADATA, version="2", labels=("x", "y", "z"))
    with TestClient(application(classifier, Classifier(Recipe(metadata=newer).build()))) as client:
        yield client


@pytest.fixture
def stopped(classifier: Classifier) -> TestClient:
    """An application whose models have not been started."""
    return TestClient(application(classifier))


@pytest.mark.parametrize("state", ["live", "ready"])
def test_both_health_routes_return_live_and_ready(send: Send, state: str) -> None:
    response = send("GET", f"/v2/health/{state}")
    assert (response.status, response.json()) == (200, {"live": True, "ready": True})


@pytest.mark.parametrize(("state", "status"), [("live", 200), ("ready", 503)])
def test_a_server_that_is_not_ready_is_live(stopped: TestClient, state: str, status: int) -> None:
    response = stopped.get(f"/v2/health/{state}")
    assert (response.status_code, response.json()) == (status, {"live": True, "ready": False})


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata_has_name_version_and_extensions(send: Send, path: str) -> None:
    assert send("GET", path).json() == {
        "name": "highway-networks",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification", "statistics"],
    }


@pytest.mark.parametrize("path", ["/v2/models/tiny", "/v2/models/tiny/versions/1"])
def test_model_metadata_has_tensors_labels_and_layers(send: Send, path: str) -> None:
    model = send("GET", path).json()
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
        ("typicality", [-1, 3]),
        ("layer_typicality", [-1, 2]),
    ]
    properties = model["properties"]
    assert json.loads(properties["labels"]) == ["a", "b", "c"]
    assert [layer["name"] for layer in json.loads(properties["layers"])] == [
        *("highway 1", "highway 2")
    ]
    assert json.loads(properties["optional_inputs"]) == ["gate_scale"]
    assert len(properties["digest"]) == 64
    assert properties["contract"] == "4"
    assert properties["usual_gates"] == properties["usual_inputs"] == "null"
    assert properties["signature"] == "not checked"
    assert json.loads(properties["training"]) == {}
    assert json.loads(properties["verification"]) == {"digest": properties["digest"]}  # no rows


def test_model_metadata_has_usual_inputs_and_where_the_model_is_from(tmp_path: Path) -> None:
    inputs = {"usual": [0.5], "values": [], "missing": []}
    training = {"data": "digits.csv", "metrics": {"accuracy": 0.75, "loss": None}}
    metadata = replace(METADATA, gate_baseline={"inputs": inputs}, training=training)
    app = application(
        Classifier(Recipe(metadata=metadata).build()), public_key=tmp_path / "public.pem"
    )
    with TestClient(app) as client:
        properties = client.get("/v2/models/tiny").json()["properties"]
    assert json.loads(properties["usual_inputs"]) == inputs
    assert json.loads(properties["training"]) == training
    assert properties["signature"] == "valid"  # with a key, other files are not served


def test_model_metadata_of_a_table_has_columns_with_categories(table_client: TestClient) -> None:
    model = table_client.get("/v2/models/tiny").json()
    rest = {"date": None, "unit": ""}
    assert json.loads(model["properties"]["input"])["columns"] == [
        {"name": "age", "categories": [], **rest},
        {"name": "job", "categories": ["nurse", "teacher", "pilot"], **rest},
        {"name": "member", "categories": ["false", "true"], **rest},
        {"name": "income", "categories": [], **rest},
    ]


def test_a_model_without_a_version_is_its_newest(two_versions: TestClient) -> None:
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
def test_each_version_predicts_for_itself(
    two_versions: TestClient, path: str, version: str, label: str
) -> None:
    response = two_versions.post(path, json={"instances": [[1, 0, 0, 0]]}).json()
    assert (response["model_version"], response["predictions"][0]["label"]) == (version, label)


@pytest.mark.parametrize("path", ["/v2/models/tiny/ready", "/v2/models/tiny/versions/1/ready"])
def test_a_model_reports_whether_it_is_ready(send: Send, stopped: TestClient, path: str) -> None:
    response = send("GET", path)
    assert (response.status, response.json()) == (200, {"name": "tiny", "ready": True})
    answered = stopped.get(path)
    assert (answered.status_code, answered.json()) == (503, {"name": "tiny", "ready": False})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/v2/models/{{}}{end}") for end in ("", "/ready", "/stats")),
        *(("POST", path) for path in ("/v2/models/{}/infer", "/v1/models/{}:predict")),
    ],
)
def test_an_unknown_name_is_404(send: Send, method: str, path: str) -> None:
    for name in ("SECRET", "%00", "%ff", "..%2ftiny", "TINY"):
        response = send(method, path.format(name))
        assert response.status == 404
        assert response.error in (
            "model: expected 'tiny', found another name",
            "path: not found; GET /openapi.json lists all paths",
        )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/v2/models/tiny/versions/2{end}") for end in ("", "/ready", "/stats")),
        ("POST", "/v2/models/tiny/versions/2/infer"),
        ("POST", "/v1/models/tiny/versions/2:predict"),
    ],
)
def test_an_unknown_version_is_404(send: Send, method: str, path: str) -> None:
    response = send(method, path)
    assert (response.status, response.error) == (
        404,
        "version: expected '1' of 'tiny', found another",
    )


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "/v2/models/", "/v3", "/docs/"])
def test_an_unknown_path_is_404(send: Send, path: str) -> None:
    response = send("GET", path)
    assert (response.status, response.error) == (
        404,
        "path: not found; GET /openapi.json lists all paths",
    )


READ = "GET, HEAD"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *((method, "/predict", "POST") for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH")),
        *((method, INFER, "POST") for method in ("GET", "TRACE", "PROPFIND")),
        *(("POST", "/v2", READ), ("POST", "/v2/health/ready", READ)),
        *(("DELETE", "/v2/models/tiny", READ), ("POST", "/v2/models/tiny/stats", READ)),
        *(("GET", "/v2/repository/index", "POST"), ("POST", "/metrics", READ)),
        *(("PUT", "/requests/one/predict", "GET, HEAD, POST"), ("POST", "/requests/one", READ)),
        *(("PUT", "/v1/models/tiny:predict", "POST"), ("PUT", "/v1/models/tiny", READ)),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_one(
    send: Send, method: str, path: str, allowed: str
) -> None:
    response = send(method, path)
    assert (response.status, response.headers["allow"]) == (405, allowed)
    assert response.error == f"method: expected {allowed}, found {method}"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v2",
            "/v2/health/live",
            "/v2/health/ready",
            "/v2/models",
            "/v2/models/tiny",
            "/metrics",
        ),
        *(
            "/v2/models/tiny/ready",
            "/v1/models/tiny",
            "/v2/models/stats",
            "/drift",
            "/openapi.json",
        ),
        *("/nowhere", "/ledger", "/requests"),
    ],
)
def test_head_gets_the_headers_of_get_without_a_body(send: Send, path: str) -> None:
    given, got = send("HEAD", path), send("GET", path)
    assert (given.status, given.body) == (got.status, b"")
    assert given.headers["content-type"] == got.headers["content-type"]
    if path != "/metrics":  # its length changes
        assert given.headers["content-length"] == got.headers["content-length"]


READY = [{"name": "tiny", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}', b'{"ready": false}'])
@pytest.mark.parametrize("headers", [JSON, {}])
def test_the_index_lists_ready_models(send: Send, body: bytes, headers: dict[str, str]) -> None:
    response = send("POST", "/v2/repository/index", body, headers)
    assert (response.status, response.json()) == (200, READY)


def test_the_index_lists_stopped_models_unless_only_ready_ones_are_requested(
    stopped: TestClient,
) -> None:
    everything = stopped.post("/v2/repository/index").json()
    assert everything == [{**READY[0], "state": "UNAVAILABLE"}]
    assert stopped.post("/v2/repository/index", json={"ready": True}).json() == []


def test_the_body_of_an_index_request_is_limited(send: Send) -> None:
    response = send("POST", "/v2/repository/index", b" " * 300_001)
    assert (response.status, response.error) == (
        413,
        "body: expected at most 300000 bytes, found more; send the rows in several requests",
    )


@pytest.mark.parametrize("change", ["load", "unload"])
def test_an_unknown_name_cannot_be_loaded(send_by_asgi: Send, change: str) -> None:
    response = send_by_asgi("POST", f"/v2/repository/models/SECRET/{change}")
    assert (response.status, response.error) == (404, "model: expected 'tiny', found another name")


@pytest.mark.parametrize("change", ["load", "unload"])
@pytest.mark.parametrize("body", [b"", b'{"parameters": {"config": "SECRET"}}'])
def test_without_a_repository_models_cannot_be_loaded_or_unloaded(
    send_by_asgi: Send, change: str, body: bytes
) -> None:
    send = send_by_asgi  # over a socket, the path needs an API key
    response = send("POST", f"/v2/repository/models/tiny/{change}", body)
    assert (response.status, response.error) == (
        501,
        "models cannot be loaded or unloaded here; start the server with `highway serve`",
    )
    assert send("GET", "/v2/models/tiny/ready").status == 200
