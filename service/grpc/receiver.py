"""Receives the messages of calls, a few at a time, so that they fit the memory for bodies.

The length of a message is unknown until it is complete, so there are as many places as the longest
messages would fit. A slow message is refused while others wait.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

from service.errors import BodyError, DeadlineError, QueueFullError
from service.grpc.library import aio

SLOW_SECONDS = 0.5  # after which a message that is not complete is refused while others wait


class MessageReceiver:
    """Receives messages in the order of their calls, those of callers in turn."""

    def __init__(self, *, places: int, seconds: float) -> None:
        """Receive at most `places` messages at a time, each within some seconds."""
        self._free = places
        self._seconds = seconds
        self._arriving: dict[asyncio.Timeout, float] = {}  # with the time of its start
        # By caller, the next one first: one with many calls does not delay the others.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def receive(self, context: Any, caller: str) -> bytes:
        """Return the bytes of a call's message.

        One that takes too long is a `DeadlineError`, one that is refused a `QueueFullError`.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(caller)
        try:
            return await self._receive(context)
        finally:
            self._admit()

    async def _receive(self, context: Any) -> bytes:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._seconds) as timeout:
                self._arriving[timeout] = began
                body = await context.read()
        except TimeoutError as error:
            if (timeout.when() or 0) < began + self._seconds:  # it was rescheduled
                raise QueueFullError(
                    "body: too slow while other clients wait; retry later", retry_after=1
                ) from error
            raise DeadlineError(
                f"body: expected a complete message within {self._seconds:g} s, found a part"
            ) from error
        finally:
            del self._arriving[timeout]
        if body is aio.EOF:
            raise BodyError("body: expected a message, found none")
        return bytes(body)

    async def _wait(self, caller: str) -> None:
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(caller, deque()).append(place)
        if self._timer is None:
            self._timer = loop.call_later(SLOW_SECONDS, self._end_slowest)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._admit()  # another one
            raise

    def _admit(self) -> None:
        """Give a free place to the next caller that waits."""
        while self._waiting:
            caller = next(iter(self._waiting))
            places = self._waiting.pop(caller)
            place = places.popleft()
            if places:
                self._waiting[caller] = places  # behind the other callers
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    def _end_slowest(self) -> None:
        """End the messages that have been arriving for long, as long as others wait."""
        self._timer = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        for timeout, began in self._arriving.items():
            if now - began >= SLOW_SECONDS:
                with suppress(RuntimeError):  # it expires at this moment
                    timeout.reschedule(now)
        self._timer = loop.call_later(SLOW_SECONDS, self._end_slowest)
