"""What nginx itself refuses gets a status and one sentence in JSON, as from the server."""

import http.client
import json
from pathlib import Path

import pytest

from tests.deploy.conftest import Replicas
from tests.deploy.proxy import Proxy, open_connection, proxying

MALFORMED = "request: expected valid HTTP with lines of at most 8 KiB"
UNSUPPORTED = "request: method or transfer encoding is not supported"
SMUGGLED = (
    b"POST /highway/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: %b\r\n%b\r\n0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("request_bytes", "status", "error"),
    [
        (b"GARBAGE\r\n\r\n", 400, MALFORMED),
        (b"GET /highway/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, MALFORMED),
        (b"GET /highway/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, MALFORMED),
        (b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 9000), 414, MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"a" * 9000), 431, MALFORMED),
        (b"TRACE /highway/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, UNSUPPORTED),
        (SMUGGLED % (b"chunked", b"Content-Length: 5\r\n"), 400, MALFORMED),
        (SMUGGLED % (b"xchunked", b""), 501, UNSUPPORTED),
    ],
)
def test_a_refusal_of_the_proxy_is_one_sentence_in_json(
    proxy: Proxy, request_bytes: bytes, status: int, error: str
) -> None:
    with open_connection(proxy, "127.0.0.1") as connection:
        connection.sendall(request_bytes)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert (response.status, json.load(response)) == (status, {"error": error})


def test_without_room_for_bodies_the_proxy_says_when_to_retry(
    replicas: Replicas, secrets: Path, tmp_path: Path
) -> None:
    with proxying(tmp_path / "nginx", secrets, *replicas.ports) as proxy:
        room = proxy.folder / "client_body"
        room.rmdir()
        room.touch()
        response = proxy.send("POST", "/highway/predict", b"[" * 2**20)
    assert response.status == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["error"].startswith("the proxy cannot take the request now")
