import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from service.errors import BodyTooLargeError
from service.http.body_limit import BodyLimitMiddleware, JsonBody, OptionalJsonBody, body_too_large
from service.http.error_responses import add_error_handlers
from tests.service.http.transport import JSON

TOO_LARGE = "body: expected at most 10 bytes, found more; send the rows in several requests"


async def read_all(_scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads its body and echoes it."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def read_nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 415, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def run(
    app: object, *messages: Message, headers: dict[bytes, bytes] | None = None
) -> list[Message]:
    """Run an application behind a limit of ten bytes; return what it sends."""
    arriving = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(arriving)

    async def send(message: Message) -> None:
        sent.append(message)

    limited = BodyLimitMiddleware(app, max_bytes=10)  # type: ignore[arg-type]
    scope = {"type": "http", "headers": list((headers or {}).items())}
    asyncio.run(limited(scope, receive, send))
    return sent


def test_the_application_receives_the_whole_body() -> None:
    parts = (chunk(b"0123", more=True), chunk(b"4567", more=True), chunk(b"89"))
    assert run(read_all, *parts)[1]["body"] == b"0123456789"


def test_a_message_without_a_body_ends_the_body() -> None:
    assert run(read_all, {"type": "http.request"})[1]["body"] == b""


def test_no_chunk_is_received_after_the_limit() -> None:
    with pytest.raises(BodyTooLargeError):
        run(read_all, chunk(b"01234", more=True), chunk(b"567890", more=True))


@pytest.mark.parametrize("length", [b"11", b"9" * 5000])
def test_nothing_is_received_of_a_body_announced_too_long(length: bytes) -> None:
    with pytest.raises(BodyTooLargeError) as error:
        run(read_all, headers={b"content-length": length})
    assert str(error.value) == str(body_too_large(10)) == TOO_LARGE


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"10"}, {b"content-length": b"-1"}])
def test_a_body_that_is_not_announced_too_long_is_received(headers: dict[bytes, bytes]) -> None:
    assert run(read_all, chunk(b"0123456789"), headers=headers)[1]["body"] == b"0123456789"


def test_an_application_that_reads_no_body_is_not_limited() -> None:
    (start, _) = run(read_nothing, headers={b"content-length": b"11"})
    assert (start["status"], start["headers"]) == (415, [])


@pytest.mark.parametrize(
    ("app", "headers"),
    [(read_nothing, [(b"connection", b"close")]), (read_all, [])],
)
def test_an_expected_body_that_was_not_read_closes_the_connection(
    app: object, headers: list[tuple[bytes, bytes]]
) -> None:
    (start, _) = run(app, chunk(b"0"), headers={b"expect": b"100-continue"})
    assert start["headers"] == headers


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.add_middleware(BodyLimitMiddleware, max_bytes=10)
    add_error_handlers(app)

    @app.post("/required")
    async def required(body: JsonBody) -> str:
        return body.decode()

    @app.post("/optional")
    async def optional(body: OptionalJsonBody) -> str:
        return body.decode()

    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/required", "/optional"])
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"[1, NaN]", 200),  # not parsed here
        ("application/json; charset=utf-8", b"{}", 200),
        ("text/plain", b"{}", 415),
        ("application/json", b"[" * 11, 413),
    ],
)
def test_a_body_must_be_declared_as_json_and_within_the_limit(
    client: TestClient, path: str, content_type: str, body: bytes, status: int
) -> None:
    response = client.post(path, content=body, headers={"Content-Type": content_type})
    assert response.status_code == status
    if status == 200:
        assert response.json() == body.decode()


def test_only_an_optional_body_may_be_missing(client: TestClient) -> None:
    assert client.post("/optional").json() == "{}"
    assert client.post("/required").status_code == 415
    assert client.post("/required", headers=JSON).json() == ""
