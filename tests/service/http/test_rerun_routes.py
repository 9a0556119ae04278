import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from service.classifier import Classifier
from service.contract import Column
from service.http.schemas.inference import RecordedWhatIfResponse, WhatIfResponse
from service.ledger import observer
from tests.service.conftest import METADATA, TABLE, Recipe, application, take_missing_values
from tests.service.http.test_ledger_routes import instances, until_written
from tests.service.http.transport import JSON, Send, client_for

TWO = instances([1, 0, 0, 0], [0, 1, 0, 0])


@pytest.fixture(autouse=True)
def _short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "INTERVAL_SECONDS", 0.05)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@contextmanager
def recording(url: str, transport: str) -> Iterator[Send]:
    """A server that stores inputs and has answered the request "kept/1" of two rows."""
    app = application(Classifier(Recipe().build()), ledger_url=url, ledger_inputs="all")
    with client_for(app, transport) as send:
        assert send("POST", "/predict", TWO, {**JSON, "X-Request-Id": "kept/1"}).status == 200
        until_written(send, 2)
        yield send


@pytest.fixture
def send_again(url: str, transport: str) -> Iterator[Send]:
    """A server for a test that depends on the number of rows, or records "kept/1" again."""
    with recording(url, transport) as send:
        yield send


@pytest.fixture(scope="module", params=["socket", "asgi"])
def send_kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Send]:
    """A server for all tests that leave "kept/1" as it is."""
    path = tmp_path_factory.mktemp("re-runs") / "ledger.db"
    with recording(f"sqlite:///{path}", request.param) as send:
        yield send


def test_a_recorded_row_gets_the_same_prediction_again(send_kept: Send) -> None:
    first = send_kept("POST", "/predict", TWO).json()
    assert send_kept("POST", "/requests/kept/1/predict").json() == {
        **first,
        "predictions": first["predictions"][:1],
    }
    second = send_kept("POST", "/requests/kept/1/predict", b'{"row": 1}').json()
    assert second["predictions"] == first["predictions"][1:]


def test_a_recorded_row_is_predicted_with_other_gate_scales(send_kept: Send) -> None:
    scaled = {**json.loads(instances([0, 1, 0, 0])), "gate_scale": [0, 2]}
    expected = send_kept("POST", "/predict", json.dumps(scaled).encode()).json()
    body = b'{"row": 1, "gate_scale": {"highway 1": 0, "highway 2": 2}}'
    assert send_kept("POST", "/requests/kept/1/predict", body).json() == expected


def test_the_drift_monitor_ignores_re_runs(url: str, transport: str) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=url, ledger_inputs="all")
    with client_for(app, transport) as send:
        atypical = instances([9, 0, 0, 0])
        send("POST", "/predict", atypical, {**JSON, "X-Request-Id": "strange"})
        until_written(send, 1)
        assert send("POST", "/requests/strange/predict").status == 200
        metrics = send("GET", "/metrics").body.decode()
    assert 'highway_atypical_rows_total{model="tiny",version="1"} 1.0' in metrics


def test_re_runs_are_not_recorded(send_again: Send) -> None:
    send_again("POST", "/requests/kept/1/predict")
    time.sleep(0.8)
    assert send_again("GET", "/ledger").json()["written"] == 2


def test_a_later_request_with_the_same_id_does_not_replace_the_first(send_again: Send) -> None:
    first = send_again("POST", "/requests/kept/1/predict").json()
    strange = instances([0, 0, 9, 0])
    send_again("POST", "/predict", strange, {**JSON, "X-Request-Id": "kept/1"})
    until_written(send_again, 3)
    assert send_again("POST", "/requests/kept/1/predict").json() == first
    assert first["predictions"][0]["label"] == "a"
    recorded = send_again("GET", "/requests/kept/1").json()
    assert [row["label"] for row in recorded["rows"]] == ["a", "b", "c"]  # all of them
    assert recorded["more"] is False
    for number, label in ((0, "a"), (2, "c")):
        body = json.dumps({"time": recorded["rows"][number]["time"]}).encode()
        again = send_again("POST", "/requests/kept/1/predict", body).json()
        assert again["predictions"][0]["label"] == label
        explained = send_again("POST", "/requests/kept/1/explain", body).json()
        assert explained["prediction"]["label"] == label


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"row": 2}', 404, "row: the ledger has no such row of this request"),
        (b'{"row": -1}', 400, "parameter 'row': expected an integer of at least 0, found"),
        (b'{"row": "a"}', 400, "parameter 'row': expected an integer of at least 0, found a"),
        (b'{"time": "SECRET"}', 400, "parameter 'time': expected the `time` of a recorded row"),
        (b'{"time": 5}', 400, "parameter 'time': expected the `time` of a recorded row"),
        (b'{"time": "2020-01-01"}', 404, "row: the ledger has no such row of this request"),
        (b"[]", 400, "body: expected a JSON object, found a list"),
        (b"{", 400, "body: invalid JSON"),
        (b'{"gate_scale": [1]}', 400, "gate_scale: expected a list of 2 numbers"),
        (b'{"gate_scale": [1, -1]}', 400, "gate_scale: expected numbers from 0 to 10"),
    ],
)
def test_an_invalid_re_run_is_rejected_with_one_sentence(
    send_kept: Send, body: bytes, status: int, message: str
) -> None:
    response = send_kept("POST", "/requests/kept/1/predict", body)
    assert response.status == status
    assert response.error.startswith(message)


def test_a_body_of_another_media_type_is_rejected(send_kept: Send) -> None:
    response = send_kept("POST", "/requests/kept/1/predict", b"{}", {"Content-Type": "text/plain"})
    assert response.status == 415


@pytest.mark.parametrize("name", ["unknown", "%00", "a%00b"])
def test_an_unknown_request_is_404(send_kept: Send, name: str) -> None:
    response = send_kept("POST", f"/requests/{name}/predict")
    assert response.status == 404
    assert response.error.startswith("id: the ledger has no such request")


def test_an_input_that_was_not_stored_is_404_and_the_error_names_the_setting(
    url: str, transport: str
) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=url)
    with client_for(app, transport) as send:
        send("POST", "/predict", TWO, {**JSON, "X-Request-Id": "plain"})
        until_written(send, 2)
        response = send("POST", "/requests/plain/predict")
    assert (response.status, response.error) == (
        404,
        "input: not stored, or deleted by now; HIGHWAY_LEDGER_INPUTS=all stores those of all later "
        "rows, not only of atypical ones",
    )


@pytest.mark.parametrize(
    "change", [{"version": "2"}, {"name": "other"}, {"labels": ("x", "y", "z")}]
)
def test_a_model_that_is_no_longer_served_is_409(
    send_again: Send, url: str, transport: str, change: dict[str, object]
) -> None:
    other = Recipe(metadata=replace(METADATA, **change))  # type: ignore[arg-type]
    with client_for(application(Classifier(other.build()), ledger_url=url), transport) as send:
        response = send("POST", "/requests/kept/1/predict")
    assert (response.status, response.error) == (
        409,
        "the model that answered this request is no longer served; serve version 1 of 'tiny' again",
    )


def test_a_re_run_without_a_ledger_is_404(transport: str) -> None:
    with client_for(application(Classifier(Recipe().build()), ledger_url="off"), transport) as send:
        assert send("POST", "/requests/x/predict").status == 404


def test_a_recorded_row_gets_the_same_explanation(send_kept: Send) -> None:
    expected = send_kept(
        "POST", "/explain", b'{"instance": [0, 1, 0, 0], "gate_units": true}'
    ).json()
    body = b'{"row": 1, "gate_units": true}'
    assert send_kept("POST", "/requests/kept/1/explain", body).json() == expected
    first = send_kept("POST", "/explain", b'{"instance": [1, 0, 0, 0]}').json()
    assert send_kept("POST", "/requests/kept/1/explain").json() == first


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"row": 2}', 404, "row: the ledger has no such row of this request"),
        (b'{"gate_units": 1}', 400, "parameter 'gate_units': expected a boolean, found a"),
        (b"[]", 400, "body: expected a JSON object, found a list"),
    ],
)
def test_an_invalid_re_run_of_an_explanation_is_rejected_with_one_sentence(
    send_kept: Send, body: bytes, status: int, message: str
) -> None:
    response = send_kept("POST", "/requests/kept/1/explain", body)
    assert response.status == status
    assert response.error.startswith(message)


def test_the_inputs_of_a_recorded_row_are_explained_on_request(send_kept: Send) -> None:
    response = send_kept("POST", "/requests/kept/1/explain", b'{"inputs": true}')
    assert response.status == 400  # the tiny model has no usual inputs
    assert response.error.startswith("inputs: model 'tiny' was exported without the usual values")


def test_a_recorded_row_is_computed_under_several_scales_and_shown(send_again: Send) -> None:
    body = b'{"row": 1, "gate_scale": [{}, {"highway 1": 0}]}'
    document = send_again("POST", "/requests/kept/1/what-if", body).json()
    assert document["instance"] == [[0, 1], [0, 0]]
    row = b'{"instance": [0, 1, 0, 0], "gate_scale": [{}, {"highway 1": 0}]}'
    expected = send_again("POST", "/what-if", row).json()
    assert RecordedWhatIfResponse.model_validate(document).model_dump() == {
        **WhatIfResponse.model_validate(expected).model_dump(),
        "instance": [[0, 1], [0, 0]],
    }
    (one,) = send_again("POST", "/requests/kept/1/what-if").json()["predictions"]
    assert one["label"] == "a"
    time.sleep(0.3)
    assert send_again("GET", "/ledger").json()["written"] == 2


def test_the_shown_row_of_a_table_has_names_dates_and_gaps(url: str, transport: str) -> None:
    columns = (*TABLE.input.columns[:3], Column(name="since", date="iso"))
    table = replace(TABLE, input=replace(TABLE.input, columns=columns))
    content = Recipe(metadata=table, change=take_missing_values).build()
    row = {"age": None, "job": "pilot", "member": "true", "since": "1970-01-03"}
    app = application(Classifier(content), ledger_url=url, ledger_inputs="all")
    with client_for(app, transport) as send:
        body = json.dumps({"instances": [row]}).encode()
        send("POST", "/predict", body, {**JSON, "X-Request-Id": "anna"})
        until_written(send, 1)
        assert send("POST", "/requests/anna/what-if").json()["instance"] == row


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("kept/1", b'{"gate_scale": [1]}', 400, "gate_scale: expected a list of 2 numbers"),
        (
            "kept/1",
            b'{"gate_scale": [{}, {}, {}, {}, {}, {}, {}, {}, {}]}',
            400,
            "gate_scale: expected at most 8 scales, found 9",
        ),
        ("unknown", b"{}", 404, "id: the ledger has no such request"),
    ],
)
def test_an_invalid_what_if_of_a_recorded_row_is_rejected(
    send_kept: Send, path: str, body: bytes, status: int, message: str
) -> None:
    response = send_kept("POST", f"/requests/{path}/what-if", body)
    assert response.status == status
    assert response.error.startswith(message)
