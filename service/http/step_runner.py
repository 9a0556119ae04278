"""Long work on the event loop: done in steps of about a millisecond, with pauses for the others.

A thread would be no help: simdjson and orjson hold the interpreter's lock, and the loop would wait
for it after each of its own turns.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, TypeVar

from service.formats.outline import Steps

TURN_NS = 1_000_000
PAUSES = 2  # turns without long work, while the loop has other work
BUSY_NS = 50_000  # the loop did other work if it took longer to come back

T = TypeVar("T")
Done = Callable[[Any, Exception | None], None]

_log = logging.getLogger(__name__)


class Work:
    """Steps under way; `done` receives their result or their error."""

    __slots__ = ("cancelled", "done", "steps")

    def __init__(self, steps: Steps[Any], done: Done) -> None:
        self.steps = steps
        self.done = done
        self.cancelled = False

    def cancel(self) -> None:
        """Stop the work; `done` is not called."""
        self.cancelled = True
        self.steps.close()
        self.done = _ignore

    def advance(self, until_ns: int) -> bool:
        """Take steps until a time of `perf_counter_ns`; return whether there are more."""
        result, failure = None, None
        try:
            while True:
                next(self.steps)
                if perf_counter_ns() >= until_ns:
                    return True
        except StopIteration as stop:
            result = stop.value
        except Exception as error:
            failure = error
        self.done(result, failure)
        return False


class StepRunner:
    """Takes the steps of all work in turns.

    While the loop has other work as well, it pauses after each turn for twice as long as the turn
    took: long work never takes more than a third of the time.
    """

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()
        self._scheduled = False
        self._turn_ended_ns = 0
        self._turn_ns = 0

    def start(self, steps: Steps[Any], done: Done) -> Work:
        """Start work; `done` is called on the loop, never before this returns."""
        work = Work(steps, done)
        self._waiting.append(work)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)
        return work

    async def run(self, steps: Steps[T]) -> T:
        """Return the result of work or raise its error; if cancelled, stop it."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T, error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        work = self.start(steps, done)
        try:
            return await future
        except asyncio.CancelledError:
            work.cancel()
            raise

    def _next_turn(self) -> None:
        """Take a turn, unless the loop did other work since the last: then pause first."""
        if perf_counter_ns() - self._turn_ended_ns > BUSY_NS:
            asyncio.get_running_loop().call_later(PAUSES * self._turn_ns * 1e-9, self._turn)
        else:
            self._turn()

    def _turn(self) -> None:
        began = perf_counter_ns()
        while self._waiting and self._waiting[0].cancelled:
            self._waiting.popleft()
        if self._waiting:
            work = self._waiting.popleft()
            try:
                if work.advance(began + TURN_NS):
                    self._waiting.append(work)
            except Exception:
                _log.exception("a response could not be sent")
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            self._turn_ended_ns = perf_counter_ns()
            self._turn_ns = self._turn_ended_ns - began
            asyncio.get_running_loop().call_soon(self._next_turn)


def _ignore(_result: Any, _error: Exception | None) -> None:
    """No-op callback."""
