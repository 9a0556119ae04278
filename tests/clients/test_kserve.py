"""KServe's client for REST finds in our server what it knows of its protocols V1 and V2."""

from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest

from tests.clients.oracle import DEFAULT_OUTPUTS, LABELS, check, check_classes, computed
from tests.clients.telling import OUTPUTS, Questions, Told

NO_MODEL = "model: expected 'digits', found another name, '404 Not Found' for url"


@pytest.fixture(scope="module")
def told(asked: Callable[..., Told]) -> Told:
    return asked("ask_by_kserve")


def test_server_and_model_are_live_and_ready_and_another_is_not(told: Told) -> None:
    assert told["health"] == {
        "live": True,
        "ready": True,
        "model": True,
        "another model": False,
        "model by V1": True,
    }


@pytest.mark.parametrize("form", ["binary binary", "binary JSON", "JSON binary", "JSON JSON"])
def test_every_output_is_onnxruntimes_to_the_last_bit_in_every_form(
    told: Told, questions: Questions, form: str
) -> None:
    answer = told["forms"][form]
    check(answer, computed(questions.rows), OUTPUTS)
    assert answer["binary"] == [form.endswith("binary")] * 5


@pytest.mark.parametrize("variation", ["default outputs", "all in binary", "a plain dict"])
def test_without_a_list_all_outputs_come_but_the_single_gates(
    told: Told, questions: Questions, variation: str
) -> None:
    answer = told["variations"][variation]
    check(answer, computed(questions.rows), DEFAULT_OUTPUTS)
    assert answer["binary"] == [variation == "all in binary"] * 4


def test_some_outputs_come_in_the_order_of_the_request(told: Told, questions: Questions) -> None:
    answer = told["variations"]["subset"]
    check(answer, computed(questions.rows), ["gate_units", "probabilities"])


def test_gates_are_scaled_as_the_optional_input_says(told: Told, questions: Questions) -> None:
    expected = computed(questions.rows, questions.scales)
    check(told["variations"]["scaled"], expected, DEFAULT_OUTPUTS)


def test_an_id_comes_back_the_clients_own_too(told: Told) -> None:
    assert told["variations"]["an id"]["id"] == "Frage 7, für Ä"
    assert UUID(told["variations"]["default outputs"]["id"]).version == 4


def test_the_best_classes_are_told_with_their_labels(told: Told, questions: Questions) -> None:
    texts = told["classes"]
    for row, probabilities in enumerate(computed(questions.rows)["probabilities"]):
        check_classes(texts[2 * row : 2 * row + 2], probabilities)
    assert len(texts) == 6


def test_v1_predicts_to_the_last_bit(told: Told, questions: Questions) -> None:
    expected = computed(questions.rows)
    predictions = told["predictions"]["predictions"]
    assert [prediction["label"] for prediction in predictions] == [
        LABELS[i] for i in expected["probabilities"].argmax(axis=1)
    ]
    for name in ("probabilities", "gate_mean"):
        found = np.array([prediction[name] for prediction in predictions], np.float32)
        assert found.tobytes() == expected[name].tobytes()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    {
        "shape": "input 'input': expected the shape [rows, 784], found another, "
        "'400 Bad Request' for url",
        "model": NO_MODEL,
        "predict another model": NO_MODEL,
        "predict nothing": "instances: expected at least one row, found none, "
        "'400 Bad Request' for url",
        "another model by V1": NO_MODEL,
    }.items(),
)
def test_a_refusal_reaches_the_user_as_our_sentence(told: Told, wrong: str, sentence: str) -> None:
    assert told["refusals"][wrong].partition(" 'http://")[0] == sentence
