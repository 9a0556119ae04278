"""Large bodies are read one after another, those of clients in turn.

Many large bodies at once would make each iteration of the event loop long, and would all be read
before the first of them is in the queue, where the others could be refused.
"""

import asyncio
from collections import deque
from collections.abc import Callable

LARGE_BYTES = 262_144  # of a body that waits for its turn: more than one read of the event loop
# A slow sender's turn ends after this time, though its body goes on: it must not stop the others.
TURN_SECONDS = 0.02
REFUSED_SECONDS = 0.02  # from the end of a refused body, which is only discarded, to the next turn

Start = Callable[[], None]


class BodyTurns:
    """The turns of one event loop; `start` is called when a body may be read."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Start]] = {}  # by client; the first one is the next
        self._current: Start | None = None
        self._timer: asyncio.TimerHandle | None = None

    def take(self, loop: asyncio.AbstractEventLoop, client: str, start: Start) -> None:
        """Call `start` now or later; `end` has to follow."""
        self._waiting.setdefault(client, deque()).append(start)
        if self._current is None:
            self._next(loop)

    def end(self, loop: asyncio.AbstractEventLoop, start: Start, *, refused: bool = False) -> None:
        """End the turn of a body that is complete or abandoned."""
        if self._current is not start:  # it was slow, or ends before its turn
            self._forget(start)
            return
        assert self._timer is not None
        self._timer.cancel()
        if refused:
            self._timer = loop.call_later(REFUSED_SECONDS, self._next, loop)
        else:
            self._next(loop)

    def _forget(self, start: Start) -> None:
        for client, waiting in self._waiting.items():
            if start in waiting:
                waiting.remove(start)
                if not waiting:
                    del self._waiting[client]
                return

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._current = None
        if not self._waiting:
            return
        client = next(iter(self._waiting))
        waiting = self._waiting.pop(client)
        start = self._current = waiting.popleft()
        if waiting:
            self._waiting[client] = waiting  # behind the other clients
        self._timer = loop.call_later(TURN_SECONDS, self._next, loop)
        start()
