"""HTTP over sockets: pieces, pipelines, chunks, bodies that are too long, and malformed bytes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from service.classifier import Classifier
from service.http import flow
from tests.service.conftest import application
from tests.service.http.conftest import MAX_BODY
from tests.service.http.transport import (
    BOTH_PATHS,
    INFER,
    JSON,
    ROW,
    BlockingClassifier,
    Connection,
    label,
    listening,
    request,
    running,
)

NOT_HTTP = "request: malformed; expected HTTP/1.1"
TOO_LARGE = (
    f"body: expected at most {MAX_BODY} bytes, found more; send the rows in several requests"
)
UPGRADE = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAA"}
CHUNKED = {**JSON, "Transfer-Encoding": "chunked"}


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def test_a_connection_serves_many_requests(port: int) -> None:
    with Connection(port) as connection:
        for _ in range(3):
            response = connection.send(request()).receive()
            assert label(response) == "a"
            assert response.headers["connection"] is None
            assert response.headers["date"].endswith("GMT")
            assert response.headers["server"] is None


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    rows = [b'{"instances": [[%d, %d, %d, 0]]}' % row for row in ((5, 0, 0), (0, 5, 0), (0, 0, 5))]
    with Connection(port) as connection:
        connection.send(
            request(body=rows[0])
            + request("GET", "/v2/health/live", b"", {})
            + request(body=rows[1])
            + request(path="/predict?asgi", body=rows[2])
            + request(body=b"{}")
        )
        assert label(connection.receive()) == "a"
        assert connection.receive().json() == {"live": True, "ready": True}
        assert [label(connection.receive()) for _ in range(2)] == ["b", "c"]
        assert connection.receive().status == 400


def test_many_pipelined_requests_are_all_answered(port: int) -> None:
    with Connection(port) as connection:
        connection.send(request() * 200)
        assert {label(connection.receive()) for _ in range(200)} == {"a"}


@BOTH_PATHS
def test_http_1_0_is_answered_and_closed(port: int, path: str) -> None:
    with Connection(port) as connection:
        response = connection.send(request(path=path, version="1.0")).receive()
        assert label(response) == "a"
        assert response.headers["connection"] == "close"
        assert connection.rest() == b""


@BOTH_PATHS
def test_connection_close_is_respected(port: int, path: str) -> None:
    with Connection(port) as connection:
        closing = request(path=path, headers={**JSON, "Connection": "close"})
        response = connection.send(closing).receive()
        assert label(response) == "a"
        assert response.headers["connection"] == "close"
        assert connection.rest() == b""


@BOTH_PATHS
def test_expect_100_continue_gets_100_and_then_the_response(port: int, path: str) -> None:
    with Connection(port) as connection:
        headers = {**JSON, "Expect": "100-continue", "Content-Length": str(len(ROW))}
        connection.send(request(path=path, body=b"", headers=headers))
        assert connection.receive().status == 100
        assert label(connection.send(ROW).receive()) == "a"


EXPECTING = pytest.mark.parametrize(
    "path", ["/predict", "/predict?asgi", "/explain", "/requests/x/predict", "/v2/repository/index"]
)


@EXPECTING
def test_expect_100_continue_with_a_body_too_large_gets_413_and_is_closed(
    port: int, path: str
) -> None:
    with Connection(port) as connection:
        headers = {**JSON, "Expect": "100-continue", "Content-Length": str(MAX_BODY + 1)}
        response = connection.send(request(path=path, body=b"", headers=headers)).receive()
        assert (response.status, response.error) == (413, TOO_LARGE)
        assert response.headers["connection"] == "close"
        assert connection.rest() == b""


def test_other_forms_of_a_path_reach_the_same_endpoint(port: int) -> None:
    with Connection(port) as connection:
        for path in ("/predict?x=1", "/%70redict", "http://highway/predict"):
            assert label(connection.send(request(path=path)).receive()) == "a"


def test_a_client_that_offers_http_2_is_answered_over_http_1(port: int) -> None:
    with Connection(port) as connection:
        assert label(connection.send(request(headers={**JSON, **UPGRADE})).receive()) == "a"


@BOTH_PATHS
@pytest.mark.parametrize("size", [1, 40, 10_000])
def test_an_offer_of_http_2_may_arrive_in_pieces_and_be_followed_by_requests(
    port: int, path: str, size: int
) -> None:
    content = request(path=path, headers={**JSON, **UPGRADE}) + request("GET", "/v2", b"", UPGRADE)
    with Connection(port) as connection:
        connection.send(*[content[i : i + size] for i in range(0, len(content), size)])
        assert label(connection.receive()) == "a"
        assert connection.receive().json()["name"] == "highway-networks"
        assert label(connection.send(request()).receive()) == "a"


def test_the_response_to_head_has_no_body(port: int) -> None:
    with Connection(port) as connection:
        response = connection.send(request("HEAD", "/predict", b"", {})).receive(body=False)
        assert (response.status, response.headers["allow"]) == (405, "POST")
        assert label(connection.send(request()).receive()) == "a"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS
        b"hello\r\n\r\n",
        b"POST /predict HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /pr\xe9dict HTTP/1.1\r\n\r\n",
        request(headers={**JSON, "Content-Length": "9" * 5000}),
        request(headers={**JSON, "Content-Length": "-1"}),
        request(headers={**JSON, "Content-Length": "+29"}),
        request(headers={**JSON, "Content-Length": "29, 30"}),
        request(headers={**CHUNKED, "Content-Length": "29"}),
        request(headers={**JSON, "Transfer-Encoding ": "chunked"}),
        request(headers=CHUNKED, body=b"F" * 17 + b"\r\n"),
        request(headers=CHUNKED, body=b"1d\r\n" + ROW + b"xx"),
        request(headers={**JSON, "X-Header": "a\0b"}),
        request(headers={**JSON, "X-Header": "a\rb"}),
        b"POST /predict HTTP/1.1\nHost: highway\n\n",
    ],
)
def test_malformed_http_gets_400_and_does_not_affect_the_next_client(
    port: int, sent: bytes
) -> None:
    with Connection(port) as connection:
        response = connection.send(sent).receive()
        assert (response.status, response.error) == (400, NOT_HTTP)
        assert response.headers["connection"] == "close"
        assert connection.rest() == b""
    with Connection(port) as connection:
        assert label(connection.send(request()).receive()) == "a"


def test_an_idle_connection_is_closed_but_not_one_in_use(classifier: Classifier) -> None:
    with (
        listening(application(classifier), keep_alive_seconds=0.2) as port,
        Connection(port) as connection,
    ):
        began = time.monotonic()
        for _ in range(3):
            assert label(connection.send(request()).receive()) == "a"
            time.sleep(0.12)
        assert connection.rest() == b""
        assert 0.36 < time.monotonic() - began < 2


def test_a_connection_with_a_slow_response_is_not_closed_as_idle(
    blocking: BlockingClassifier,
) -> None:
    with (
        listening(application(blocking), keep_alive_seconds=0.05) as port,
        Connection(port) as connection,
    ):
        assert label(connection.send(request()).receive()) == "a"  # starts the timer
        blocking.block()
        connection.send(request())
        time.sleep(0.12)
        blocking.released.set()
        assert label(connection.receive()) == "a"


def test_a_client_that_stops_reading_gets_its_responses_when_it_reads_again(port: int) -> None:
    count = 60
    long = "x" * 200_000  # more than the system buffers for the client
    tensor = '{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}'
    body = f'{{"id": "{long}", "inputs": [{tensor}]}}'.encode()
    with Connection(port) as connection:
        writer = Thread(target=connection.send, args=[request(path=INFER, body=body)] * count)
        writer.start()
        time.sleep(0.1)
        assert {connection.receive().json()["id"] for _ in range(count)} == {long}
        writer.join()


def test_sixteen_concurrent_clients_each_get_their_own_responses(port: int) -> None:
    def gate_means(number: int) -> list[float]:
        body = b'{"instances": [[%d, 0, 0, 0]]}' % number
        with Connection(port) as connection:
            responses = [connection.send(request(body=body)).receive() for _ in range(10)]
        return [response.json()["predictions"][0]["gate_mean"][0] for response in responses]

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(gate_means, range(-8, 8)))
    assert all(len(set(own)) == 1 for own in results)
    assert [own[0] for own in results] == sorted({own[0] for own in results})


@BOTH_PATHS
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_body_may_be_chunked(port: int, path: str, size: int) -> None:
    chunks = [chunk(ROW[i : i + size]) for i in range(0, len(ROW), size)]
    with Connection(port) as connection:
        connection.send(request(path=path, body=b"", headers=CHUNKED), *chunks, b"0\r\n\r\n")
        assert label(connection.receive()) == "a"
        assert label(connection.send(request()).receive()) == "a"


def test_chunks_may_have_extensions_and_trailers(port: int) -> None:
    with Connection(port) as connection:
        body = b"1d;name=value\r\n" + ROW + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"
        assert label(connection.send(request(body=body, headers=CHUNKED)).receive()) == "a"


@BOTH_PATHS
def test_a_request_may_arrive_byte_by_byte(port: int, path: str) -> None:
    with Connection(port) as connection:
        connection.send(*[bytes([byte]) for byte in request(path=path)])
        assert label(connection.receive()) == "a"


@pytest.mark.parametrize("status", [400, 415])
def test_an_error_of_the_client_does_not_close_the_connection(port: int, status: int) -> None:
    wrong = request(body=b"{}") if status == 400 else request(headers={"Content-Type": "text/x"})
    with Connection(port) as connection:
        assert connection.send(wrong).receive().status == status
        assert label(connection.send(request()).receive()) == "a"


def announced(path: str) -> tuple[bytes, ...]:
    return (request(path=path, body=b" " * (MAX_BODY + 1)),)


def far_too_large(path: str) -> tuple[bytes, ...]:
    return (request(path=path, body=b" " * 4_000_000),)


def streamed(path: str) -> tuple[bytes, ...]:
    return (request(path=path, body=b"", headers=CHUNKED), *[chunk(b" " * 100_000)] * 20)


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi", "/explain", "/v2/repository/index"])
@pytest.mark.parametrize("sent", [announced, far_too_large, streamed])
def test_a_client_that_sends_too_much_can_read_the_error(
    port: int, path: str, sent: Callable[[str], tuple[bytes, ...]]
) -> None:
    with Connection(port) as connection:
        connection.send(*sent(path))  # all of it, before reading the response
        response = connection.receive()
        assert (response.status, response.error) == (413, TOO_LARGE)
    with Connection(port) as connection:
        assert label(connection.send(request()).receive()) == "a"


@EXPECTING
def test_a_body_announced_too_large_is_rejected_before_it_arrives(port: int, path: str) -> None:
    with Connection(port) as connection:
        headers = {**JSON, "Content-Length": str(MAX_BODY + 1)}
        response = connection.send(request(path=path, body=b"", headers=headers)).receive()
        assert (response.status, response.error) == (413, TOO_LARGE)


def test_a_client_that_keeps_sending_too_much_is_disconnected(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "LINGER_SECONDS", 0.05)
    with Connection(port) as connection:
        headers = {**JSON, "Content-Length": str(MAX_BODY + 1)}
        response = connection.send(request(body=b"", headers=headers), b" ").receive()
        assert (response.status, response.headers["connection"]) == (413, "close")
        assert connection.rest() == b""


@BOTH_PATHS
def test_a_body_of_exactly_the_limit_is_read(port: int, path: str) -> None:
    with Connection(port) as connection:
        row = b"[1, 0, 0, 0%b]" % (b" " * 140_000)
        body = b'{"instances": [%b, %b]}' % (row, row)
        content = request(path=path, body=body.ljust(MAX_BODY))
        assert label(connection.send(content).receive()) == "a"


@BOTH_PATHS
def test_a_stopping_server_finishes_pending_requests(
    blocking: BlockingClassifier, path: str
) -> None:
    with (
        running(application(blocking), drain_seconds=5) as (server, port),
        Connection(port) as connection,
    ):
        blocking.block()
        connection.send(request(path=path))
        assert blocking.running.wait(5)
        server.should_exit = True
        time.sleep(0.2)  # uvicorn checks every 0.1 s
        blocking.released.set()
        response = connection.receive()
        assert label(response) == "a"
        assert response.headers["connection"] == "close"
        assert connection.rest() == b""


def test_a_client_that_disconnects_during_its_request_affects_no_other(port: int) -> None:
    content = request()
    for end in (5, 30, len(content) - 1):
        with Connection(port) as connection:
            connection.send(content[:end])
    with Connection(port) as connection:
        assert label(connection.send(content).receive()) == "a"
