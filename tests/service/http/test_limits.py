"""What a connection may do at most; and what it gets of what it asked before it did more."""

import time
from collections.abc import Iterator

import pytest

from service.classifier import Classifier
from service.http.fast_protocol import LARGEST_HEAD
from tests.service.conftest import Recipe, application
from tests.service.http.talk import Connection, label, listening, request

NOT_HTTP = "request: expected HTTP/1.1, found something else"
OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def hurried() -> Iterator[int]:
    """A server that gives a request 0.3 s to arrive, and a connection as long between two."""
    app = application(Classifier(Recipe().build()), receive_seconds=0.3)
    with listening(app, timeout_keep_alive=0.3) as port:
        yield port


def test_a_head_without_an_end_is_refused_and_the_connection_closed(port: int) -> None:
    with Connection(port) as connection:
        connection.send(b"GET /v2 HTTP/1.1\r\n", b"X-A: " + b"a" * (LARGEST_HEAD + 1))
        answer = connection.reply()
        assert answer.status == 431
        assert answer.error == f"headers: expected at most {LARGEST_HEAD} bytes, found more"
        assert connection.rest() == b""


def test_trailers_without_an_end_are_refused_too(port: int) -> None:
    with Connection(port) as connection:
        head = request(headers={**JSON, "Transfer-Encoding": "chunked"}, body=b"")
        # What came in one piece with the end of the head is not counted.
        connection.send(head, b"0\r\n", b"X-A: " + b"a" * 6 * LARGEST_HEAD)
        assert connection.reply().status == 431


def test_a_large_body_is_no_large_head(port: int) -> None:
    row = b'{"instances": [[1, 0, 0, 0]]' + b" " * 3 * LARGEST_HEAD + b"}"
    with Connection(port) as connection:
        assert label(connection.send(request(body=row)).reply()) == "a"


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_trailers_are_no_headers(port: int, path: str) -> None:
    head = request(path=path, headers={**JSON, "Transfer-Encoding": "chunked"}, body=b"")
    body = b'1d\r\n{"instances": [[1, 0, 0, 0]]}\r\n0\r\nX-Request-Id: late\r\n\r\n'
    with Connection(port) as connection:
        answer = connection.send(head + body).reply()
    assert label(answer) == "a"
    assert answer.headers["x-request-id"] != "late"


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_space_behind_a_header_is_no_part_of_it(port: int, path: str) -> None:
    headers = {**JSON, "X-Request-Id": "mine \t", "Content-Encoding": "identity "}
    with Connection(port) as connection:
        answer = connection.send(request(path=path, headers=headers)).reply()
    assert (label(answer), answer.headers["x-request-id"]) == ("a", "mine")


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
@pytest.mark.parametrize("noise", [b"x\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_was_asked_before_is_answered_before_the_rest_is_refused(
    port: int, path: str, noise: bytes
) -> None:
    with Connection(port) as connection:
        connection.send(request(path=path) + noise)
        answer = connection.reply()
        assert label(answer) == "a"
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""


def test_hundreds_of_offers_in_one_piece_are_all_declined(port: int) -> None:
    offer = b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with Connection(port) as connection:
        connection.send(offer * 600)
        assert {connection.reply().status for _ in range(600)} == {200}


def test_an_offer_leaves_the_wish_to_close(port: int) -> None:
    offer = {**OFFER, "Connection": "close, Upgrade, HTTP2-Settings"}
    with Connection(port) as connection:
        answer = connection.send(request(headers={**JSON, **offer})).reply()
        assert (label(answer), answer.headers["connection"]) == ("a", "close")
        assert connection.rest() == b""


def test_an_offer_leaves_the_version(port: int) -> None:
    with Connection(port) as connection:
        connection.send(request(headers={**JSON, **OFFER}, version="1.0"))
        assert label(connection.reply()) == "a"
        assert connection.rest() == b""


def test_after_an_offer_more_may_follow_a_wish_to_close(port: int) -> None:
    with Connection(port) as connection:
        assert label(connection.send(request(headers={**JSON, **OFFER})).reply()) == "a"
        last = request(headers={**JSON, "Connection": "close"})
        assert label(connection.send(last + request("GET", "/v2")).reply()) == "a"


def test_a_refused_expectation_ends_the_connection(port: int) -> None:
    headers = {"Content-Type": "text/plain", "Expect": "100-continue", "Content-Length": "5000"}
    with Connection(port) as connection:
        answer = connection.send(request(headers=headers, body=b"")).reply()
        assert (answer.status, answer.headers["connection"]) == (415, "close")
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
def test_a_request_that_does_not_come_to_its_end_is_refused(hurried: int, part: bytes) -> None:
    with Connection(hurried) as connection:
        answer = connection.send(part).reply()
        assert answer.status == 408
        assert answer.error == "request: expected all of it within 0.3 s, found a part"
        assert connection.rest() == b""


@pytest.mark.parametrize("said", [b"", b"\r\n"])
def test_a_connection_that_asks_nothing_is_closed(hurried: int, said: bytes) -> None:
    with Connection(hurried) as connection:
        assert connection.send(said).rest() == b""


def test_a_connection_that_goes_on_asking_stays(hurried: int) -> None:
    with Connection(hurried) as connection:
        for _ in range(6):
            assert label(connection.send(request()).reply()) == "a"
            time.sleep(0.1)
        assert connection.rest() == b""  # closed once it is idle
