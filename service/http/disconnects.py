"""Work that ends when the client disconnects."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive


async def while_connected(request: Request, response: Coroutine[Any, Any, bytes]) -> bytes:
    """Return the body of a response; if the client disconnects before, cancel it.

    For a client that has already disconnected, `response` does not begin.
    """
    disconnect = asyncio.ensure_future(request.receive())
    task: asyncio.Task[bytes] | None = None
    try:
        await asyncio.sleep(0)  # `receive` returns in its first step if the client has disconnected
        if disconnect.done():
            raise ClientDisconnect
        task = asyncio.ensure_future(response)
        if not await _done_before(disconnect, task):
            raise ClientDisconnect
        return task.result()
    finally:
        if task is None:
            response.close()
        else:
            task.cancel()
        await _end(disconnect)


async def done_before_disconnect(future: asyncio.Future[Any], receive: Receive) -> bool:
    """Wait for the response or for the client to disconnect, whichever comes first."""
    disconnect = asyncio.ensure_future(receive())
    try:
        return await _done_before(disconnect, future)
    finally:
        await _end(disconnect)


async def _done_before(disconnect: asyncio.Future[Any], future: asyncio.Future[Any]) -> bool:
    await asyncio.wait({future, disconnect}, return_when=asyncio.FIRST_COMPLETED)
    return future.done()


async def _end(disconnect: asyncio.Future[Any]) -> None:
    disconnect.cancel()
    with suppress(asyncio.CancelledError):
        await disconnect
