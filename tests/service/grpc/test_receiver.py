"""Messages are received a few at a time, and slow ones are refused while others wait."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from service.classifier import Classifier
from service.errors import QueueFullError
from service.grpc.library import grpc
from service.grpc.messages import SERVICE
from service.grpc.receiver import MessageReceiver
from tests.service.conftest import Recipe
from tests.service.grpc.transport import INFER, calling, request
from tests.service.http.transport import until


class Messages:
    """The messages of a call: one that arrives when the test says so."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.started = False

    async def read(self) -> bytes:
        self.started = True
        await self.arrived.wait()
        return b"message"


async def settle() -> None:
    """Let all tasks go on until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_messages_wait_for_a_place_in_the_order_of_their_calls() -> None:
    async def run() -> None:
        receiver = MessageReceiver(places=2, seconds=5)
        calls = [Messages() for _ in range(5)]
        tasks = [asyncio.create_task(receiver.receive(call, "a")) for call in calls]
        await settle()
        assert [call.started for call in calls] == [True, True, False, False, False]
        calls[1].arrived.set()
        await settle()
        assert tasks[1].result() == b"message"
        assert [call.started for call in calls] == [True, True, True, False, False]
        tasks[3].cancel()
        tasks[0].cancel()
        await settle()
        assert [call.started for call in calls] == [True, True, True, False, True]
        for call in calls:
            call.arrived.set()
        assert await tasks[2] == await tasks[4] == b"message"

    asyncio.run(run())


def test_a_cancelled_call_gives_its_place_to_the_next() -> None:
    async def run() -> None:
        receiver = MessageReceiver(places=1, seconds=5)
        calls = [Messages() for _ in range(3)]
        tasks = [asyncio.create_task(receiver.receive(call, "a")) for call in calls]
        await settle()
        calls[0].arrived.set()
        await asyncio.sleep(0)  # the second has its place, and does not know it yet
        tasks[1].cancel()
        calls[2].arrived.set()
        assert await asyncio.wait_for(tasks[2], 2) == b"message"

    asyncio.run(run())


def test_without_a_slow_message_all_that_wait_have_time() -> None:
    async def run() -> None:
        receiver = MessageReceiver(places=1, seconds=5)
        slow, waiting = Messages(), Messages()
        first = asyncio.create_task(receiver.receive(slow, "a"))
        await settle()
        second = asyncio.create_task(receiver.receive(waiting, "a"))
        await settle()
        slow.arrived.set()
        waiting.arrived.set()
        assert await first == await second == b"message"
        await asyncio.sleep(0.6)  # the timer finds none
        third = asyncio.create_task(receiver.receive(slow, "a"))
        assert await third == b"message"

    asyncio.run(run())


def test_a_message_that_is_refused_is_an_error() -> None:
    async def run() -> None:
        receiver = MessageReceiver(places=1, seconds=5)
        first = asyncio.create_task(receiver.receive(Messages(), "a"))
        await settle()
        waiting = Messages()
        waiting.arrived.set()
        assert await receiver.receive(waiting, "a") == b"message"
        with pytest.raises(QueueFullError):
            await first

    asyncio.run(run())


def test_a_slow_message_is_refused_while_others_wait() -> None:
    never = threading.Event()

    def messages() -> Iterator[bytes]:
        never.wait(5)
        yield b""

    limits = {"max_body_bytes": 1000, "max_inflight_bytes": 2000}
    with calling(Classifier(Recipe().build()), **limits) as caller:  # two at a time
        call = caller.channel.stream_unary(f"/{SERVICE}/{INFER}")
        slow = [call.future(messages(), timeout=5) for _ in range(2)]
        until(lambda: caller.infer(request(), timeout=0.05).code == "DEADLINE_EXCEEDED")
        assert caller.infer(request()).code == "OK"  # after half a second
        never.set()
        for future in slow:
            assert future.code().name == "RESOURCE_EXHAUSTED"
            assert future.details() == "body: too slow while other clients wait; retry later"


def test_a_message_that_does_not_arrive_in_time_is_refused() -> None:
    never = threading.Event()

    def messages() -> Iterator[bytes]:
        never.wait(5)
        yield b""

    with calling(Classifier(Recipe().build()), request_read_seconds=0.2) as caller:
        call = caller.channel.stream_unary(f"/{SERVICE}/{INFER}")
        with pytest.raises(grpc.RpcError) as error:
            call(messages(), timeout=4)
        never.set()
        failure: Any = error.value
        assert failure.code().name == "DEADLINE_EXCEEDED"
        assert failure.details() == ("body: expected a complete message within 0.2 s, found a part")
        assert caller.infer(request()).code == "OK"


def test_callers_that_wait_get_a_place_in_turn() -> None:
    async def run() -> list[str]:
        receiver = MessageReceiver(places=1, seconds=5)
        order: list[str] = []
        calls = [(caller, Messages()) for caller in ("first", *["greedy"] * 3, "small")]

        async def receive(caller: str, call: Messages) -> None:
            await receiver.receive(call, caller)
            order.append(caller)

        tasks = [asyncio.create_task(receive(*call)) for call in calls]
        await asyncio.sleep(0)
        for _, call in calls:
            call.arrived.set()
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(run()) == ["first", "greedy", "small", "greedy", "greedy"]
