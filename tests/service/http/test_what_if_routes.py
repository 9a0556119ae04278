import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.http.schemas.inference import WhatIfResponse
from service.ledger import observer
from tests.service.conftest import application
from tests.service.http.test_ledger_routes import until_written
from tests.service.http.transport import (
    ROW,
    BlockingClassifier,
    Connection,
    Send,
    client_for,
    listening,
    request,
)

PATHS = ("/what-if", "/v2/models/tiny/what-if", "/v2/models/tiny/versions/1/what-if")
BODY = {"instance": [1, 0, 0, 2]}


def what_if(client: TestClient, path: str = "/what-if", **members: Any) -> Any:
    response = client.post(path, json={**BODY, **members})
    assert response.status_code == 200
    parsed = WhatIfResponse.model_validate_json(response.content, strict=True)
    assert parsed.model_dump(exclude_unset=True, mode="json") == response.json()
    return response.json()


@pytest.mark.parametrize("path", PATHS)
def test_the_predictions_are_those_of_predict_with_each_scale(
    client: TestClient, path: str
) -> None:
    scales = [{}, {"highway 1": 0}, [0, 10]]
    document = what_if(client, path, gate_scale=scales)
    assert (document["model_name"], document["model_version"]) == ("tiny", "1")
    metadata = client.get("/v2/models/tiny").json()
    assert document["digest"] == metadata["properties"]["digest"]
    assert len(document["predictions"]) == 3
    for prediction, scale in zip(document["predictions"], scales, strict=True):
        body = {"instances": [BODY["instance"]], "gate_scale": scale, "usual": True}
        (predicted,) = client.post("/predict", json=body).json()["predictions"]
        units = prediction.pop("gate_units")
        assert prediction == predicted
        assert np.allclose(units, [[1 / (1 + np.exp(-1)), 0.5], [0.5, 1 / (1 + np.exp(-2))]])


def test_without_a_scale_there_is_one_prediction(client: TestClient) -> None:
    (without,) = what_if(client)["predictions"]
    (ones,) = what_if(client, gate_scale=[1, 1])["predictions"]
    assert without == ones


@pytest.mark.parametrize("row", [[None, "pilot", True, 1.5], {"age": 3}])
def test_a_table_is_read_as_by_predict(table_client: TestClient, row: Any) -> None:
    response = table_client.post("/what-if", json={"instance": row})
    predicted = table_client.post("/predict", json={"instances": [row]})
    assert response.status_code == predicted.status_code
    if response.status_code == 200:
        assert response.json()["predictions"][0]["label"] == "b"
    else:
        message = predicted.json()["error"].replace("instances[0]", "instance")
        assert response.json()["error"] == message


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "error"),
    [
        (
            "/v2/models/huge/what-if",
            b"{}",
            {},
            404,
            "model: expected 'tiny', found another name",
        ),
        (
            "/v2/models/tiny/versions/7/what-if",
            b"{}",
            {},
            404,
            "version: expected '1' of 'tiny', found another",
        ),
        ("/what-if", b"{}", {}, 400, "body: the member 'instance' is missing"),
        (
            "/what-if",
            b'{"instance": [1, 0, 0, NaN]}',
            {},
            400,
            "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed",
        ),
        (
            "/what-if",
            b'{"instance": [1, 0, 0, 1e39]}',
            {},
            400,
            "instance: a number overflows float32",
        ),
        (
            "/what-if",
            json.dumps({**BODY, "gate_scale": [{}] * 9}).encode(),
            {},
            400,
            "gate_scale: expected at most 8 scales, found 9; send them in several requests",
        ),
        (
            "/what-if",
            b"{}",
            {"content-type": "text/plain"},
            415,
            "Content-Type: expected application/json, found another type",
        ),
        (
            "/what-if",
            b"{}",
            {"content-encoding": "gzip"},
            415,
            "Content-Encoding is not supported; send the body uncompressed",
        ),
        (
            "/what-if",
            b" " * 2001,
            {},
            413,
            "body: expected at most 2000 bytes, found more; send the rows in several requests",
        ),
        (
            "/what-if",
            json.dumps(BODY).encode(),
            {"x-deadline-ms": "soon"},
            400,
            "X-Deadline-Ms: expected a positive integer of milliseconds",
        ),
    ],
)
def test_an_invalid_request_is_rejected_with_one_sentence(
    client: TestClient, path: str, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    all_headers = {"content-type": "application/json", **headers}
    response = client.post(path, content=body, headers=all_headers)
    assert response.status_code == status
    assert response.json() == {"error": error}


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_405(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 405
    assert response.json() == {"error": "method: expected POST, found GET"}


def test_more_scales_than_the_queue_has_room_for_are_429(classifier: Classifier) -> None:
    app = application(classifier, max_rows=2, max_queue_rows=2)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert len(what_if(client, gate_scale=[{}, {}])["predictions"]) == 2
        response = client.post("/what-if", json={**BODY, "gate_scale": [{}, {}, {}]})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"


def test_scales_that_do_not_fit_one_batch_are_computed_in_several(classifier: Classifier) -> None:
    scales = [[n, 1] for n in range(8)]
    with TestClient(application(classifier)) as client:
        expected = what_if(client, gate_scale=scales)
    with TestClient(application(classifier, max_batch_rows=2)) as client:
        assert what_if(client, gate_scale=scales) == expected


def encoded(body: Any, **headers: str) -> bytes:
    content = json.dumps(body).encode()
    return request(
        path="/what-if", body=content, headers={"Content-Type": "application/json", **headers}
    )


def test_a_what_if_that_waits_longer_than_its_deadline_is_504(
    blocking: BlockingClassifier,
) -> None:
    with listening(application(blocking)) as port, Connection(port) as first:
        blocking.block()
        first.send(request())
        assert blocking.running.wait(5)
        with Connection(port) as second:
            response = second.send(encoded(BODY, **{"X-Deadline-Ms": "20"})).receive()
        blocking.released.set()
    assert response.status == 504
    assert response.error.startswith("deadline exceeded")
    assert blocking.rows <= 1


def test_the_what_if_of_a_client_that_resets_its_connection_is_not_computed(
    blocking: BlockingClassifier,
) -> None:
    with listening(application(blocking)) as port, Connection(port) as staying:
        blocking.block()
        with Connection(port) as first, Connection(port) as leaving:
            first.send(request())
            assert blocking.running.wait(5)
            leaving.send(encoded({**BODY, "gate_scale": [{}] * 8}))
            until_noticed(staying)
            leaving.reset()
            until_noticed(staying)
            blocking.released.set()
            assert first.receive().status == 200
        assert staying.send(request()).receive().status == 200
    assert blocking.rows == 2


def until_noticed(connection: Connection) -> None:
    """Return when the server has dealt with what other connections have sent.

    A request leaves the queue about eight turns of the event loop after its client's reset, and a
    response may take one turn only.
    """
    for _ in range(30):
        assert connection.send(request("GET", "/metrics", b"", {})).receive().status == 200


@pytest.fixture
def send(
    tmp_path: Path, transport: str, monkeypatch: pytest.MonkeyPatch, classifier: Classifier
) -> Iterator[Send]:
    """A server whose ledger records all rows."""
    monkeypatch.setattr(observer, "INTERVAL_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path}/ledger.db"
    with client_for(application(classifier, ledger_url=url), transport) as send:
        yield send


def test_what_ifs_are_counted_as_rows_but_neither_recorded_nor_monitored_for_drift(
    send: Send,
) -> None:
    strange = b'{"instance": [9, 0, 0, 0], "gate_scale": [{}, [1, 1]]}'  # predicted, it is atypical
    for path in PATHS:
        assert send("POST", path, strange).status == 200
    assert send("POST", "/predict", ROW).status == 200
    until_written(send, 1)  # what was answered before has been written by now
    assert send("GET", "/ledger").json()["written"] == 1
    assert len(send("GET", "/requests").json()["requests"]) == 1
    (statistics,) = send("GET", "/v2/models/tiny/stats").json()["model_stats"]
    assert statistics["inference_count"] == 2 * len(PATHS) + 1
    metrics = send("GET", "/metrics").body.decode()
    assert 'highway_atypical_rows_total{model="tiny",version="1"} 0.0' in metrics
