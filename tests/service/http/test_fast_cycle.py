"""A request and its reply on the wire: whole, in pieces, too long, the last of its connection."""

import time
from collections.abc import Callable

import pytest

from service.http import fast_cycle
from service.http.fast_cycle import written
from service.http.replies import Reply
from tests.service.conftest import application
from tests.service.http.conftest import MAX_BODY
from tests.service.http.talk import BOTH, JSON, ROW, Connection, Held, label, request, running

TOO_LARGE = (
    f"body: expected at most {MAX_BODY} bytes, found more; send the rows in several requests"
)
CHUNKED = {**JSON, "Transfer-Encoding": "chunked"}


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


@BOTH
def test_a_client_that_says_so_is_the_last_on_its_connection(port: int, path: str) -> None:
    with Connection(port) as connection:
        answer = connection.send(
            request(path=path, headers={**JSON, "Connection": "close"})
        ).reply()
        assert label(answer) == "a"
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""


@BOTH
def test_who_waits_with_a_body_too_large_is_not_told_to_continue(port: int, path: str) -> None:
    with Connection(port) as connection:
        headers = {**JSON, "Expect": "100-continue", "Content-Length": str(MAX_BODY + 1)}
        answer = connection.send(request(path=path, body=b"", headers=headers)).reply()
        assert (answer.status, answer.error) == (413, TOO_LARGE)


@BOTH
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_body_may_come_in_chunks(port: int, path: str, size: int) -> None:
    chunks = [chunk(ROW[i : i + size]) for i in range(0, len(ROW), size)]
    with Connection(port) as connection:
        connection.send(request(path=path, body=b"", headers=CHUNKED), *chunks, b"0\r\n\r\n")
        assert label(connection.reply()) == "a"
        assert label(connection.send(request()).reply()) == "a"


def test_chunks_may_have_extensions_and_trailers(port: int) -> None:
    with Connection(port) as connection:
        body = b"1d;name=value\r\n" + ROW + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"
        assert label(connection.send(request(body=body, headers=CHUNKED)).reply()) == "a"


@BOTH
def test_a_request_may_come_byte_by_byte(port: int, path: str) -> None:
    with Connection(port) as connection:
        connection.send(*[bytes([byte]) for byte in request(path=path)])
        assert label(connection.reply()) == "a"


@pytest.mark.parametrize("status", [400, 415])
def test_a_mistake_does_not_end_the_connection(port: int, status: int) -> None:
    wrong = request(body=b"{}") if status == 400 else request(headers={"Content-Type": "text/x"})
    with Connection(port) as connection:
        assert connection.send(wrong).reply().status == status
        assert label(connection.send(request()).reply()) == "a"


def announced(path: str) -> tuple[bytes, ...]:
    return (request(path=path, body=b" " * (MAX_BODY + 1)),)


def far_too_large(path: str) -> tuple[bytes, ...]:
    return (request(path=path, body=b" " * 4_000_000),)


def streamed(path: str) -> tuple[bytes, ...]:
    return (request(path=path, body=b"", headers=CHUNKED), *[chunk(b" " * 100_000)] * 20)


@BOTH
@pytest.mark.parametrize("sent", [announced, far_too_large, streamed])
def test_a_client_that_sends_too_much_can_read_that_it_does(
    port: int, path: str, sent: Callable[[str], tuple[bytes, ...]]
) -> None:
    with Connection(port) as connection:
        connection.send(*sent(path))  # all of it, before a look at the answer
        answer = connection.reply()
        assert (answer.status, answer.error) == (413, TOO_LARGE)
    with Connection(port) as connection:
        assert label(connection.send(request()).reply()) == "a"


@BOTH
def test_a_body_announced_too_large_is_refused_before_it_comes(port: int, path: str) -> None:
    with Connection(port) as connection:
        headers = {**JSON, "Content-Length": str(MAX_BODY + 1)}
        answer = connection.send(request(path=path, body=b"", headers=headers)).reply()
        assert (answer.status, answer.error) == (413, TOO_LARGE)


def test_a_client_that_goes_on_sending_too_much_is_cut_off(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_cycle, "LINGER_SECONDS", 0.05)
    with Connection(port) as connection:
        headers = {**JSON, "Content-Length": str(MAX_BODY + 1)}
        answer = connection.send(request(body=b"", headers=headers), b" ").reply()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert connection.rest() == b""


def test_a_body_of_just_the_limit_is_read(port: int) -> None:
    with Connection(port) as connection:
        assert label(connection.send(request(body=ROW.ljust(MAX_BODY))).reply()) == "a"


@BOTH
def test_a_stop_waits_for_the_request_under_way(held: Held, path: str) -> None:
    with (
        running(application(held), timeout_graceful_shutdown=5) as (server, port),
        Connection(port) as connection,
    ):
        held.hold()
        connection.send(request(path=path))
        assert held.running.wait(5)
        server.should_exit = True
        time.sleep(0.2)  # uvicorn looks every 0.1 s
        held.free.set()
        answer = connection.reply()
        assert label(answer) == "a"
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""


def test_a_client_that_leaves_in_the_middle_of_its_request_harms_nobody(port: int) -> None:
    whole = request()
    for end in (5, 30, len(whole) - 1):
        with Connection(port) as connection:
            connection.send(whole[:end])
    with Connection(port) as connection:
        assert label(connection.send(whole).reply()) == "a"


def test_a_reply_is_written_with_the_servers_headers_before_its_own() -> None:
    reply = Reply(504, ((b"x-request-id", b"7"),), b"{}")
    assert written(reply, [(b"date", b"now")], close=True) == (
        b"HTTP/1.1 504 Gateway Timeout\r\ndate: now\r\nx-request-id: 7\r\nconnection: close\r\n"
        b"content-length: 2\r\n\r\n{}"
    )
