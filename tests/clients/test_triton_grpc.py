"""Triton's gRPC client works with the server, without asyncio and with it."""

import re
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

from service import __version__
from tests.clients.conftest import PYTHON
from tests.clients.reference import DEFAULT_OUTPUTS, assert_classes, assert_outputs, compute
from tests.clients.report import CONCURRENT, OUTPUTS, Report, Samples, decode_tensor
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "grpc.md"
ADDRESS = "127.0.0.1:9000"
NO_MODEL = "[StatusCode.NOT_FOUND] model: expected 'digits', found another name"
UNKNOWN_METHOD = "[StatusCode.UNIMPLEMENTED] method: expected one of ModelInfer, "


@pytest.fixture(scope="module", params=["grpc", "aio"])
def report(request: pytest.FixtureRequest, run_grpc_script: Callable[..., Report]) -> Report:
    return run_grpc_script("triton_grpc_script", request.param)


def test_server_and_model_are_live_and_ready(report: Report) -> None:
    assert report["health"] == {
        "live": True,
        "ready": True,
        "model": True,
        "version": True,
        "another version": False,
        "another model": False,
    }


def test_server_metadata_has_name_and_extensions(report: Report) -> None:
    assert report["server"] == {
        "name": "highway-networks",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification", "statistics", "model_repository"],
    }


def test_model_metadata_has_the_tensors(report: Report) -> None:
    model = report["model"]
    assert (model["name"], model["versions"], model["platform"]) == ("digits", ["1"], "onnx_onnxv1")
    assert [tensor["name"] for tensor in model["inputs"]] == ["input", "gate_scale"]
    assert [tensor["name"] for tensor in model["outputs"]] == list(OUTPUTS)


def test_the_index_lists_the_model(report: Report) -> None:
    assert report["index"] == {"models": [{"name": "digits", "version": "1", "state": "READY"}]}


def test_every_output_equals_onnxruntimes(report: Report, samples: Samples) -> None:
    assert_outputs(report["all"], compute(samples.rows), OUTPUTS)


def test_requested_outputs_are_returned_in_order(report: Report, samples: Samples) -> None:
    assert_outputs(report["subset"], compute(samples.rows), ["gate_units", "probabilities"])


@pytest.mark.parametrize("scale", ["one", "many"])
def test_gates_are_scaled_by_the_optional_input(
    report: Report, samples: Samples, scale: str
) -> None:
    gate_scale = samples.one_scale if scale == "one" else samples.scales
    assert_outputs(report["scaled"][scale], compute(samples.rows, gate_scale), DEFAULT_OUTPUTS)


@pytest.mark.parametrize(
    "variation", ["default outputs", "version", "time enough", "unknown parameters", "an id"]
)
def test_variations_of_a_request_get_the_same_response(
    report: Report, samples: Samples, variation: str
) -> None:
    response = report["variations"][variation]
    assert_outputs(response, compute(samples.rows), DEFAULT_OUTPUTS)
    assert response["id"] == ("Frage 7, für Ä" if variation == "an id" else "")
    assert response["model"] == ["digits", "1"]


def test_the_best_classes_are_returned_with_their_labels(report: Report, samples: Samples) -> None:
    probabilities = compute(samples.rows)["probabilities"]
    assert [len(classes) for classes in report["classes"]] == [3, 3, 3]
    for classes, row in zip(report["classes"], probabilities, strict=True):
        assert_classes(classes, row)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    {
        "shape": "[StatusCode.INVALID_ARGUMENT] input 'input': expected the shape [rows, 784], "
        "found another",
        "model": NO_MODEL,
        "version": "[StatusCode.NOT_FOUND] version: expected '1' of 'digits', found another",
        "output": "[StatusCode.INVALID_ARGUMENT] outputs[0]: expected the name 'logits' or "
        "'probabilities' or 'gate_mean' or 'gate_units' or 'typicality' or "
        "'layer_typicality', found another name",
        "late": "[StatusCode.DEADLINE_EXCEEDED] deadline exceeded",
        "gzip": "[StatusCode.UNIMPLEMENTED] Compression algorithm 'gzip' is disabled",
        "load": "[StatusCode.PERMISSION_DENIED] this path needs an API key with the scope admin",
        "config": UNKNOWN_METHOD,
        "metadata": NO_MODEL,
    }.items(),
)
def test_an_error_reaches_the_user_as_the_servers_sentence(
    report: Report, wrong: str, sentence: str
) -> None:
    assert report["errors"][wrong].startswith(sentence)


def test_the_example_of_the_documentation_runs(ports: tuple[int, int]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert ADDRESS in example
    done = subprocess.run(
        [PYTHON, "-c", example.replace(ADDRESS, f"127.0.0.1:{ports[1]}")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("[[")


def test_statistics_count_the_requests(report: Report) -> None:
    (statistics,) = report["statistics"]["modelStats"]
    assert (statistics["name"], statistics["version"]) == ("digits", "1")
    assert int(statistics["inferenceStats"]["success"]["count"]) >= CONCURRENT
    assert int(statistics["inferenceCount"]) >= CONCURRENT


def test_concurrent_requests_get_their_own_responses(report: Report, samples: Samples) -> None:
    assert [response["id"] for response in report["concurrent"]] == [
        f"row {i}" for i in range(CONCURRENT)
    ]
    for response, row in zip(report["concurrent"], samples.many, strict=True):
        for name in DEFAULT_OUTPUTS:
            # They share batches: some processors then sum in another order.
            found = decode_tensor(response["outputs"][name])
            np.testing.assert_allclose(found, compute(row[None])[name], atol=1e-4)
