import asyncio

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.errors import BodyTooLargeError
from service.http.bodies import check_length, read_body, too_large

TOO_LARGE = "body: expected at most 10 bytes, found more; send the rows in several requests"


def read(*messages: Message) -> bytes:
    """Read a body that arrives in these messages, at most ten bytes of it."""
    arriving = iter(messages)

    async def receive() -> Message:
        return next(arriving)

    return asyncio.run(read_body(receive, limit=10))


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_is_put_together_from_its_chunks() -> None:
    assert read(chunk(b"0123", more=True), chunk(b"4567", more=True), chunk(b"89")) == b"0123456789"


def test_a_message_without_a_body_is_the_end_of_an_empty_one() -> None:
    assert read({"type": "http.request"}) == b""


@pytest.mark.parametrize("length", [b"11", b"9" * 5000])
def test_a_body_announced_too_long_is_refused(length: bytes) -> None:
    with pytest.raises(BodyTooLargeError) as error:
        check_length({b"content-length": length}, 10)
    assert str(error.value) == TOO_LARGE


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"10"}, {b"content-length": b"-1"}])
def test_a_body_that_is_not_announced_to_be_longer_may_come(headers: dict[bytes, bytes]) -> None:
    check_length(headers, 10)


def test_a_body_that_grows_too_long_is_refused_as_soon_as_it_does() -> None:
    with pytest.raises(BodyTooLargeError) as error:
        read(chunk(b"01234", more=True), chunk(b"567890", more=True))  # no third is asked for
    assert str(error.value) == TOO_LARGE


def test_a_client_that_leaves_in_the_middle_sends_no_body() -> None:
    with pytest.raises(ClientDisconnect):
        read(chunk(b"01", more=True), {"type": "http.disconnect"})


def test_the_message_tells_the_limit() -> None:
    assert str(too_large(10)) == TOO_LARGE
