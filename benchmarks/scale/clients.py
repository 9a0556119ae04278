"""Clients: an open loop of arrivals, and retries of refused requests."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
import simpy
from numpy.typing import NDArray

from benchmarks.scale.replica import Request

Random = np.random.Generator
MAX_BACKOFF_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How a client repeats a refused request: after Retry-After, doubled each time, with jitter.

    The wait is uniform between one and two times that, so that clients do not return together.
    """

    attempts: int = 1  # at most, the first included

    def wait_s(self, attempt: int, retry_after: float, random: Random) -> float:
        """Return the wait after this attempt, counted from 1."""
        doubled = retry_after * 2 ** (attempt - 1)
        return float(min(doubled, MAX_BACKOFF_S) * random.uniform(1, 2))


class Clients:
    """Sends each request at its time, and records the response of its last attempt."""

    def __init__(
        self,
        env: simpy.Environment,
        send: Callable[[Request], None],
        *,
        retries: Retries | None = None,
        seed: int = 0,
    ) -> None:
        self._env = env
        self._send = send
        self._retries = retries or Retries()
        self._random = np.random.default_rng(seed)
        self.sent = 0  # requests
        self.attempts = 0
        self.responses: dict[int, list[tuple[float, float]]] = {}  # status -> (sent, latency)

    def run(self, offsets: Iterable[float]) -> Generator[simpy.Event, object, None]:
        """Send a request at every offset, however late the responses are."""
        env = self._env
        for offset in offsets:
            wait = offset - env.now
            if wait > 0:
                yield env.timeout(wait)
            self.sent += 1
            self.attempts += 1
            self._send(Request(offset))

    def respond(self, request: Request, status: int, at: float, retry_after: float) -> None:
        """Record a response, or repeat the request later."""
        refused = status == HTTPStatus.TOO_MANY_REQUESTS
        if refused and request.attempts < self._retries.attempts:
            wait = self._retries.wait_s(request.attempts, retry_after, self._random)
            self._env.process(self._repeat(request, at + wait - self._env.now))
            return
        self.responses.setdefault(status, []).append((request.sent, at - request.sent))

    def _repeat(self, request: Request, wait: float) -> Generator[simpy.Event, object, None]:
        yield self._env.timeout(wait)
        request.attempts += 1
        self.attempts += 1
        self._send(request)

    def latencies(self, status: int = HTTPStatus.OK) -> NDArray[np.float64]:
        """Return the latencies in seconds of the responses with this status."""
        return np.array([latency for _, latency in self.responses.get(status, [])])

    def count(self, status: int) -> int:
        """Return the number of final responses with this status."""
        return len(self.responses.get(status, []))
