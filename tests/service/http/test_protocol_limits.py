"""Limits of a connection: the length of a head, the time to arrive, upgrades and trailers."""

import time
from collections.abc import Iterator

import pytest

from service.classifier import Classifier
from service.http.framing import MAX_HEAD_BYTES
from tests.service.conftest import Recipe, application
from tests.service.http.transport import BOTH_PATHS, JSON, Connection, label, listening, request

UPGRADE = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
CHUNKED = {**JSON, "Transfer-Encoding": "chunked"}


@pytest.fixture(scope="module")
def impatient_port() -> Iterator[int]:
    """A server that gives a request 0.3 s to arrive, and an idle connection as long."""
    app = application(Classifier(Recipe().build()), request_read_seconds=0.3)
    with listening(app, keep_alive_seconds=0.3) as port:
        yield port


def test_a_head_that_is_too_long_is_rejected_and_the_connection_closed(port: int) -> None:
    with Connection(port) as connection:
        connection.send(b"GET /v2 HTTP/1.1\r\n", b"X-A: " + b"a" * (MAX_HEAD_BYTES + 1))
        response = connection.receive()
        assert response.status == 431
        assert response.error == f"headers: expected at most {MAX_HEAD_BYTES} bytes, found more"
        assert connection.rest() == b""


def test_trailers_that_are_too_long_are_rejected(port: int) -> None:
    with Connection(port) as connection:
        # The bytes received together with the end of the head are not counted.
        head = request(headers=CHUNKED, body=b"")
        connection.send(head, b"0\r\n", b"X-A: " + b"a" * 6 * MAX_HEAD_BYTES)
        assert connection.receive().status == 431


def test_a_long_body_does_not_count_as_head(port: int) -> None:
    row = b'{"instances": [[1, 0, 0, 0]]' + b" " * 3 * MAX_HEAD_BYTES + b"}"
    with Connection(port) as connection:
        assert label(connection.send(request(body=row)).receive()) == "a"


@BOTH_PATHS
def test_trailers_are_not_headers(port: int, path: str) -> None:
    head = request(path=path, headers=CHUNKED, body=b"")
    body = b'1d\r\n{"instances": [[1, 0, 0, 0]]}\r\n0\r\nX-Request-Id: late\r\n\r\n'
    with Connection(port) as connection:
        response = connection.send(head + body).receive()
    assert label(response) == "a"
    assert response.headers["x-request-id"] != "late"


@BOTH_PATHS
def test_trailing_whitespace_is_not_part_of_a_header(port: int, path: str) -> None:
    headers = {**JSON, "X-Request-Id": "mine \t", "Content-Encoding": "identity "}
    with Connection(port) as connection:
        response = connection.send(request(path=path, headers=headers)).receive()
    assert (label(response), response.headers["x-request-id"]) == ("a", "mine")


@BOTH_PATHS
@pytest.mark.parametrize(
    ("noise", "status"),
    [(b"x\r\n\r\n", 400), (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405)],
)
def test_complete_requests_are_answered_before_malformed_bytes_get_their_error(
    port: int, path: str, noise: bytes, status: int
) -> None:
    with Connection(port) as connection:
        connection.send(request(path=path) * 3 + noise)
        for _ in range(3):
            response = connection.receive()
            assert label(response) == "a"
            assert response.headers["connection"] is None
        response = connection.receive()
        assert (response.status, response.headers["connection"]) == (status, "close")
        assert connection.rest() == b""


def test_hundreds_of_upgrade_offers_in_one_piece_are_all_declined(port: int) -> None:
    offer = b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with Connection(port) as connection:
        connection.send(offer * 600)
        assert {connection.receive().status for _ in range(600)} == {200}


def test_a_declined_upgrade_keeps_connection_close(port: int) -> None:
    headers = {**JSON, **UPGRADE, "Connection": "close, Upgrade, HTTP2-Settings"}
    with Connection(port) as connection:
        response = connection.send(request(headers=headers)).receive()
        assert (label(response), response.headers["connection"]) == ("a", "close")
        assert connection.rest() == b""


def test_a_declined_upgrade_keeps_the_http_version(port: int) -> None:
    with Connection(port) as connection:
        connection.send(request(headers={**JSON, **UPGRADE}, version="1.0"))
        assert label(connection.receive()) == "a"
        assert connection.rest() == b""


def test_a_request_after_connection_close_is_ignored_after_an_upgrade_too(port: int) -> None:
    with Connection(port) as connection:
        assert label(connection.send(request(headers={**JSON, **UPGRADE})).receive()) == "a"
        last = request(headers={**JSON, "Connection": "close"})
        assert label(connection.send(last + request("GET", "/v2")).receive()) == "a"


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_a_rejected_expectation_closes_the_connection(port: int, path: str) -> None:
    headers = {"Content-Type": "text/plain", "Expect": "100-continue", "Content-Length": "5000"}
    with Connection(port) as connection:
        response = connection.send(request(path=path, headers=headers, body=b"")).receive()
        assert (response.status, response.headers["connection"]) == (415, "close")
        assert connection.rest() == b""


@pytest.mark.parametrize(
    "part",
    [
        b"POST /predict HT",
        b"POST /predict HTTP/1.1\r\nContent-Type: application/json\r\n",
        request(headers={**JSON, "Content-Length": "100"}, body=b"{"),
        request(path="/predict?asgi", headers={**JSON, "Content-Length": "100"}, body=b"{"),
    ],
)
def test_a_request_that_takes_too_long_to_arrive_is_rejected(
    impatient_port: int, part: bytes
) -> None:
    with Connection(impatient_port) as connection:
        response = connection.send(part).receive()
        assert response.status == 408
        assert response.error == "request: incomplete after 0.3 s"
        assert connection.rest() == b""


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_a_connection_without_a_request_is_closed(impatient_port: int, sent: bytes) -> None:
    with Connection(impatient_port) as connection:
        assert connection.send(sent).rest() == b""


def test_a_connection_in_use_stays_open(impatient_port: int) -> None:
    with Connection(impatient_port) as connection:
        for _ in range(6):
            assert label(connection.send(request()).receive()) == "a"
            time.sleep(0.1)
        assert connection.rest() == b""  # closed once it is idle
