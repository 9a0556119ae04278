"""The limits and deadlines of the endpoint of ModelInfer."""

import time

import numpy as np
import pytest

from service.classifier import Classifier
from service.errors import InputError
from service.grpc.endpoint import TIMEOUT, InferMessageEndpoint
from service.grpc.infer_request import decode
from service.http import endpoints
from service.http.endpoints import Headers
from service.settings import BUNDLED_MODEL
from tests.service.conftest import served
from tests.service.grpc.transport import request


@pytest.fixture
def endpoint(classifier: Classifier) -> InferMessageEndpoint:
    return InferMessageEndpoint(served(classifier).default, max_rows=1000)


@pytest.mark.parametrize(
    ("headers", "timeout", "expected"),
    [
        ({}, None, None),
        ({}, 5, 5),
        ({TIMEOUT: b"9"}, None, 9),
        ({TIMEOUT: b"9"}, 5, 5),
        ({TIMEOUT: b"3"}, 5, 3),
        ({TIMEOUT: b"3"}, 0, 3),
        ({TIMEOUT: b"0"}, None, 1),
    ],
)
def test_the_shorter_timeout_of_call_and_message_counts(
    endpoint: InferMessageEndpoint, headers: Headers, timeout: int | None, expected: int | None
) -> None:
    message = request()
    if timeout is not None:
        message.parameters["timeout"].int64_param = timeout
    assert endpoint.read(headers, message.SerializeToString()).timeout_us == expected


def test_only_the_wanted_outputs_are_computed(endpoint: InferMessageEndpoint) -> None:
    message = request(outputs=[{"name": "logits"}])
    assert endpoint.read({}, message.SerializeToString()).request.outputs == {"logits"}


def test_too_many_values_are_refused(
    endpoint: InferMessageEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_VALUES", 10)
    with pytest.raises(InputError) as error:
        endpoint.read({}, request().SerializeToString())
    assert str(error.value) == (
        "outputs: expected at most 10 values for all rows, found 11; send the rows in several "
        "requests"
    )


def test_it_chooses_itself_and_reads_the_same_in_steps(endpoint: InferMessageEndpoint) -> None:
    assert endpoint.choose() is endpoint
    endpoint.check({})
    steps = endpoint.read_long({}, request().SerializeToString())
    next(steps)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value.request.rows.tolist() == [[1, 0, 0, 0]]


def test_the_longest_message_holds_the_event_loop_for_a_few_milliseconds() -> None:
    endpoint = InferMessageEndpoint(served(Classifier.load(BUNDLED_MODEL)).default, max_rows=1024)
    rows = np.ones((1024, 784), np.float32)
    rows[-1, -1] = np.inf
    body = request(rows, model="digits").SerializeToString()
    times = []
    for _ in range(5):
        began = time.process_time()
        assert decode(body).model_name == "digits"  # to find the endpoint
        with pytest.raises(InputError):
            endpoint.read({}, body)
        times.append(time.process_time() - began)
    assert sorted(times)[2] < 0.005
