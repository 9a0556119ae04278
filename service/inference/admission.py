"""Admission by the load of the event loop, and refusals that slow down their senders."""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter_ns

from service.errors import QueueFullError

_log = logging.getLogger(__name__)

# A refused request waits for an iteration of the event loop. Beyond this length of an iteration,
# the rest of its requests are refused, so that the next one is short.
MAX_ITERATION_NS = 30_000_000
# A stall of the process makes one iteration long, with few requests: that is not saturation.
SATURATING_REQUESTS = 4
# A refused request gets its response after this delay: a client that retries at once would
# otherwise take the processor from those that are served.
REFUSAL_SECONDS = 0.02


class LoopLoad:
    """The load of the event loop by inference requests, measured by its iterations.

    There is no timer: the caller ends an iteration by a callback of the loop.

    An iteration processes what has arrived during the one before. Above capacity, iterations grow;
    a long one makes the loop saturated: in the next ones, requests are refused once
    `MAX_ITERATION_NS` have passed, except those of clients with less than their share.
    """

    def __init__(self, max_iteration_ns: int = MAX_ITERATION_NS) -> None:
        """Refuse requests after `max_iteration_ns` of an iteration, and all after twice that."""
        self._max_iteration_ns = max_iteration_ns
        self.began_ns = 0  # of the iteration: its first request; 0 if there was none
        self._requests = 0  # accepted in this iteration
        self._saturated = False
        self._clients: dict[str, int] = {}  # accepted in this iteration, if saturated

    def begin(self) -> None:
        """Begin an iteration with its first request."""
        self.began_ns = perf_counter_ns()

    def check(self, client: str) -> None:
        """Raise `QueueFullError` if this iteration of the saturated loop is long enough."""
        if self._saturated:
            self._check_share(client)
        self._requests += 1

    def _check_share(self, client: str) -> None:
        clients = self._clients
        accepted = clients.get(client, 0)
        elapsed = perf_counter_ns() - self.began_ns
        if elapsed > self._max_iteration_ns and (
            elapsed > 2 * self._max_iteration_ns or accepted * len(clients) >= self._requests
        ):
            raise QueueFullError("server: busy with other requests; retry later", retry_after=1)
        clients[client] = accepted + 1

    def end(self) -> None:
        """End the iteration, if one has begun."""
        if not self.began_ns:
            return
        elapsed = perf_counter_ns() - self.began_ns
        self._saturated = elapsed > self._max_iteration_ns and self._requests >= SATURATING_REQUESTS
        self.began_ns = self._requests = 0
        if self._clients:
            self._clients.clear()


class Refusals:
    """Responses to refused requests, sent together after a delay; one timer serves all of them."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], object]] = []

    def add(self, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        """Make the call within `REFUSAL_SECONDS`."""
        if not self._calls:
            loop.call_later(REFUSAL_SECONDS, self._send)
        self._calls.append(call)

    def _send(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            try:
                call()
            except Exception:  # of any kind: the others must be sent
                _log.exception("a response could not be sent")
