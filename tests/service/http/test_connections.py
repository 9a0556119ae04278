"""Many connections, many bodies, and clients that do not read: what gives way."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from fastapi import FastAPI

from service.classifier import Classifier
from service.errors import QueueFullError
from service.http import connection_timer, connections
from service.http.protocol_context import PROTOCOL_CONTEXT, ProtocolContext
from tests.service.conftest import Recipe, application
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

LIVE = request("GET", "/v2/health/live", b"", {})
LARGE = 200_000  # more than a small body
BUSY = "server: too many connections; retry later"
NO_ROOM = (
    "body: expected room beside the bodies that other clients are sending, found none; retry later"
)


def tiny(**settings: object) -> FastAPI:
    return application(Classifier(Recipe().build()), **settings)


def half_sent(size: int = LARGE, path: str = "/predict") -> bytes:
    """Encode a request with a body of spaces, without its last byte."""
    return request(path=path, body=b" " * size)[:-1]


@contextmanager
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a client count as slow after 0.1 s."""
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 0.1)
    yield


@pytest.fixture
def crowded() -> Iterator[int]:
    """A server for two connections."""
    with listening(tiny(max_connections=2)) as port:
        yield port


def test_above_the_limit_a_connection_gets_health_or_503(crowded: int) -> None:
    with Connection(crowded) as first, Connection(crowded) as second:
        assert [label(c.send(request()).receive()) for c in (first, second)] == ["a", "a"]
        with Connection(crowded) as third:
            response = third.send(request()).receive()
            assert (response.status, response.error) == (503, BUSY)
            assert (response.headers["retry-after"], third.rest()) == ("1", b"")
        with Connection(crowded) as expecting:  # a refusal does not wait for its body
            headers = {**JSON, "Expect": "100-continue", "Content-Length": "9"}
            assert expecting.send(request(headers=headers, body=b"")).receive().status == 503
        with Connection(crowded) as fourth:
            response = fourth.send(LIVE).receive()
            assert (response.status, response.headers["connection"]) == (200, "close")
        assert [label(c.send(request()).receive()) for c in (first, second)] == ["a", "a"]


def test_far_above_the_limit_a_connection_is_closed(
    crowded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SPARE_CONNECTIONS", 1)
    with ExitStack() as stack:
        three = [stack.enter_context(Connection(crowded)) for _ in range(3)]
        assert three[2].send(LIVE).receive().status == 200
        replaced, fourth = Connection(crowded), Connection(crowded)
        with replaced, fourth, pytest.raises((ConnectionError, AssertionError)):
            fourth.send(LIVE).receive()


@pytest.mark.parametrize(
    ("sent", "received"), [(b"", b""), (LIVE, b""), (b"POST /predict HT", b"HTTP/1.1 408 ")]
)
def test_above_the_limit_the_quietest_connection_gives_way(
    crowded: int, monkeypatch: pytest.MonkeyPatch, sent: bytes, received: bytes
) -> None:
    with Connection(crowded) as quiet, Connection(crowded) as busy, impatient(monkeypatch):
        quiet.send(sent)
        if sent == LIVE:
            assert quiet.receive().status == 200
        time.sleep(0.15)
        assert label(busy.send(request()).receive()) == "a"
        with Connection(crowded) as new:
            assert label(new.send(request()).receive()) == "a"
        assert quiet.rest()[:13] == received
        assert label(busy.send(request()).receive()) == "a"


@contextmanager
def narrow(**settings: object) -> Iterator[int]:
    """A server with room for a large body and a half."""
    with listening(
        tiny(max_body_bytes=250_000, max_inflight_bytes=500_000, max_rows=5, **settings)
    ) as port:
        yield port


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_a_large_body_without_room_gets_429_and_small_ones_are_served(path: str) -> None:
    with narrow() as port, ExitStack() as stack:
        holding = [stack.enter_context(Connection(port)) for _ in range(2)]
        for connection in holding:
            connection.send(half_sent())
        with Connection(port) as refused, Connection(port) as small:
            response = refused.send(half_sent(path=path)).receive()
            assert (response.status, response.error) == (429, NO_ROOM)
            assert (response.headers["retry-after"], response.headers["connection"]) == (
                "1",
                "close",
            )
            for _ in range(3):
                assert label(small.send(request(path=path)).receive()) == "a"
        assert holding[0].send(b" ").receive().status == 400  # not refused: only empty


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_the_slowest_body_gives_way_to_a_new_one(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with narrow() as port, Connection(port) as slow, Connection(port) as slower:
        slow.send(half_sent(path=path))
        slower.send(half_sent(size=190_000, path=path))
        time.sleep(0.15)
        with impatient(monkeypatch), Connection(port) as new:
            new.send(request(body=ROW.ljust(LARGE)))
            assert label(new.receive()) == "a"
        assert slower.receive().error == NO_ROOM
        assert slow.send(b" ").receive().status == 400


def test_bodies_release_their_room_however_they_end() -> None:
    app = tiny(max_body_bytes=250_000, max_inflight_bytes=500_000)
    with running(app) as (server, port):
        context: ProtocolContext = server.lifespan.state[PROTOCOL_CONTEXT]
        with Connection(port) as whole, Connection(port) as broken, Connection(port) as left:
            assert label(whole.send(request(body=ROW.ljust(LARGE))).receive()) == "a"
            left.send(half_sent())
            until(lambda: context.budget.used > 0)
            broken.send(request(headers={**JSON, "Transfer-Encoding": "chunked"}, body=b"1\r\n[xx"))
            left.close()
            until(lambda: context.budget.used == 0)


def test_a_client_that_does_not_read_is_disconnected_and_its_requests_are_not_processed() -> None:
    blocking = BlockingClassifier(Recipe().build())
    long = "x" * 200_000  # more than the system buffers
    tensor = '{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}'
    body = f'{{"id": "{long}", "inputs": [{tensor}]}}'.encode()
    with listening(application(blocking, send_seconds=0.4)) as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.settimeout(5)
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                client.sendall(request(path=INFER, body=body) * 100)
            assert 0.3 < time.monotonic() - began < 4
        assert blocking.rows < 20
        with Connection(port) as connection:
            assert label(connection.send(request()).receive()) == "a"


def test_a_client_that_reads_slowly_stays_connected() -> None:
    long = "x" * 250_000
    tensor = '{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}'
    body = f'{{"id": "{long}", "inputs": [{tensor}]}}'.encode()
    with listening(tiny(send_seconds=0.4)) as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(("127.0.0.1", port))
        client.sendall(request(path=INFER, body=body))
        received = 0
        while received < 250_000:
            time.sleep(0.03)
            chunk = client.recv(8000)
            assert chunk, "the server closed the connection"
            received += len(chunk)


@pytest.mark.parametrize("encoding", ["length", "chunked"])
def test_after_a_body_that_no_route_reads_the_connection_goes_on(encoding: str) -> None:
    body, headers = b"x" * 100_000, dict(JSON)
    if encoding == "chunked":
        headers["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with listening(tiny()) as port, Connection(port) as connection:
        refused = connection.send(request(path="/metrics", headers=headers, body=body)).receive()
        assert refused.status == 405
        assert connection.send(LIVE).receive().status == 200


def test_a_client_that_leaves_its_response_unread_gives_way_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "SPARE_CONNECTIONS", 1)
    many = json.dumps({"instances": [[1, 0, 0, 0]] * 5_000}).encode()  # 1 MB in the response
    app = tiny(max_rows=5_000, max_queue_rows=50_000, max_connections=3, send_seconds=60)
    with listening(app) as port, ExitStack() as stack:
        unread = stack.enter_context(Connection(port))
        unread.send(request(body=many))
        for _ in range(2):
            stack.enter_context(Connection(port))
        time.sleep(connections.PATIENCE_SECONDS + 0.3)
        for _ in range(3):
            connection = stack.enter_context(Connection(port))
            assert connection.send(LIVE).receive().status == 200


def test_above_the_budget_connections_that_are_not_read_are_closed() -> None:
    many = json.dumps({"instances": [[1, 0, 0, 0]] * 20_000}).encode()  # 4 MB in the response
    limits = {"max_rows": 20_000, "max_queue_rows": 200_000, "max_queue_ms": 60_000}
    app = tiny(**limits, max_body_bytes=1_000_000, max_inflight_bytes=5_000_000)
    with running(app) as (server, port), ExitStack() as stack:
        budget = server.lifespan.state[PROTOCOL_CONTEXT].budget
        clients = [stack.enter_context(Connection(port)) for _ in range(4)]
        for client in clients:
            client.send(request(body=many))
        until(lambda: budget.used > 2_000_000)
        time.sleep(0.5)
        until(lambda: budget.used <= 5_000_000)
        with Connection(port) as connection:
            assert label(connection.send(request()).receive()) == "a"


def test_memory_of_pipelined_requests_is_bounded_while_a_response_is_due() -> None:
    blocking = BlockingClassifier(Recipe().build())
    with running(application(blocking), drain_seconds=1) as (_server, port):
        blocking.block()
        with Connection(port) as connection:
            connection.send(request())
            assert blocking.running.wait(5)
            connection.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):  # nothing more is received
                connection.socket.sendall(LIVE * 100_000)
            blocking.released.set()
            connection.socket.settimeout(5)
            assert label(connection.receive()) == "a"
            assert connection.receive().status == 200


def test_a_half_closed_client_gets_all_its_responses(blocking: BlockingClassifier) -> None:
    with listening(application(blocking)) as port, Connection(port) as connection:
        blocking.block()
        connection.send(request() * 3)
        connection.socket.shutdown(socket.SHUT_WR)
        assert blocking.running.wait(5)
        time.sleep(0.05)
        blocking.released.set()
        assert [label(connection.receive()) for _ in range(3)] == ["a", "a", "a"]
        assert connection.rest() == b""


def test_while_the_worker_leaves_service_each_response_closes_its_connection() -> None:
    with running(tiny()) as (server, port):
        context: ProtocolContext = server.lifespan.state[PROTOCOL_CONTEXT]
        context.lifecycle.draining = True
        for content in (request(), request(path="/predict?asgi"), LIVE, request(body=b"{}")):
            with Connection(port) as connection:
                response = connection.send(content).receive()
                assert (response.headers["connection"], connection.rest()) == ("close", b"")
        with Connection(port) as connection:  # those behind are answered first
            connection.send(request() + LIVE)
            assert connection.receive().headers["connection"] is None
            assert connection.receive().headers["connection"] == "close"


def test_a_stopping_server_answers_new_connections_and_arriving_requests_but_not_idle_ones() -> (
    None
):
    content = request()
    with (
        running(tiny(), drain_seconds=5) as (server, port),
        Connection(port) as idle,
        Connection(port) as arriving,
        Connection(port) as fresh,
    ):
        assert label(idle.send(content).receive()) == "a"
        arriving.send(content[:50])
        time.sleep(0.1)
        server.should_exit = True
        assert idle.rest() == b""
        assert label(arriving.send(content[50:]).receive()) == "a"
        assert label(fresh.send(content).receive()) == "a"
        assert (arriving.rest(), fresh.rest()) == (b"", b"")


def test_a_stopping_server_does_not_wait_for_connections_that_send_nothing_or_do_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_timer, "FIRST_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(connection_timer, "STALLED_SECONDS", 0.1)
    with (
        running(tiny(), drain_seconds=20) as (server, port),
        Connection(port) as silent,
        Connection(port) as unread,
    ):
        unread.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            unread.socket.sendall(request("GET", "/openapi.json", b"", {}) * 200_000)
        began = time.monotonic()
        server.should_exit = True
        assert silent.rest() == b""
        until(lambda: not server.server_state.connections)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_a_full_queue_refuses_a_large_body_on_its_head(
    blocking: BlockingClassifier, path: str
) -> None:
    app = application(blocking, max_rows=1, max_queue_rows=1, max_batch_rows=1)
    with running(app) as (server, port), ExitStack() as stack:
        context: ProtocolContext = server.lifespan.state[PROTOCOL_CONTEXT]
        engine = context.routes.exact[b"/predict"].choose().model.engine

        def full() -> bool:
            with suppress(QueueFullError):
                engine.check_room("")
                return False
            return True

        blocking.block()
        stack.enter_context(Connection(port)).send(request())
        assert blocking.running.wait(5)
        stack.enter_context(Connection(port)).send(request())
        until(full)
        with Connection(port) as small, Connection(port) as large:
            response = small.send(request(path=path)).receive()
            assert response.status == 429
            assert response.headers["connection"] is None
            assert small.send(request(path=path)).receive().status == 429  # the same connection
            head = request(path=path, headers={**JSON, "Content-Length": "100000"}, body=b"")
            response = large.send(head).receive()  # nothing of the body is needed
            assert (response.status, response.headers["connection"]) == (429, "close")
        blocking.released.set()


def test_a_client_may_read_its_refusal_while_it_sends_a_long_body(port: int) -> None:
    with Connection(port) as connection:
        connection.send(request(headers={"Content-Type": "text/x"}, body=b" " * 250_000))
        response = connection.receive()
        assert (response.status, response.headers["connection"]) == (415, "close")


def test_refused_bodies_are_read_at_a_bounded_rate() -> None:
    limit = connections.Connections(10)
    assert limit.may_discard(1 << 20, now=100.0)
    assert not limit.may_discard(4 << 20, now=100.0)
    assert not limit.may_discard(1, now=100.0)
    assert limit.may_discard(1, now=100.1)
