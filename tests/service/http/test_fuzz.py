"""Random and damaged bytes; after them the server still responds."""

import re
import socket
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.http.transport import INFER, ROW, Connection, request

SEEDS = [
    request(),
    request(path="/predict?asgi"),
    request(body=b'{"instances": [[1, 0, 0, 0]], "gate_scale": [{"highway 1": 0.5}]}'),
    request(path="/explain", body=b'{"instance": [1, 0, 0, 0], "gate_units": true}'),
    request(path=INFER, body=b'{"inputs": [{"name": "input", "shape": [1, 4]}]}'),
    request(body=b"1d\r\n" + ROW + b"\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
    request(path=INFER, body=b"\0" * 16, headers={"Inference-Header-Content-Length": "0"}),
    request("GET", "/v2/models/tiny", b"", {}),
    request() + request("GET", "/metrics", b"", {}) + request(version="1.0"),
]
BODIES = [
    ("/predict", ROW),
    ("/predict?asgi", ROW),
    ("/predict", b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0]], "gate_scale": [[0, 1], [1, 10]]}'),
    ("/predict", b'{"instances": [[1, 0, 0, 0]], "usual": true}'),
    ("/explain", b'{"instance": [[1, 0], [0, 0]], "gate_units": true}'),
    ("/explain", b'{"inputs": true, "instance": [[1, 0], [0, 0]]}'),
    ("/what-if", b'{"instance": [1, 0, 0, 0], "gate_scale": [{}, {"highway 1": 0}, [1, 2]]}'),
    (
        INFER,
        b'{"id": "7", "inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": '
        b'[1, 0, 0, 0]}], "outputs": [{"name": "logits", "parameters": {"classification": 2}}]}',
    ),
]
WORDS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r\n\r\n", b"\0", b":", b" ", b"%", b"{", b"[", b'"', b"9" * 300),
        *(b"HTTP/1.1", b"POST ", b"chunked", b"Content-Length: 5\r\n", b"Expect: 100-continue\r\n"),
        *(b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"\xff\xfe", b"-1", b"NaN", b"\xed\xa0\x80"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """Remove pieces of a request, repeat them, or insert others."""
    content = valid
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 20)))
        put = draw(st.one_of(WORDS, st.binary(max_size=8), st.just(content[start:stop] * 2)))
        content = content[:start] + put + content[stop:]
    return content


@st.composite
def damaged_body(draw: st.DrawFn) -> bytes:
    """A valid request with a damaged body."""
    path, body = draw(st.sampled_from(BODIES))
    return request(path=path, body=draw(damaged(body)))


ANYTHING = st.one_of(
    st.sampled_from(SEEDS).flatmap(damaged), damaged_body(), st.binary(max_size=200)
)


def send_and_receive(client: socket.socket, content: bytes) -> bytes:
    """Send the bytes; return what is received until the server waits for more or closes."""
    client.settimeout(0.01)
    received = b""
    # The server may close before all is sent, or wait for more and send nothing.
    with suppress(ConnectionError, TimeoutError):
        client.sendall(content)
        while piece := client.recv(65536):
            received += piece
    return received


@given(ANYTHING)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_bytes_cause_an_internal_error(
    port: int, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    with Connection(port) as connection:
        received = send_and_receive(connection.socket, content)
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", received)
    allowed = (100, 200, 400, 404, 405, 413, 414, 415, 431, 501, 505)
    assert {int(status) for status in statuses} <= {*allowed}
    with Connection(port) as connection:
        assert connection.send(request()).receive().status == 200
    assert [event for event in caplog.records if event.levelname == "ERROR"] == []
