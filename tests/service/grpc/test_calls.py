"""Access, addresses and slow messages."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.classifier import Classifier
from service.grpc.calls import address_of
from service.grpc.inference_call import PATH
from service.grpc.library import grpc
from service.grpc.messages import SERVICE
from service.grpc.model_calls import ModelCalls
from service.http.access_rules import RULES
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.lifecycle import Lifecycle
from tests.service.conftest import Recipe, served
from tests.service.grpc.transport import INFER, Caller, calling, request

KEYS = {scope: new_key(scope.value, (scope,)) for scope in Scope}
METHODS = {
    INFER: Scope.PREDICT,
    "ModelReady": Scope.PREDICT,
    "ServerMetadata": Scope.PREDICT,
    "ModelMetadata": Scope.PREDICT,
    "RepositoryIndex": Scope.PREDICT,
    "ModelStatistics": Scope.INSPECT,
    "RepositoryModelLoad": Scope.ADMIN,
    "RepositoryModelUnload": Scope.ADMIN,
}
OPEN = ("ServerLive", "ServerReady", "/grpc.health.v1.Health/Check")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A server with a key for each scope."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("\n".join(key.line for _, key in KEYS.values()))
    with calling(Classifier(Recipe().build()), api_keys=path) as caller:
        yield caller


def test_all_paths_of_the_methods_have_rules(classifier: Classifier) -> None:
    calls = ModelCalls(served(classifier), Lifecycle()).by_method()
    for path in [PATH, *(path for path, _ in calls.values())]:
        assert path.decode().replace("/-", "/{name}") in RULES


@pytest.mark.parametrize("method", METHODS)
def test_a_method_needs_a_key_with_the_scope_of_its_http_path(locked: Caller, method: str) -> None:
    answer = locked.send(method, b"")
    assert answer.code == "UNAUTHENTICATED"
    assert answer.details == (
        "API key: expected one in the header Authorization or X-API-Key, found none"
    )
    for scope, (token, _) in KEYS.items():
        forms: list[dict[str, Any]] = [{"x_api_key": token}, {"authorization": f"Bearer {token}"}]
        for metadata in forms:
            answer = locked.send(method, b"", **metadata)
            if scope is METHODS[method]:
                assert answer.code not in ("UNAUTHENTICATED", "PERMISSION_DENIED")
            else:
                assert answer.code == "PERMISSION_DENIED"
                assert answer.details == (
                    f"API key: expected one with the scope {METHODS[method]} for this path"
                )


@pytest.mark.parametrize("method", OPEN)
def test_health_needs_no_key(locked: Caller, method: str) -> None:
    assert locked.send(method, b"").code == "OK"


def test_a_wrong_key_is_refused_and_many_are_slowed_down(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(KEYS[Scope.PREDICT][1].line)
    with calling(Classifier(Recipe().build()), api_keys=path) as caller:
        codes = [caller.send(INFER, b"", x_api_key="wrong").code for _ in range(40)]
        assert codes[0] == "UNAUTHENTICATED"
        assert codes[-1] == "RESOURCE_EXHAUSTED"
        token = KEYS[Scope.PREDICT][0]
        assert caller.infer(request(), x_api_key=token).code == "OK"


def test_a_page_of_another_origin_is_refused(caller: Caller) -> None:
    answer = caller.infer(request(), origin="https://evil.example")
    assert answer.code == "PERMISSION_DENIED"


def test_a_request_without_rights_is_refused_before_its_message(locked: Caller) -> None:
    call = locked.channel.stream_unary(f"/{SERVICE}/{INFER}")
    never = threading.Event()

    def messages() -> Iterator[bytes]:
        never.wait(5)
        yield b""

    with pytest.raises(grpc.RpcError) as error:
        call(messages(), timeout=4)
    never.set()
    failure: Any = error.value
    assert failure.code().name == "UNAUTHENTICATED"


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
def test_other_methods_take_short_messages_only(caller: Caller, method: str) -> None:
    answer = caller.send(method, b"\x0a\x02\xff\xff")
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.details == "body: expected a message of the method's type, found other bytes"
    answer = caller.send(method, b"x" * 40_000)
    assert (answer.code, answer.details) == (
        "RESOURCE_EXHAUSTED",
        "body: expected at most 32768 bytes, found more",
    )


def test_responses_of_all_methods_have_the_request_id(caller: Caller) -> None:
    answer = caller.send("ServerLive", b"", x_request_id="mine")
    assert answer.metadata["x-request-id"] == "mine"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:50000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:50000", "::1"),
        ("ipv6:[2001:db8::7]:1", "2001:db8::7"),
        ("", ""),
    ],
)
def test_a_peer_is_known_by_its_address(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_bytes_that_are_not_http_2_end_the_connection_only(caller: Caller) -> None:
    host, _, port = caller.channel._channel.target().decode().rpartition(":")
    with socket.create_connection((host.rpartition("/")[2], int(port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        client.settimeout(5)
        while client.recv(65536):
            pass
    assert caller.infer(request()).code == "OK"


def literal(name: bytes, value: bytes) -> bytes:
    """Encode a header without compression."""
    return b"\0%c%b%c%b" % (len(name), name, len(value), value)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    length, number = len(payload).to_bytes(3, "big"), stream.to_bytes(4, "big")
    return b"%b%c%c%b%b" % (length, kind, flags, number, payload)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-tags", b"\xff\xfe"),
        (b"x-\xff", b"1"),
        (b"x-bin", b"!!!"),
        (b"x-request-id", b"\xff"),
        (b"x-deadline-ms", b"\xff"),
        (b"authorization", b"Bearer \xff"),
        (b"grpc-timeout", b"soon"),
    ],
)
def test_malformed_metadata_is_no_fault_of_the_server(
    caller: Caller, caplog: pytest.LogCaptureFixture, header: tuple[bytes, bytes]
) -> None:
    headers = [
        *((b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost")),
        (b":path", f"/{SERVICE}/{INFER}".encode()),
        *((b"content-type", b"application/grpc"), header),
    ]
    body = request().SerializeToString()
    message = b"\0" + len(body).to_bytes(4, "big") + body
    host, _, port = caller.channel._channel.target().decode().rpartition(":")
    with socket.create_connection((host.rpartition("/")[2], int(port))) as client:
        client.settimeout(5)
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        client.sendall(frame(1, 4, 1, b"".join(literal(*one) for one in headers)))
        client.sendall(frame(0, 1, 1, message))
        received = b""
        while b"\0\0\0\x01" not in received:  # a frame of the call
            received += client.recv(65536)
    assert caller.infer(request()).code == "OK"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
