import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.server.channel import Channel, ChannelClosedError, Message


@asynccontextmanager
async def channels() -> AsyncIterator[tuple[Channel, Channel]]:
    first, second = [await Channel.open(end) for end in socket.socketpair()]
    yield first, second
    for channel in (first, second):
        channel.close()
    await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_messages_arrive_in_order_with_members_and_bytes() -> None:
    async with channels() as (first, second):
        first.send("ping")
        first.send("prepare", b"\n{bytes}" * 1000, artifacts=[["a", 1]])
        assert await second.receive() == Message("ping", {}, b"")
        expected = Message("prepare", {"artifacts": [["a", 1]]}, b"\n{bytes}" * 1000)
        assert await second.receive() == expected
        assert second.received == 2
        second.send("pong")
        assert (await first.receive()).kind == "pong"


@pytest.mark.anyio
async def test_sending_never_waits_for_the_receiver() -> None:
    async with channels() as (first, second):
        content = bytes(20_000_000)
        first.send("prepare", content)
        first.send("commit")
        assert (await second.receive()).content == content
        assert (await second.receive()).kind == "commit"


@pytest.mark.anyio
async def test_the_end_of_the_other_process_is_an_error_for_the_receiver_only() -> None:
    async with channels() as (first, second):
        second.close()
        with pytest.raises(ChannelClosedError):
            await first.receive()
        first.close()
        await asyncio.sleep(0)
        first.send("ping")
