import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.talk import JSON, Ask, way_to
from tests.service.http.test_requests import instances, until_written

TWO = instances([1, 0, 0, 0], [0, 1, 0, 0])


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def again(url: str, way: str) -> Iterator[Ask]:
    """A server that keeps inputs and has answered the request "kept" of two rows."""
    app = application(Classifier(Recipe().build()), ledger_url=url, ledger_inputs=True)
    with way_to(app, way) as ask:
        assert ask("POST", "/predict", TWO, {**JSON, "X-Request-Id": "kept/1"}).status == 200
        until_written(ask, 2)
        yield ask


def test_a_row_is_answered_again_as_it_was(again: Ask) -> None:
    first = again("POST", "/predict", TWO).json()
    assert again("POST", "/requests/kept/1/predict").json() == {
        **first,
        "predictions": first["predictions"][:1],
    }
    second = again("POST", "/requests/kept/1/predict", b'{"row": 1}').json()
    assert second["predictions"] == first["predictions"][1:]


def test_it_is_answered_with_other_gates(again: Ask) -> None:
    scaled = {**json.loads(instances([0, 1, 0, 0])), "gate_scale": [0, 2]}
    expected = again("POST", "/predict", json.dumps(scaled).encode()).json()
    body = b'{"row": 1, "gate_scale": {"highway 1": 0, "highway 2": 2}}'
    assert again("POST", "/requests/kept/1/predict", body).json() == expected


def test_what_is_asked_again_is_no_traffic_to_watch(url: str, way: str) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=url, ledger_inputs=True)
    with way_to(app, way) as ask:
        strange = instances([9, 0, 0, 0])
        ask("POST", "/predict", strange, {**JSON, "X-Request-Id": "strange"})
        until_written(ask, 1)
        assert ask("POST", "/requests/strange/predict").status == 200
        told = ask("GET", "/metrics").body.decode()
    assert 'highway_unusual_rows_total{model="tiny",version="1"} 1.0' in told


def test_what_is_asked_again_is_not_recorded(again: Ask) -> None:
    again("POST", "/requests/kept/1/predict")
    time.sleep(0.8)
    assert again("GET", "/ledger").json()["written"] == 2


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"row": 2}', 404, "row: expected one that is in the ledger, found another"),
        (b'{"row": -1}', 400, "parameter 'row': expected a whole number from 0 on, found another"),
        (b'{"row": "a"}', 400, "parameter 'row': expected a whole number from 0 on, found a"),
        (b"[]", 400, "body: expected a JSON object, found a list"),
        (b"{", 400, "body: expected JSON whose numbers fit 64 bits, found text that is not"),
        (b'{"gate_scale": [1]}', 400, "gate_scale: expected a list of 2 numbers"),
        (b'{"gate_scale": [1, -1]}', 400, "gate_scale: expected numbers from 0 to 10"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_sentence(
    again: Ask, body: bytes, status: int, message: str
) -> None:
    answer = again("POST", "/requests/kept/1/predict", body)
    assert answer.status == status
    assert answer.error.startswith(message)


def test_a_body_of_another_type_is_refused(again: Ask) -> None:
    answer = again("POST", "/requests/kept/1/predict", b"{}", {"Content-Type": "text/plain"})
    assert answer.status == 415


@pytest.mark.parametrize("name", ["nobody", "%00", "a%00b"])
def test_an_unknown_request_is_404(again: Ask, name: str) -> None:
    answer = again("POST", f"/requests/{name}/predict")
    assert answer.status == 404
    assert answer.error.startswith("id: expected one that is in the ledger")


def test_an_input_that_was_not_stored_says_how_to_store_others(url: str, way: str) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=url)
    with way_to(app, way) as ask:
        ask("POST", "/predict", TWO, {**JSON, "X-Request-Id": "plain"})
        until_written(ask, 2)
        answer = ask("POST", "/requests/plain/predict")
    assert (answer.status, answer.error) == (
        404,
        "input: expected one that was stored, found none; HIGHWAY_LEDGER_INPUTS=1 stores those of "
        "later requests",
    )


@pytest.mark.parametrize(
    "change", [{"version": "2"}, {"name": "other"}, {"labels": ("x", "y", "z")}]
)
def test_a_model_that_is_no_longer_served_is_409(
    again: Ask, url: str, way: str, change: dict[str, object]
) -> None:
    other = Recipe(metadata=replace(METADATA, **change))  # type: ignore[arg-type]
    with way_to(application(Classifier(other.build()), ledger_url=url), way) as ask:
        answer = ask("POST", "/requests/kept/1/predict")
    assert (answer.status, answer.error) == (
        409,
        "model: expected the one that answered the request to be served, found it gone; serve "
        "version 1 of 'tiny' again",
    )


def test_without_a_ledger_there_is_nothing_to_ask_again(way: str) -> None:
    with way_to(application(Classifier(Recipe().build()), ledger_url="off"), way) as ask:
        assert ask("POST", "/requests/x/predict").status == 404


def test_a_row_is_explained_as_if_it_were_asked_about_for_the_first_time(again: Ask) -> None:
    expected = again("POST", "/explain", b'{"instance": [0, 1, 0, 0], "gate_units": true}').json()
    body = b'{"row": 1, "gate_units": true}'
    assert again("POST", "/requests/kept/1/explain", body).json() == expected
    first = again("POST", "/explain", b'{"instance": [1, 0, 0, 0]}').json()
    assert again("POST", "/requests/kept/1/explain").json() == first


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"row": 2}', 404, "row: expected one that is in the ledger, found another"),
        (b'{"gate_units": 1}', 400, "parameter 'gate_units': expected true or false, found a"),
        (b"[]", 400, "body: expected a JSON object, found a list"),
    ],
)
def test_what_cannot_be_explained_again_is_one_sentence(
    again: Ask, body: bytes, status: int, message: str
) -> None:
    answer = again("POST", "/requests/kept/1/explain", body)
    assert answer.status == status
    assert answer.error.startswith(message)
