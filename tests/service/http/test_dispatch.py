"""What is decided once for the requests of a connection that have one head, and what is not."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.classifier import Classifier
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.inference.models import Models
from service.settings import Settings
from tests.service.conftest import METADATA, Recipe, application, served
from tests.service.http.transport import (
    INFER,
    JSON,
    ROW,
    BlockingClassifier,
    Connection,
    label,
    listening,
    request,
    running,
    until,
)

VERSION = "/v2/models/tiny/versions/1/infer"
PAGE = "https://page.example"
Change = Callable[[Callable[[], None]], None]


def infer_body(*values: int) -> bytes:
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


@contextmanager
def changeable(models: Models) -> Iterator[tuple[int, Change]]:
    """Serve models; gives the port, and a function that makes a call on the event loop."""
    app = create_app(models, Settings(allowed_hosts="*"))
    loops: list[asyncio.AbstractEventLoop] = []
    start = models.start

    def start_and_keep(loop: asyncio.AbstractEventLoop) -> None:
        loops.append(loop)
        start(loop)

    models.start = start_and_keep  # type: ignore[method-assign]

    def change(call: Callable[[], None]) -> None:
        async def on_loop() -> None:
            call()

        asyncio.run_coroutine_threadsafe(on_loop(), loops[0]).result(5)

    with running(app) as (_, port):
        yield port, change


def labels_reversed() -> Classifier:
    return Classifier(Recipe(metadata=replace(METADATA, labels=("z", "y", "x"))).build())


def test_a_model_may_be_replaced_between_two_requests_with_one_head(
    classifier: Classifier,
) -> None:
    models, others = served(classifier), served(labels_reversed())
    with changeable(models) as (port, change), Connection(port) as connection:
        assert [label(connection.send(request()).receive()) for _ in range(2)] == ["a", "a"]
        change(lambda: models.replace([others.default]))
        assert [label(connection.send(request()).receive()) for _ in range(2)] == ["z", "z"]


def test_a_version_that_is_not_served_any_more_is_404_on_an_open_connection(
    classifier: Classifier,
) -> None:
    models = served(classifier)
    second = served(Classifier(Recipe(metadata=replace(METADATA, version="2")).build()))
    with changeable(models) as (port, change), Connection(port) as connection:
        sent = request(path=VERSION, body=infer_body(1, 0, 0, 0))
        assert [connection.send(sent).receive().status for _ in range(2)] == [200, 200]
        change(lambda: models.replace([second.default]))
        response = connection.send(sent).receive()
        assert (response.status, response.error) == (
            404,
            "version: expected '2' of 'tiny', found another",
        )
        assert connection.send(request()).receive().status == 200
        change(lambda: models.replace(list(served(classifier))))
        assert connection.send(sent).receive().status == 200


def test_a_model_that_has_stopped_is_503_on_an_open_connection(classifier: Classifier) -> None:
    models = served(classifier)
    with changeable(models) as (port, change), Connection(port) as connection:
        assert connection.send(request()).receive().status == 200
        change(models.default.engine.stop)
        response = connection.send(request()).receive()
        assert (response.status, response.error) == (503, "model 'tiny' is not ready")


def test_a_key_is_checked_with_every_request(tmp_path: Path, classifier: Classifier) -> None:
    (token, key), (_, other) = (new_key(name, [Scope.PREDICT]) for name in ("ci", "other"))
    path = tmp_path / "keys"
    path.write_text(f"{key.line}\n{other.line}")
    sent = request(headers={**JSON, "X-API-Key": token})
    with (
        listening(application(classifier, api_keys=path)) as port,
        Connection(port) as connection,
    ):
        assert [connection.send(sent).receive().status for _ in range(3)] == [200] * 3
        path.write_text(other.line)
        time.sleep(0.6)
        assert [connection.send(sent).receive().status for _ in range(2)] == [401, 401]


def test_a_wrong_key_is_counted_with_every_request(tmp_path: Path, classifier: Classifier) -> None:
    token, key = new_key("ci", [Scope.PREDICT])
    path = tmp_path / "keys"
    path.write_text(key.line)
    right = request(headers={**JSON, "X-API-Key": token})
    wrong = request(headers={**JSON, "X-API-Key": "x" * len(token)})
    with (
        listening(application(classifier, api_keys=path)) as port,
        Connection(port) as connection,
    ):
        sent = [right, *[wrong] * 12, right]
        statuses = [connection.send(one).receive().status for one in sent]
        assert statuses == [200, *[401] * 10, 429, 429, 200]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({**JSON, "Content-Encoding": "gzip"}, 415),
        ({**JSON, "Origin": "https://other.example"}, 403),
    ],
)
def test_a_request_that_is_refused_by_its_head_is_refused_every_time(
    port: int, headers: dict[str, str], status: int
) -> None:
    refused = request(headers=headers)
    with Connection(port) as connection:
        sent = [refused, refused, request(), refused, request(), request(), refused]
        statuses = [connection.send(one).receive().status for one in sent]
        assert statuses == [status, status, 200, status, 200, 200, status]


def test_a_host_that_is_not_allowed_is_refused_every_time(classifier: Classifier) -> None:
    good = request()
    bad = good.replace(b"Host: localhost", b"Host: evilhosts")
    app = application(classifier, allowed_hosts="localhost")
    with listening(app) as port, Connection(port) as connection:
        statuses = [connection.send(one).receive().status for one in (good, good, bad, bad, good)]
        assert statuses == [200, 200, 421, 421, 200]


def test_requests_with_one_head_go_to_the_endpoint_of_its_path(port: int) -> None:
    body = infer_body(0, 5, 0, 0)
    with Connection(port) as connection:
        for _ in range(2):
            for _ in range(2):
                assert label(connection.send(request()).receive()) == "a"
            for _ in range(2):
                response = connection.send(request(path=INFER, body=body)).receive()
                assert response.json()["model_name"] == "tiny"
            for _ in range(2):
                assert label(connection.send(request(path="/predict?asgi")).receive()) == "a"


def test_each_request_with_one_head_gets_an_id_of_its_own(port: int) -> None:
    named = request(headers={**JSON, "X-Request-Id": "my-7"})
    with Connection(port) as connection:
        ids = [connection.send(request()).receive().headers["x-request-id"] for _ in range(3)]
        assert len(set(ids)) == 3
        ids = [connection.send(named).receive().headers["x-request-id"] for _ in range(3)]
        assert ids == ["my-7"] * 3


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("X-Deadline-Ms", "x", 400), ("X-Tags", "a b", 400), ("X-A", "1", 200)],
)
def test_the_headers_of_a_request_hold_for_each_with_its_head(
    port: int, name: str, value: str, status: int
) -> None:
    sent = request(headers={**JSON, name: value})
    with Connection(port) as connection:
        assert [connection.send(sent).receive().status for _ in range(3)] == [status] * 3


def test_a_page_of_an_allowed_origin_may_read_each_response(classifier: Classifier) -> None:
    app = application(classifier, cors_origins=PAGE)
    page = request(headers={**JSON, "Origin": PAGE})
    with listening(app) as port, Connection(port) as connection:
        for sent, origin in ((page, PAGE), (page, PAGE), (request(), None), (page, PAGE)):
            response = connection.send(sent).receive()
            assert response.status == 200
            assert response.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("path", ["/predict", INFER, "/predict?asgi"])
def test_the_limit_of_a_body_holds_for_each_length_of_a_known_head(
    classifier: Classifier, path: str
) -> None:
    app = application(classifier, max_body_bytes=200)
    body = ROW if "predict" in path else infer_body(1, 0, 0, 0)
    right, wrong = request(path=path, body=body), request(path=path, body=body + b" " * 200)
    with listening(app) as port, Connection(port) as connection:
        sent = [right, right, wrong, wrong, right]
        statuses = [connection.send(one).receive().status for one in sent]
        assert statuses == [200, 200, 413, 413, 200]
        head, _, end = wrong.partition(b"\r\n\r\n")
        connection.send(head + b"\r\n\r\n")
        time.sleep(0.02)
        assert connection.send(end).receive().status == 413
        assert connection.send(right).receive().status == 200


def test_a_full_queue_refuses_each_request_with_a_known_head(
    blocking: BlockingClassifier,
) -> None:
    app = application(blocking, max_rows=1, max_queue_rows=1, max_batch_rows=1)
    with (
        listening(app) as port,
        Connection(port) as connection,
        Connection(port) as first,
        Connection(port) as second,
    ):
        assert connection.send(request()).receive().status == 200
        blocking.block()
        first.send(request())
        assert blocking.running.wait(5)
        second.send(request())
        until(lambda: connection.send(request(body=b"{}")).receive().status == 429)
        responses = [connection.send(request()).receive() for _ in range(3)]
        assert [response.status for response in responses] == [429] * 3
        assert {response.headers["retry-after"] for response in responses} == {"1"}
        blocking.released.set()
        assert [first.receive().status, second.receive().status] == [200, 200]
        assert connection.send(request()).receive().status == 200


def test_known_heads_are_answered_in_order_when_requests_are_pipelined(port: int) -> None:
    rows = [b'{"instances": [[%d, %d, %d, 0]]}' % row for row in ((5, 0, 0), (0, 5, 0), (0, 0, 5))]
    with Connection(port) as connection:
        connection.send(request(body=rows[0]))
        assert label(connection.receive()) == "a"
        for row in rows:
            connection.send(request(body=row))
        connection.send(request(body=rows[1]) + request(body=rows[2]) + request(body=b"{}"))
        assert [label(connection.receive()) for _ in range(5)] == ["a", "b", "c", "b", "c"]
        assert connection.receive().status == 400


ROWS = {"a": (5, 0, 0, 0), "b": (0, 5, 0, 0), "c": (0, 0, 5, 0)}


@given(st.text("abc", min_size=2, max_size=6), st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_requests_with_one_head_are_answered_in_order_however_they_are_divided(
    port: int, labels: str, data: st.DataObject
) -> None:
    blanks = [b" " * data.draw(st.sampled_from([0, 1, 7, 80])) for _ in labels]
    sent = [
        request(body=b'{"instances": [%b]}%b' % (json.dumps(ROWS[name]).encode(), blank))
        for name, blank in zip(labels, blanks, strict=True)
    ]
    stream = b"".join(sent)
    ends = list(accumulate(len(one) for one in sent))
    cuts = {end for end in ends if data.draw(st.booleans())}
    cuts |= data.draw(st.sets(st.integers(1, len(stream)), max_size=3))
    bounds = [0, *sorted(cuts | {len(stream)})]
    with Connection(port) as connection:
        for start, stop in pairwise(bounds):
            connection.send(stream[start:stop])
            time.sleep(0.002)  # so that the server receives the pieces one by one
        assert "".join(label(connection.receive()) for _ in labels) == labels
