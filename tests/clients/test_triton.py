"""Triton's HTTP client works with the server, without asyncio and with it."""

from collections.abc import Callable

import numpy as np
import pytest

from service import __version__
from tests.clients.reference import DEFAULT_OUTPUTS, assert_classes, assert_outputs, compute
from tests.clients.report import CONCURRENT, OUTPUTS, Report, Samples, decode_tensor

UNSUPPORTED = "[404] path: not found; GET /openapi.json lists all paths"
FIXED = "[403] this path needs an API key with the scope admin; the server has no API keys"
NO_MODEL = "[404] model: expected 'digits', found another name"
COMPRESSED = "[415] Content-Encoding is not supported; send the body uncompressed"


@pytest.fixture(scope="module", params=["http", "aio"])
def report(request: pytest.FixtureRequest, run_script: Callable[..., Report]) -> Report:
    return run_script("triton_script", request.param)


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
    assert (model["name"], model["versions"]) == ("digits", ["1"])
    tensors = [(t["name"], t["datatype"], t["shape"]) for t in model["inputs"] + model["outputs"]]
    assert tensors == [
        ("input", "FP32", [-1, 784]),
        ("gate_scale", "FP32", [-1, 8]),
        ("logits", "FP32", [-1, 10]),
        ("probabilities", "FP32", [-1, 10]),
        ("gate_mean", "FP32", [-1, 8]),
        ("gate_units", "FP32", [-1, 128]),
        ("typicality", "FP32", [-1, 3]),
        ("layer_typicality", "FP32", [-1, 8]),
    ]


def test_the_index_lists_the_model(report: Report) -> None:
    assert report["index"] == [{"name": "digits", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("form", ["binary binary", "binary JSON", "JSON binary", "JSON JSON"])
def test_every_output_equals_onnxruntimes_in_every_form(
    report: Report, samples: Samples, form: str
) -> None:
    response = report["forms"][form]
    assert_outputs(response, compute(samples.rows), OUTPUTS)
    assert response["binary"] == [form.endswith("binary")] * len(OUTPUTS)


def test_requested_outputs_are_returned_in_order(report: Report, samples: Samples) -> None:
    assert_outputs(report["subset"], compute(samples.rows), ["gate_units", "probabilities"])


@pytest.mark.parametrize("scale", ["one", "many", "JSON"])
def test_gates_are_scaled_by_the_optional_input(
    report: Report, samples: Samples, scale: str
) -> None:
    gate_scale = samples.one_scale if scale == "one" else samples.scales
    assert_outputs(report["scaled"][scale], compute(samples.rows, gate_scale), DEFAULT_OUTPUTS)


@pytest.mark.parametrize(
    "variation",
    [
        *("default outputs", "version", "time enough", "compression allowed"),
        *("unknown parameters", "a query", "an id"),
    ],
)
def test_variations_of_a_request_get_the_same_response(
    report: Report, samples: Samples, variation: str
) -> None:
    response = report["variations"][variation]
    assert_outputs(response, compute(samples.rows), DEFAULT_OUTPUTS)
    assert response["id"] == ("Frage 7, für Ä" if variation == "an id" else None)


@pytest.mark.parametrize("form", ["binary", "JSON"])
def test_the_best_classes_are_returned_with_their_labels(
    report: Report, samples: Samples, form: str
) -> None:
    probabilities = compute(samples.rows)["probabilities"]
    assert [len(classes) for classes in report["classes"][form]] == [3, 3, 3]
    for classes, row in zip(report["classes"][form], probabilities, strict=True):
        assert_classes(classes, row)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    {
        "shape": "[400] input 'input': expected the shape [rows, 784], found another",
        "model": NO_MODEL,
        "version": "[404] version: expected '1' of 'digits', found another",
        "output": "[400] outputs[0]: expected the name 'logits' or 'probabilities' or 'gate_mean' "
        "or 'gate_units' or 'typicality' or 'layer_typicality', found another name",
        "late": "[504] deadline exceeded",
        "gzip": COMPRESSED,
        "deflate": COMPRESSED,
        "load": FIXED,
        "unload": FIXED,
        "config": UNSUPPORTED,
        "trace": UNSUPPORTED,
        "metadata": NO_MODEL,
        "statistics": NO_MODEL,
    }.items(),
)
def test_an_error_reaches_the_user_as_the_servers_sentence(
    report: Report, wrong: str, sentence: str
) -> None:
    assert report["errors"][wrong].startswith(sentence)


def test_statistics_count_rows_batches_and_requests(report: Report) -> None:
    (before,), (after,) = (response["model_stats"] for response in report["statistics"])
    assert (after["name"], after["version"]) == ("digits", "1")
    assert after["inference_count"] - before["inference_count"] == 6
    assert after["execution_count"] - before["execution_count"] == 2
    phases, earlier = after["inference_stats"], before["inference_stats"]
    more = {name: phases[name]["count"] - earlier[name]["count"] for name in phases}
    assert more.pop("fail") == 1
    assert (more.pop("cache_hit"), more.pop("cache_miss")) == (0, 0)
    assert set(more.values()) == {2}


def test_concurrent_requests_get_their_own_responses(report: Report, samples: Samples) -> None:
    assert [response["id"] for response in report["concurrent"]] == [
        f"row {i}" for i in range(CONCURRENT)
    ]
    for response, row in zip(report["concurrent"], samples.many, strict=True):
        for name, values in compute(row[None]).items():
            if name in DEFAULT_OUTPUTS:
                # They share batches: some processors then sum in another order.
                np.testing.assert_allclose(
                    decode_tensor(response["outputs"][name]), values, atol=1e-4
                )
