import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.arrays import FloatArray, Outputs
from service.classifier import Classifier
from service.contract import Metadata
from service.errors import InputError
from service.formats.infer_response import Written
from service.formats.outline import Steps
from service.http.endpoints import (
    MAX_VALUES,
    Headers,
    InferEndpoint,
    ParsedRequest,
    PredictEndpoint,
)
from service.http.error_responses import RawResponse
from service.http.request_handler import CallbackHandler
from service.http.request_policy import RequestPolicy
from service.inference.queue import PendingRequest
from service.observers import RequestEvent
from tests.service.conftest import application, served
from tests.service.http.transport import (
    INFER,
    JSON,
    ROW,
    BlockingClassifier,
    Connection,
    Response,
    Send,
    client_for,
    listening,
    request,
    until,
)

TWO_ROWS = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0]]}'
SIX_ROWS = b'{"instances": [' + b",".join([b"[0, 5, 0, 0]"] * 6) + b"]}"
LATE = "deadline exceeded"


@pytest.fixture
def threads(blocking: BlockingClassifier) -> Iterator[ThreadPoolExecutor]:
    """Threads that send requests; at the end the model is released."""
    with ThreadPoolExecutor(8) as pool:
        yield pool
        blocking.released.set()


def counters(send: Send) -> dict[str, float]:
    """Return the counts of requests by outcome and by reason of failure, and `pending`."""
    text = send("GET", "/metrics").body.decode()
    counts = {
        label: float(number)
        for label, number in re.findall(r'(?:reason|outcome)="(\w+)",version="1"} (\S+)', text)
    }
    pending = re.search(r"highway_pending_requests{.*} (\S+)", text)
    assert pending is not None
    return {**counts, "pending": float(pending[1])}


def start_blocked_batch(
    blocking: BlockingClassifier, send: Send, threads: ThreadPoolExecutor
) -> "Future[Response]":
    """Send a row; its batch does not end before the model is released."""
    blocking.block()
    first = threads.submit(send, "POST", "/predict", ROW)
    assert blocking.running.wait(5)
    return first


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", JSON, 400),
        (b" " * 300_001, JSON, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_a_rejected_request_has_its_id_too(
    send: Send, body: bytes, headers: dict[str, str], status: int
) -> None:
    response = send("POST", "/predict", body, {**headers, "X-Request-Id": "my-7"})
    assert (response.status, response.headers["x-request-id"]) == (status, "my-7")
    assert "server-timing" not in response.headers


def test_server_timing_has_the_phases_and_the_rows_of_the_batch(send: Send) -> None:
    timing = send("POST", "/predict", TWO_ROWS).headers["server-timing"]
    phases = re.fullmatch(
        r"decode;dur=(\d+\.\d{3}), queue;dur=(\d+\.\d{3}), compute;dur=(\d+\.\d{3}), "
        r"encode;dur=(\d+\.\d{3}), batch;desc=(\d+)",
        timing,
    )
    assert phases is not None
    assert phases[5] == "2"
    assert 0 < float(phases[3]) < 5000


def test_a_passed_deadline_is_504_while_the_model_is_busy(
    blocking: BlockingClassifier, send_blocking: Send, threads: ThreadPoolExecutor
) -> None:
    first = start_blocked_batch(blocking, send_blocking, threads)
    late = send_blocking("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": "5"})
    assert (late.status, late.error.startswith(LATE)) == (504, True)
    blocking.released.set()
    assert first.result().status == 200
    assert counters(send_blocking) | {"deadline": 1, "success": 1, "pending": 0} == counters(
        send_blocking
    )
    assert blocking.rows == 1  # the late row was never computed


def test_the_timeout_of_the_protocol_is_a_deadline(
    blocking: BlockingClassifier, send_blocking: Send, threads: ThreadPoolExecutor
) -> None:
    start_blocked_batch(blocking, send_blocking, threads)
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}
    body = json.dumps({"inputs": [tensor], "parameters": {"timeout": 5000}}).encode()
    assert send_blocking("POST", INFER, body).error.startswith(LATE)


def test_the_earliest_deadline_of_server_header_and_body_applies(
    blocking: BlockingClassifier, transport: str, threads: ThreadPoolExecutor
) -> None:
    with client_for(application(blocking, deadline_ms=20), transport) as send:
        first = start_blocked_batch(blocking, send, threads)
        assert send("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": "60000"}).error.startswith(
            LATE
        )
        blocking.released.set()
        assert first.result().status == 200  # its batch had started


def test_a_full_queue_is_429_and_says_when_to_retry(
    blocking: BlockingClassifier, send_blocking: Send, threads: ThreadPoolExecutor
) -> None:
    start_blocked_batch(blocking, send_blocking, threads)
    waiting = [threads.submit(send_blocking, "POST", "/predict", TWO_ROWS) for _ in range(2)]
    until(lambda: counters(send_blocking)["pending"] == 3)
    refused = send_blocking("POST", "/predict", SIX_ROWS)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert refused.error == "queue: expected room for 6 rows, found 2 of 6; retry later"
    blocking.released.set()
    assert [response.result().status for response in waiting] == [200, 200]
    assert send_blocking("POST", "/predict", SIX_ROWS).status == 200
    assert counters(send_blocking)["queue_full"] == 1


def test_a_full_queue_does_not_affect_health_and_metadata(
    blocking: BlockingClassifier, send_blocking: Send, threads: ThreadPoolExecutor
) -> None:
    start_blocked_batch(blocking, send_blocking, threads)
    full = threads.submit(send_blocking, "POST", "/predict", SIX_ROWS)
    until(lambda: counters(send_blocking)["pending"] == 2)
    assert send_blocking("POST", INFER, b'{"inputs": 5}').status == 429  # the head refuses
    for path in ("/v2/health/ready", "/v2/models/tiny", "/metrics", "/v2/models/stats"):
        assert send_blocking("GET", path).status == 200
    blocking.released.set()
    assert full.result().status == 200


def test_requests_of_one_batch_get_their_own_rows_in_their_own_form(
    blocking: BlockingClassifier, send_blocking: Send, threads: ThreadPoolExecutor
) -> None:
    start_blocked_batch(blocking, send_blocking, threads)
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 5, 0]}
    scale = {"name": "gate_scale", "shape": [1, 2], "datatype": "FP32", "data": [0, 0]}
    inference = {"inputs": [tensor, scale], "outputs": [{"name": "gate_units"}, {"name": "logits"}]}
    native = threads.submit(send_blocking, "POST", "/predict", TWO_ROWS)
    tensors = threads.submit(send_blocking, "POST", INFER, json.dumps(inference).encode())
    until(lambda: counters(send_blocking)["pending"] == 3)
    blocking.released.set()
    assert "batch;desc=3" in tensors.result().headers["server-timing"]
    assert [p["label"] for p in native.result().json()["predictions"]] == ["a", "b"]
    units, logits = tensors.result().json()["outputs"]
    assert units["data"] == pytest.approx([0.5, 0.5, 0.993307, 0.5], abs=1e-6)
    assert logits["data"] == [0, 0, 5]


def test_requests_with_and_without_a_gate_scale_share_a_batch(
    blocking: BlockingClassifier, send_blocking: Send, threads: ThreadPoolExecutor
) -> None:
    # Row (1, 0, 0, 0) has the logits 1 + s, s and s, where s is half the sum of its scales.
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}
    logits = json.dumps({"inputs": [tensor], "outputs": [{"name": "logits"}]}).encode()
    scaled = b'{"instances": [[0, 5, 0, 0], [0, 0, 5, 0]], "gate_scale": [[0, 0], [10, 10]]}'
    alone = send_blocking("POST", "/predict", scaled)
    start_blocked_batch(blocking, send_blocking, threads)
    native = threads.submit(send_blocking, "POST", "/predict", scaled)
    plain = threads.submit(send_blocking, "POST", "/predict", ROW)
    tensors = threads.submit(send_blocking, "POST", INFER, logits)
    until(lambda: counters(send_blocking)["pending"] == 4)
    blocking.released.set()
    assert "batch;desc=4" in native.result().headers["server-timing"]
    assert native.result().body == alone.body
    assert [p["label"] for p in plain.result().json()["predictions"]] == ["a"]
    assert tensors.result().json()["outputs"][0]["data"] == [2, 1, 1]


def test_a_request_larger_than_a_batch_is_answered_in_order(send_blocking: Send) -> None:
    rows = [[0, 5, 0, 0], [0, 0, 5, 0], [5, 0, 0, 0], [0, 5, 0, 0], [5, 0, 0, 0], [0, 0, 5, 0]]
    response = send_blocking("POST", "/predict", json.dumps({"instances": rows}).encode())
    assert [p["label"] for p in response.json()["predictions"]] == ["b", "c", "a", "b", "a", "c"]


class Broken(Classifier):
    """A classifier that fails once it serves."""

    serving = False

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        if self.serving:
            raise MemoryError("/SECRET/path")
        return super().compute(outputs, rows, gate_scale)


def test_an_internal_error_is_500_without_details_which_are_logged(
    content: bytes, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(content)
    with client_for(application(broken), transport) as send:
        broken.serving = True
        response = send("POST", "/predict", ROW, {**JSON, "X-Request-Id": "my-7"})
        assert (response.status, response.headers["x-request-id"]) == (500, "my-7")
        assert response.error == "internal error; the server's log has the details"
        broken.serving = False
        assert send("POST", "/predict", ROW).status == 200
        assert counters(send) | {"internal_error": 1, "success": 1, "pending": 0} == counters(send)
    assert "request my-7 failed" in caplog.messages
    assert "/SECRET/path" in caplog.text


class BadRequests:
    """An observer of the requests that fail with 400."""

    def __init__(self) -> None:
        self.events: list[RequestEvent] = []

    def wants(self, status: int, model: Metadata, pending: PendingRequest | None) -> bool:
        return status == 400

    def observe(self, event: RequestEvent) -> None:
        self.events.append(event)


def test_an_observer_gets_the_events_that_it_wants(classifier: Classifier) -> None:
    observer = BadRequests()
    endpoint = PredictEndpoint(served(classifier).default, max_rows=2)
    policy = RequestPolicy(deadline_ms=None, observers=[observer])
    responses: list[RawResponse] = []
    CallbackHandler(policy, endpoint, {b"x-request-id": b"my-7"}, responses.append).submit(b"{}")
    CallbackHandler(policy, endpoint, {}, responses.append).submit(ROW)  # the model is not started
    assert [response.status for response in responses] == [400, 503]
    (event,) = observer.events
    assert (event.request_id, event.status, event.rows, event.timing) == ("my-7", 400, 0, None)
    assert (event.endpoint, event.model) == ("predict", endpoint.model.metadata)
    assert event.ended_ns >= event.arrived_ns


def test_a_model_is_503_before_the_start_and_after_the_end(classifier: Classifier) -> None:
    app = application(classifier)
    message = "model 'tiny' is not ready"
    client = TestClient(app)
    before = client.post("/predict", content=ROW, headers=JSON)
    assert (before.status_code, before.json()) == (503, {"error": message})
    with client:
        assert client.post("/predict", content=ROW, headers=JSON).status_code == 200
    after = client.post("/predict", content=ROW, headers=JSON)
    assert (after.status_code, after.json()) == (503, {"error": message})


# Requests that are read or answered in steps.

LONG_ROW = b"[1.%b, 0, 0, 0]" % (b"0" * 300)
LONG = b'{"instances": [%b]}' % b",".join([LONG_ROW] * 1000)


@pytest.fixture
def send_long(classifier: Classifier, transport: str) -> Iterator[Send]:
    with client_for(application(classifier), transport) as send:
        yield send


def test_a_long_request_gets_the_response_of_a_short_one(send_long: Send) -> None:
    (expected,) = send_long("POST", "/predict", ROW).json()["predictions"]
    response = send_long("POST", "/predict", LONG, {**JSON, "X-Request-Id": "my-7"})
    assert (response.status, response.headers["x-request-id"]) == (200, "my-7")
    assert response.json()["predictions"] == [expected] * 1000
    assert counters(send_long) | {"success": 2, "pending": 0} == counters(send_long)


def test_a_long_request_of_tensors_gets_the_response_of_a_short_one(send_long: Send) -> None:
    tensor = {"name": "input", "datatype": "FP32"}
    short = json.dumps({"inputs": [{**tensor, "shape": [1, 4], "data": [1, 0, 0, 0]}]}).encode()
    numbers = LONG_ROW[1:-1]
    long = json.dumps({"inputs": [{**tensor, "shape": [1000, 4], "data": ["$"]}]}).encode()
    long = long.replace(b'"$"', b",".join([numbers] * 1000))
    expected = send_long("POST", INFER, short).json()["outputs"]
    outputs = send_long("POST", INFER, long).json()["outputs"]
    for output, one in zip(outputs, expected, strict=True):
        assert output["shape"] == [1000, one["shape"][1]]
        assert output["data"] == one["data"] * 1000


def test_a_fault_in_a_long_request_is_400(send_long: Send) -> None:
    wrong = LONG[:-3] + b", null]]}"
    response = send_long("POST", "/predict", wrong, {**JSON, "X-Request-Id": "a"})
    assert (response.status, response.headers["x-request-id"]) == (400, "a")
    assert response.error == "instances[999]: expected a list of 4 numbers, found one of 5"
    assert counters(send_long) | {"bad_request": 1, "pending": 0} == counters(send_long)


def test_the_deadline_counts_from_the_arrival_of_a_long_request(send_long: Send) -> None:
    late = send_long("POST", "/predict", LONG, {**JSON, "X-Deadline-Ms": "1"})
    assert (late.status, late.error.startswith(LATE)) == (504, True)


def test_a_long_request_is_answered_before_the_next_of_its_connection(
    classifier: Classifier,
) -> None:
    with listening(application(classifier)) as port, Connection(port) as connection:
        connection.send(request(body=LONG) + request(body=b"{}") + request())
        assert [connection.receive().status for _ in range(3)] == [200, 400, 200]


class Everything:
    """An observer of all requests."""

    def __init__(self) -> None:
        self.events: list[RequestEvent] = []

    def wants(self, status: int, model: Metadata, pending: PendingRequest | None) -> bool:
        return True

    def observe(self, event: RequestEvent) -> None:
        self.events.append(event)


class BrokenWriter(PredictEndpoint):
    """An endpoint that cannot write long responses."""

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        return super().read(headers, body)._replace(write_long=self._fail)

    def _fail(self, _outputs: Outputs) -> Steps[Written]:
        yield
        raise MemoryError


def statuses(
    endpoint: PredictEndpoint, body: bytes, *, cancel_after: int | None = None
) -> tuple[list[int], list[int]]:
    """Handle a request alone; return the statuses of its responses and of its events.

    It is cancelled after so many turns of the event loop.
    """
    observer = Everything()
    policy = RequestPolicy(deadline_ms=None, observers=[observer])
    responses: list[RawResponse] = []

    async def handle() -> None:
        endpoint.model.start(asyncio.get_running_loop())
        handler = CallbackHandler(policy, endpoint, {}, responses.append)
        handler.submit(body)
        turns = 0
        while not observer.events:
            await asyncio.sleep(0)
            turns += 1
            if turns == cancel_after:
                handler.cancel()
        await asyncio.sleep(0.05)
        endpoint.model.engine.close()

    asyncio.run(handle())
    return [response.status for response in responses], [event.status for event in observer.events]


def test_a_client_may_disconnect_while_its_request_is_read(classifier: Classifier) -> None:
    endpoint = PredictEndpoint(served(classifier).default, max_rows=1000)
    assert statuses(endpoint, LONG, cancel_after=2) == ([], [499])
    assert endpoint.model.statistics.total().rows[0] == 0  # nothing was computed


def test_a_response_in_steps_that_fails_is_500(
    classifier: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = BrokenWriter(served(classifier).default, max_rows=2000)
    rows = b'{"instances": [%b]}' % b",".join([b"[1, 0, 0, 0]"] * 2000)
    assert statuses(endpoint, rows) == ([500], [500])
    assert "MemoryError" in caplog.text


def test_a_response_has_a_maximum_number_of_values(classifier: Classifier) -> None:
    endpoint = InferEndpoint(served(classifier).default, max_rows=MAX_VALUES)
    rows = MAX_VALUES // 3 + 1
    tensor = {"name": "input", "datatype": "FP32", "shape": [rows, 4]}
    item = {**tensor, "parameters": {"binary_data_size": rows * 16}}
    head = json.dumps({"inputs": [item], "outputs": [{"name": "logits"}]}).encode()
    headers = {b"inference-header-content-length": b"%d" % len(head)}
    with pytest.raises(InputError) as error:
        endpoint.read(headers, head + bytes(rows * 16))
    assert str(error.value) == (
        f"outputs: expected at most {MAX_VALUES} values for all rows, found {rows * 3}; send the "
        "rows in several requests"
    )
