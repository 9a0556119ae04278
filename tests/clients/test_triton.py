"""Triton's HTTP client, without asyncio and with it, finds in our server all that it knows."""

from collections.abc import Callable

import numpy as np
import pytest

from service import __version__
from tests.clients.oracle import DEFAULT_OUTPUTS, check, check_classes, computed
from tests.clients.telling import AT_ONCE, OUTPUTS, Questions, Told, tensor

UNSERVED = "[404] path: expected one that GET /openapi.json lists, found another"
FIXED = (
    "[501] repository: expected a model to be chosen when the server starts, found a request to "
    "change it; start the server with another file"
)
NO_MODEL = "[404] model: expected 'digits', found another name"
COMPRESSED = "[415] Content-Encoding: expected none, found one; send the body as it is"


@pytest.fixture(scope="module", params=["http", "aio"])
def told(request: pytest.FixtureRequest, asked: Callable[..., Told]) -> Told:
    return asked("ask_by_triton", request.param)


def test_server_and_model_are_live_and_ready_and_others_are_not(told: Told) -> None:
    assert told["health"] == {
        "live": True,
        "ready": True,
        "model": True,
        "version": True,
        "another version": False,
        "another model": False,
    }


def test_the_server_tells_its_name_and_extensions(told: Told) -> None:
    assert told["server"] == {
        "name": "highway-networks",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification", "statistics"],
    }


def test_the_model_tells_its_tensors(told: Told) -> None:
    model = told["model"]
    assert (model["name"], model["versions"]) == ("digits", ["1"])
    tensors = [(t["name"], t["datatype"], t["shape"]) for t in model["inputs"] + model["outputs"]]
    assert tensors == [
        ("input", "FP32", [-1, 784]),
        ("gate_scale", "FP32", [-1, 8]),
        ("logits", "FP32", [-1, 10]),
        ("probabilities", "FP32", [-1, 10]),
        ("gate_mean", "FP32", [-1, 8]),
        ("gate_units", "FP32", [-1, 128]),
        ("unusual", "FP32", [-1, 3]),
    ]


def test_the_index_lists_the_model(told: Told) -> None:
    assert told["index"] == [{"name": "digits", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("form", ["binary binary", "binary JSON", "JSON binary", "JSON JSON"])
def test_every_output_is_onnxruntimes_to_the_last_bit_in_every_form(
    told: Told, questions: Questions, form: str
) -> None:
    answer = told["forms"][form]
    check(answer, computed(questions.rows), OUTPUTS)
    assert answer["binary"] == [form.endswith("binary")] * 5


def test_some_outputs_come_in_the_order_of_the_request(told: Told, questions: Questions) -> None:
    check(told["subset"], computed(questions.rows), ["gate_units", "probabilities"])


@pytest.mark.parametrize("scale", ["one", "each", "JSON"])
def test_gates_are_scaled_as_the_optional_input_says(
    told: Told, questions: Questions, scale: str
) -> None:
    gate_scale = questions.one_scale if scale == "one" else questions.scales
    check(told["scaled"][scale], computed(questions.rows, gate_scale), DEFAULT_OUTPUTS)


@pytest.mark.parametrize(
    "variation",
    [
        *("default outputs", "version", "time enough", "compression allowed"),
        *("unknown parameters", "a query", "an id"),
    ],
)
def test_the_answer_is_the_same(told: Told, questions: Questions, variation: str) -> None:
    answer = told["variations"][variation]
    check(answer, computed(questions.rows), DEFAULT_OUTPUTS)
    assert answer["id"] == ("Frage 7, für Ä" if variation == "an id" else None)


@pytest.mark.parametrize("form", ["binary", "JSON"])
def test_the_best_classes_are_told_with_their_labels(
    told: Told, questions: Questions, form: str
) -> None:
    probabilities = computed(questions.rows)["probabilities"]
    assert [len(texts) for texts in told["classes"][form]] == [3, 3, 3]
    for texts, row in zip(told["classes"][form], probabilities, strict=True):
        check_classes(texts, row)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    {
        "shape": "[400] input 'input': expected the shape [rows, 784], found another",
        "model": NO_MODEL,
        "version": "[404] version: expected '1' of 'digits', found another",
        "output": "[400] outputs[0]: expected the name 'logits' or 'probabilities' or 'gate_mean' "
        "or 'gate_units' or 'unusual', found another name",
        "late": "[504] deadline: expected an answer before it, found it passed",
        "gzip": COMPRESSED,
        "deflate": COMPRESSED,
        "load": FIXED,
        "unload": FIXED,
        "config": UNSERVED,
        "trace": UNSERVED,
        "metadata": NO_MODEL,
        "statistics": NO_MODEL,
    }.items(),
)
def test_a_refusal_reaches_the_user_as_our_sentence(told: Told, wrong: str, sentence: str) -> None:
    assert told["refusals"][wrong] == sentence


def test_statistics_count_rows_runs_answers_and_refusals(told: Told) -> None:
    (before,), (after,) = (answer["model_stats"] for answer in told["statistics"])
    assert (after["name"], after["version"]) == ("digits", "1")
    assert after["inference_count"] - before["inference_count"] == 6
    assert after["execution_count"] - before["execution_count"] == 2
    phases, earlier = after["inference_stats"], before["inference_stats"]
    more = {name: phases[name]["count"] - earlier[name]["count"] for name in phases}
    assert more.pop("fail") == 1
    assert (more.pop("cache_hit"), more.pop("cache_miss")) == (0, 0)
    assert set(more.values()) == {2}


def test_requests_at_once_get_each_its_own_answer(told: Told, questions: Questions) -> None:
    assert [answer["id"] for answer in told["at once"]] == [f"row {i}" for i in range(AT_ONCE)]
    for answer, row in zip(told["at once"], questions.many, strict=True):
        for name, values in computed(row[None]).items():
            if name in DEFAULT_OUTPUTS:
                # They ran together, which on some processors adds in another order.
                np.testing.assert_allclose(tensor(answer["outputs"][name]), values, atol=1e-4)
