import asyncio

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.http.bodies import read_json_body
from service.errors import BodyTooLargeError, MediaTypeError


def read(*messages: Message, **headers: str) -> bytes:
    """Read a body that arrives in these messages, at most ten bytes of it."""
    given = {"content-type": "application/json", **headers}
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()]
    arriving = iter(messages)

    async def receive() -> Message:
        return next(arriving)

    return asyncio.run(read_json_body({"type": "http", "headers": raw}, receive, limit=10))


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_is_put_together_from_its_chunks() -> None:
    assert read(chunk(b"0123", more=True), chunk(b"4567", more=True), chunk(b"89")) == b"0123456789"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_media_types_parameters_and_case_do_not_matter(kind: str) -> None:
    assert read(chunk(b"{}"), **{"content-type": kind}) == b"{}"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text/plain", "Content-Type: expected application/json, found another"),
        ("", "Content-Type: expected application/json, found none"),
    ],
)
def test_another_media_type_is_refused_before_the_body_is_read(kind: str, message: str) -> None:
    with pytest.raises(MediaTypeError) as error:
        read(**{"content-type": kind})
    assert str(error.value) == message


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(MediaTypeError) as error:
        read(content_encoding="gzip")
    assert str(error.value) == (
        "Content-Encoding: expected none, found one; send the body as it is"
    )


TOO_LARGE = "body: expected at most 10 bytes, found more; send the rows in several requests"


@pytest.mark.parametrize("length", ["11", "9" * 5000])
def test_a_body_announced_too_long_is_refused_before_it_is_read(length: str) -> None:
    with pytest.raises(BodyTooLargeError) as error:
        read(content_length=length)
    assert str(error.value) == TOO_LARGE


def test_a_body_that_grows_too_long_is_refused_as_soon_as_it_does() -> None:
    with pytest.raises(BodyTooLargeError) as error:
        read(chunk(b"01234", more=True), chunk(b"56789", more=True), chunk(b"x", more=True))
    assert str(error.value) == TOO_LARGE


def test_a_client_that_leaves_in_the_middle_sends_no_body() -> None:
    with pytest.raises(ClientDisconnect):
        read(chunk(b"01", more=True), {"type": "http.disconnect"})
