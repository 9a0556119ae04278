import asyncio
from typing import Any

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect

from service.http.disconnects import while_connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def request_of(*, disconnects: bool, later: bool = False) -> Request:
    async def receive() -> Any:
        if later:
            await asyncio.sleep(0.01)
        if not disconnects:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


async def test_the_response_of_a_connected_client_is_returned() -> None:
    async def respond() -> bytes:
        await asyncio.sleep(0)
        return b"{}"

    assert await while_connected(request_of(disconnects=False), respond()) == b"{}"


async def test_the_work_for_a_client_that_disconnects_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def respond() -> bytes:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return b""

    with pytest.raises(ClientDisconnect):
        await while_connected(request_of(disconnects=True, later=True), respond())
    await asyncio.wait_for(cancelled.wait(), 1)


async def test_the_work_for_a_client_that_has_disconnected_does_not_begin() -> None:
    begun = False

    async def respond() -> bytes:
        nonlocal begun
        begun = True
        return b""

    with pytest.raises(ClientDisconnect):
        await while_connected(request_of(disconnects=True), respond())
    assert not begun


async def test_an_error_of_the_work_is_raised() -> None:
    async def fail() -> bytes:
        raise ValueError("expected")

    with pytest.raises(ValueError, match="expected"):
        await while_connected(request_of(disconnects=False), fail())
