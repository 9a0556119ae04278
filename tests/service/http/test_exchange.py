import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier, FloatArray
from service.http.doors import PredictDoor
from service.http.exchange import Exchange
from service.http.reception import Reception
from service.http.records import Record
from service.http.replies import Reply
from tests.service.conftest import application, served
from tests.service.http.talk import INFER, JSON, ROW, Answer, Ask, Held, until, way_to

TWO_ROWS = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0]]}'
SIX_ROWS = b'{"instances": [' + b",".join([b"[0, 5, 0, 0]"] * 6) + b"]}"
LATE = "deadline: expected an answer before it, found it passed"


@pytest.fixture
def at_once(held: Held) -> Iterator[ThreadPoolExecutor]:
    """For requests that have to wait for one another; at the end none is left waiting."""
    with ThreadPoolExecutor(8) as pool:
        yield pool
        held.free.set()


def counters(ask: Ask) -> dict[str, float]:
    """Return how often requests ended in what way, and `pending`."""
    text = ask("GET", "/metrics").body.decode()
    found = {
        label: float(number)
        for label, number in re.findall(r'(?:reason|outcome)="(\w+)",version="1"} (\S+)', text)
    }
    pending = re.search(r"highway_pending_requests{.*} (\S+)", text)
    assert pending is not None
    return {**found, "pending": float(pending[1])}


def occupied(held: Held, ask: Ask, at_once: ThreadPoolExecutor) -> "Future[Answer]":
    """Ask for a run that will not end before the model is let go."""
    held.hold()
    first = at_once.submit(ask, "POST", "/predict", ROW)
    assert held.running.wait(5)
    return first


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", JSON, 400),
        (b" " * 300_001, JSON, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_a_refused_request_has_its_id_too(
    ask: Ask, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = ask("POST", "/predict", body, {**headers, "X-Request-Id": "my-7"})
    assert (answer.status, answer.headers["x-request-id"]) == (status, "my-7")
    assert "server-timing" not in answer.headers


def test_server_timing_tells_the_phases_and_how_many_rows_ran_together(ask: Ask) -> None:
    timing = ask("POST", "/predict", TWO_ROWS).headers["server-timing"]
    phases = re.fullmatch(
        r"decode;dur=(\d+\.\d{3}), queue;dur=(\d+\.\d{3}), run;dur=(\d+\.\d{3}), "
        r"encode;dur=(\d+\.\d{3}), batch;desc=(\d+)",
        timing,
    )
    assert phases is not None
    assert phases[5] == "2"
    assert 0 < float(phases[3]) < 5000


def test_a_passed_deadline_is_504_while_the_model_is_still_busy(
    held: Held, ask_held: Ask, at_once: ThreadPoolExecutor
) -> None:
    first = occupied(held, ask_held, at_once)
    late = ask_held("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": "5"})
    assert (late.status, late.error) == (504, LATE)
    held.free.set()
    assert first.result().status == 200
    assert counters(ask_held) | {"deadline": 1, "success": 1, "pending": 0} == counters(ask_held)
    assert held.rows == 1  # the late row was never run


def test_the_protocols_timeout_is_a_deadline_too(
    held: Held, ask_held: Ask, at_once: ThreadPoolExecutor
) -> None:
    occupied(held, ask_held, at_once)
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}
    body = json.dumps({"inputs": [tensor], "parameters": {"timeout": 5000}}).encode()
    assert ask_held("POST", INFER, body).error == LATE


def test_the_nearest_deadline_counts_and_the_servers_is_one_of_them(
    held: Held, way: str, at_once: ThreadPoolExecutor
) -> None:
    with way_to(application(held, deadline_ms=20), way) as ask:
        first = occupied(held, ask, at_once)
        assert ask("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": "60000"}).error == LATE
        held.free.set()
        assert first.result().status == 200  # it was in a run already


def test_a_full_queue_is_429_at_once_and_says_when_to_come_again(
    held: Held, ask_held: Ask, at_once: ThreadPoolExecutor
) -> None:
    occupied(held, ask_held, at_once)
    waiting = [at_once.submit(ask_held, "POST", "/predict", TWO_ROWS) for _ in range(2)]
    until(lambda: counters(ask_held)["pending"] == 3)
    refused = ask_held("POST", "/predict", SIX_ROWS)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert refused.error == "queue: expected room for 6 rows, found 2 of 6; come again later"
    held.free.set()
    assert [answer.result().status for answer in waiting] == [200, 200]
    assert ask_held("POST", "/predict", SIX_ROWS).status == 200
    assert counters(ask_held)["queue_full"] == 1


def test_a_full_queue_harms_neither_health_nor_metadata(
    held: Held, ask_held: Ask, at_once: ThreadPoolExecutor
) -> None:
    occupied(held, ask_held, at_once)
    full = at_once.submit(ask_held, "POST", "/predict", SIX_ROWS)
    until(lambda: counters(ask_held)["pending"] == 2)
    assert ask_held("POST", INFER, b'{"inputs": 5}').status == 400
    for path in ("/v2/health/ready", "/v2/models/tiny", "/metrics", "/v2/models/stats"):
        assert ask_held("GET", path).status == 200
    held.free.set()
    assert full.result().status == 200


def test_requests_that_ran_together_get_their_own_rows_in_their_own_form(
    held: Held, ask_held: Ask, at_once: ThreadPoolExecutor
) -> None:
    occupied(held, ask_held, at_once)
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 5, 0]}
    scale = {"name": "gate_scale", "shape": [1, 2], "datatype": "FP32", "data": [0, 0]}
    asked = {"inputs": [tensor, scale], "outputs": [{"name": "gate_units"}, {"name": "logits"}]}
    friendly = at_once.submit(ask_held, "POST", "/predict", TWO_ROWS)
    tensors = at_once.submit(ask_held, "POST", INFER, json.dumps(asked).encode())
    until(lambda: counters(ask_held)["pending"] == 3)
    held.free.set()
    assert "batch;desc=3" in tensors.result().headers["server-timing"]
    assert [p["label"] for p in friendly.result().json()["predictions"]] == ["a", "b"]
    units, logits = tensors.result().json()["outputs"]
    assert units["data"] == pytest.approx([0.5, 0.5, 0.993307, 0.5], abs=1e-6)
    assert logits["data"] == [0, 0, 5]


def test_requests_with_a_gate_scale_and_without_run_together_and_get_each_their_own(
    held: Held, ask_held: Ask, at_once: ThreadPoolExecutor
) -> None:
    # Row (1, 0, 0, 0) has the logits 1 + s, s and s, where s is half the sum of its scales.
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}
    logits = json.dumps({"inputs": [tensor], "outputs": [{"name": "logits"}]}).encode()
    scaled = b'{"instances": [[0, 5, 0, 0], [0, 0, 5, 0]], "gate_scale": [[0, 0], [10, 10]]}'
    alone = ask_held("POST", "/predict", scaled)
    occupied(held, ask_held, at_once)
    friendly = at_once.submit(ask_held, "POST", "/predict", scaled)
    plain = at_once.submit(ask_held, "POST", "/predict", ROW)
    tensors = at_once.submit(ask_held, "POST", INFER, logits)
    until(lambda: counters(ask_held)["pending"] == 4)
    held.free.set()
    assert "batch;desc=4" in friendly.result().headers["server-timing"]
    assert friendly.result().body == alone.body
    assert [p["label"] for p in plain.result().json()["predictions"]] == ["a"]
    assert tensors.result().json()["outputs"][0]["data"] == [2, 1, 1]


def test_more_rows_than_one_run_has_are_answered_as_if_by_one(ask_held: Ask) -> None:
    rows = [[0, 5, 0, 0], [0, 0, 5, 0], [5, 0, 0, 0], [0, 5, 0, 0], [5, 0, 0, 0], [0, 0, 5, 0]]
    answer = ask_held("POST", "/predict", json.dumps({"instances": rows}).encode())
    assert [p["label"] for p in answer.json()["predictions"]] == ["b", "c", "a", "b", "a", "c"]


class Broken(Classifier):
    """A classifier that fails once it serves."""

    serving = False

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        if self.serving:
            raise MemoryError("/SECRET/path")
        return super().compute(outputs, rows, gate_scale)


def test_our_own_fault_is_500_without_details_and_in_the_log_with_them(
    content: bytes, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(content)
    with way_to(application(broken), way) as ask:
        broken.serving = True
        answer = ask("POST", "/predict", ROW, {**JSON, "X-Request-Id": "my-7"})
        assert (answer.status, answer.headers["x-request-id"]) == (500, "my-7")
        assert answer.error == "the server failed at this request; its log says why"
        broken.serving = False
        assert ask("POST", "/predict", ROW).status == 200
        assert counters(ask) | {"fault": 1, "success": 1, "pending": 0} == counters(ask)
    assert "request my-7 failed" in caplog.messages
    assert "/SECRET/path" in caplog.text


class Kept:
    """A recorder that wants only what the client did wrong."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def wants(self, status: int, rows: int) -> bool:
        return status == 400

    def record(self, record: Record) -> None:
        self.records.append(record)


def test_a_recorder_is_told_of_what_it_wants(classifier: Classifier) -> None:
    kept = Kept()
    door = PredictDoor(served(classifier).default, max_rows=2)
    reception = Reception(deadline_ms=None, recorders=[kept])
    replies: list[Reply] = []
    Exchange(reception, door, {b"x-request-id": b"my-7"}, replies.append).ask(b"{}")
    Exchange(reception, door, {}, replies.append).ask(ROW)  # the model is not started
    assert [reply.status for reply in replies] == [400, 503]
    (record,) = kept.records
    assert (record.request_id, record.status, record.rows, record.timing) == ("my-7", 400, 0, None)
    assert record.door is door
    assert record.ended_ns >= record.arrived_ns


def test_before_the_start_and_after_the_end_there_is_503(classifier: Classifier) -> None:
    app = application(classifier)
    message = "model: expected one that is ready, found one that has stopped"
    client = TestClient(app)
    before = client.post("/predict", content=ROW, headers=JSON)
    assert (before.status_code, before.json()) == (503, {"error": message})
    with client:
        assert client.post("/predict", content=ROW, headers=JSON).status_code == 200
    after = client.post("/predict", content=ROW, headers=JSON)
    assert (after.status_code, after.json()) == (503, {"error": message})
