"""KServe's REST client works with the server, by its protocols V1 and V2."""

from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest

from tests.clients.reference import DEFAULT_OUTPUTS, LABELS, assert_classes, assert_outputs, compute
from tests.clients.report import OUTPUTS, Report, Samples

NO_MODEL = "model: expected 'digits', found another name, '404 Not Found' for url"


@pytest.fixture(scope="module")
def report(run_script: Callable[..., Report]) -> Report:
    return run_script("kserve_script")


def test_server_and_model_are_live_and_ready(report: Report) -> None:
    assert report["health"] == {
        "live": True,
        "ready": True,
        "model": True,
        "another model": False,
        "model by V1": True,
    }


@pytest.mark.parametrize("form", ["binary binary", "binary JSON", "JSON binary", "JSON JSON"])
def test_every_output_equals_onnxruntimes_in_every_form(
    report: Report, samples: Samples, form: str
) -> None:
    response = report["forms"][form]
    assert_outputs(response, compute(samples.rows), OUTPUTS)
    assert response["binary"] == [form.endswith("binary")] * len(OUTPUTS)


@pytest.mark.parametrize("variation", ["default outputs", "all in binary", "a plain dict"])
def test_all_outputs_but_gate_units_are_returned_by_default(
    report: Report, samples: Samples, variation: str
) -> None:
    response = report["variations"][variation]
    assert_outputs(response, compute(samples.rows), DEFAULT_OUTPUTS)
    assert response["binary"] == [variation == "all in binary"] * 4


def test_requested_outputs_are_returned_in_order(report: Report, samples: Samples) -> None:
    response = report["variations"]["subset"]
    assert_outputs(response, compute(samples.rows), ["gate_units", "probabilities"])


def test_gates_are_scaled_by_the_optional_input(report: Report, samples: Samples) -> None:
    expected = compute(samples.rows, samples.scales)
    assert_outputs(report["variations"]["scaled"], expected, DEFAULT_OUTPUTS)


def test_an_id_is_returned_also_one_that_the_client_generated(report: Report) -> None:
    assert report["variations"]["an id"]["id"] == "Frage 7, für Ä"
    assert UUID(report["variations"]["default outputs"]["id"]).version == 4


def test_the_best_classes_are_returned_with_their_labels(report: Report, samples: Samples) -> None:
    classes = report["classes"]
    for row, probabilities in enumerate(compute(samples.rows)["probabilities"]):
        assert_classes(classes[2 * row : 2 * row + 2], probabilities)
    assert len(classes) == 6


def test_predictions_by_v1_equal_onnxruntimes(report: Report, samples: Samples) -> None:
    expected = compute(samples.rows)
    predictions = report["predictions"]["predictions"]
    assert [prediction["label"] for prediction in predictions] == [
        LABELS[i] for i in expected["probabilities"].argmax(axis=1)
    ]
    for name in ("probabilities", "gate_mean"):
        found = np.array([prediction[name] for prediction in predictions], np.float32)
        assert found.tobytes() == expected[name].tobytes()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    {
        "shape": "input 'input': expected the shape [rows, 784], found another shape, "
        "'400 Bad Request' for url",
        "model": NO_MODEL,
        "predict another model": NO_MODEL,
        "predict nothing": "instances: expected at least one row, found none, "
        "'400 Bad Request' for url",
        "another model by V1": NO_MODEL,
    }.items(),
)
def test_an_error_reaches_the_user_as_the_servers_sentence(
    report: Report, wrong: str, sentence: str
) -> None:
    assert report["errors"][wrong].partition(" 'http://")[0] == sentence
