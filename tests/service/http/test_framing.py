"""Bytes that are no proper request: each gets its status, and the server goes on.

After every case the server is live, predicts correctly, and has logged no error.
"""

import itertools
import logging
import socket

import pytest

from service.http.framing import FramingError, check_head
from tests.service.http.hostile_bytes import CASES, CRLF, get
from tests.service.http.transport import JSON, Connection, label, request


def send_and_end(port: int, content: bytes) -> bytes:
    """Send bytes and the end of the sending side; return all that the server sends."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
        except ConnectionError:  # the server has refused it already
            pass
        received = b""
        while piece := client.recv(1 << 20):
            received += piece
        return received


def statuses(received: bytes) -> list[int]:
    """Return the statuses of whole responses; the bytes must be nothing but responses."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        line, *fields = head.split(CRLF)
        assert line.startswith(b"HTTP/1.1 "), line
        headers = dict(field.lower().split(b": ", 1) for field in fields)
        length = int(headers.get(b"content-length", b"0"))
        assert len(received) >= length
        received = received[length:]
        found.append(int(line.split()[1]))
    return found


@pytest.mark.parametrize(("content", "wanted"), CASES)
def test_hostile_bytes(
    port: int, caplog: pytest.LogCaptureFixture, content: bytes, wanted: list[int]
) -> None:
    with caplog.at_level(logging.WARNING):
        found = statuses(send_and_end(port, content))
        with Connection(port) as connection:
            assert (
                connection.send(request("GET", "/v2/health/live", b"", {})).receive().status == 200
            )
            assert label(connection.send(request(headers=JSON)).receive()) == "a"
    if b"Transfer-Encoding: " in content and found == [501]:
        found = [400]  # the coding is not implemented: as right
    assert found == wanted
    assert caplog.records == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"GET / HTTP/2.0\r\n\r\n",
            "request: expected HTTP/1.1 or HTTP/1.0, found another version",
        ),
        (get(b"/" + b"a" * 9000), "target: expected at most 8192 bytes, found more"),
        (get(b"http://h:x/v2"), "target: malformed; expected a path"),
        (get(b"/v2", *[b"a: b"] * 100), "headers: expected at most 100, found more"),
        (
            get(b"/v2", b"Content-Type: a", b"Content-Type: b"),
            "Content-Type: expected one, found several",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", "Host: expected one, found none"),
        (get(b"/v2", b"Host: a"), "Host: expected one, found several"),
        (
            b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
            "Host: expected a host name with an optional port",
        ),
        (
            b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: expected none in HTTP/1.0",
        ),
        (
            get(b"/v2", b"Transfer-Encoding: gzip"),
            "Transfer-Encoding: expected chunked, found another coding",
        ),
        (get(b"/v2", method=b"BREW"), "method: expected GET, HEAD or POST, found another"),
        (get(b"x:1", method=b"CONNECT"), "method: CONNECT is not supported"),
        (b"POST /predict HT", "request: incomplete; the client ended it"),
    ],
)
def test_an_error_says_what_was_expected(port: int, content: bytes, message: str) -> None:
    with Connection(port) as connection:
        connection.send(content).socket.shutdown(socket.SHUT_WR)
        response = connection.receive()
        assert response.error == message
        assert response.headers["connection"] == "close"
        assert response.headers["allow"] == (
            "GET, HEAD, POST" if message.startswith("method") else None
        )


def test_a_length_beside_a_coding_is_rejected_whatever_the_parser_does() -> None:
    headers = {b"host": b"a", b"transfer-encoding": b"chunked", b"content-length": b"1"}
    with pytest.raises(FramingError) as error:
        check_head("1.1", b"/", list(headers.items()), headers)
    assert (error.value.status, error.value.message) == (
        400,
        "Content-Length: expected none beside Transfer-Encoding",
    )


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 238
    names = [getattr(one, "id", "") for one in CASES]
    assert [name for name, group in itertools.groupby(sorted(names)) if len(list(group)) > 1] == []
