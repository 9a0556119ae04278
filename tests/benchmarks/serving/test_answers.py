import json

import numpy as np
import pytest

from benchmarks.serving.answers import check, outputs_of
from benchmarks.serving.bodies import instances
from benchmarks.serving.contenders import BINARY, JSON, Contender
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Response, Server
from service.settings import BUNDLED_MODEL
from tests.benchmarks.serving.scripted_server import REJECTED, scripted_server

NAMES = ("gate_mean", "probabilities")
NETWORK = Network(title="convolutional", file=BUNDLED_MODEL, name="digits", size=784)


def contender(form: str = JSON) -> Contender:
    return Contender(name="c", server="s", format=form, body=lambda rows: instances("/", rows))


def response(content: bytes, **headers: str) -> Response:
    return Response(status=200, headers=headers, content=content)


@pytest.mark.parametrize(
    "document",
    [
        {"gate_mean": [[0.5]], "probabilities": [[0.25, 0.75]]},
        {"predictions": [{"gate_mean": [0.5], "probabilities": [0.25, 0.75]}]},
        {
            "outputs": [
                {"name": "gate_mean", "shape": [1, 1], "data": [0.5]},
                {"name": "probabilities", "shape": [1, 2], "data": [0.25, 0.75]},
            ]
        },
    ],
    ids=["lists", "predictions", "protocol"],
)
def test_each_form_of_json_has_the_outputs(document: object) -> None:
    outputs = outputs_of(contender(), response(json.dumps(document).encode()))
    assert outputs["gate_mean"].tolist() == [[0.5]]
    assert outputs["probabilities"].tolist() == [[0.25, 0.75]]


def test_binary_outputs_follow_the_head() -> None:
    tensors = [
        {"name": name, "shape": [1, 2], "parameters": {"binary_data_size": 8}} for name in NAMES
    ]
    head = json.dumps({"outputs": tensors}).encode()
    content = head + np.asarray([1, 2, 3, 4], np.float32).tobytes()
    headers = {"inference-header-content-length": str(len(head))}
    outputs = outputs_of(contender(BINARY), response(content, **headers))
    assert outputs["gate_mean"].tolist() == [[1, 2]]
    assert outputs["probabilities"].tolist() == [[3, 4]]


@pytest.mark.parametrize("form", [JSON, BINARY])
def test_other_outputs_are_an_error(form: str) -> None:
    with pytest.raises(BenchmarkError) as failure:
        outputs_of(contender(form), response(b'{"outputs": []}'))
    assert str(failure.value) == (
        f"c: expected gate_mean and probabilities as {form}, found b'{{\"outputs\": []}}'"
    )


def checked(*responses: bytes) -> str:
    with scripted_server(*responses) as port, pytest.raises(BenchmarkError) as failure:
        check(contender(), Server(pid=0, port=port, start_seconds=0), NETWORK)
    return str(failure.value)


def test_another_status_is_an_error() -> None:
    assert checked(REJECTED) == "c: expected status 200, found 429: "


def test_wrong_outputs_are_an_error() -> None:
    content = json.dumps({"gate_mean": [[9.0] * 8], "probabilities": [[0.0] * 10]}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    assert checked(head + content).startswith(
        "c: expected the classifier's gate_mean, found a difference of "
    )
