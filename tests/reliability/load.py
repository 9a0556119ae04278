"""Clients in threads: ordinary ones, and those that err, cancel, send slowly, or only read."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from tests.reliability.connection import Connection, LostError
from tests.reliability.traffic import Prepared, choose

MOST_KEPT = 20  # descriptions of failures
REQUESTS_PER_CONNECTION = 500


@dataclass
class Counts:
    """What the clients saw: responses by kind, and descriptions of the first failures."""

    answered: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @property
    def total(self) -> int:
        """The number of responses."""
        return self.answered.total()

    def add(self, kind: str) -> None:
        """Count a response with the expected status and values."""
        with self._lock:
            self.answered[kind] += 1

    def add_wrong(self, kind: str, description: str) -> None:
        """Count a response with an unexpected status or unexpected values."""
        with self._lock:
            self.answered[kind] += 1
            self.wrong += 1
            self._keep(f"{kind}: {description}")

    def add_lost(self, kind: str, error: LostError) -> None:
        """Count a request without a response."""
        with self._lock:
            self.lost += 1
            self._keep(f"{kind}: lost, {error}")

    def _keep(self, description: str) -> None:
        if len(self.failures) < MOST_KEPT:
            self.failures.append(description)


@dataclass
class Client:
    """A closed loop of one client until `stop` is set: it waits for each response."""

    port: int
    counts: Counts
    stop: Event
    chance: random.Random
    pause_seconds: float = 0.0

    def ordinary(self, prepared: Sequence[Prepared]) -> None:
        """Send requests drawn by weight on connections that are kept alive."""
        requests = list(prepared)
        while not self.stop.is_set():
            with suppress(LostError), Connection(self.port) as connection:
                for _ in range(REQUESTS_PER_CONNECTION):
                    if self.stop.is_set() or not self._send(
                        connection, choose(requests, self.chance)
                    ):
                        break
                    self.stop.wait(self.pause_seconds)

    def canceling(self, prepared: Sequence[Prepared]) -> None:
        """Send part of a request, or all of it, and close without reading the response."""
        requests = list(prepared)
        while not self.stop.is_set():
            request = choose(requests, self.chance)
            end = self.chance.choice([len(request.message), len(request.message) // 2, 30])
            with suppress(LostError), Connection(self.port) as connection:
                connection.send(request.message[:end])
                self.stop.wait(self.chance.random() * 0.004)
                self.counts.add("cancelled")
            self.stop.wait(self.pause_seconds)

    def slow(self, prepared: Sequence[Prepared], *, pieces: int = 5) -> None:
        """Send each request in pieces with pauses between them."""
        while not self.stop.is_set():
            request = self.chance.choice(prepared)
            size = len(request.message) // pieces + 1
            with Connection(self.port) as connection:
                try:
                    for start in range(0, len(request.message), size):
                        connection.send(request.message[start : start + size])
                        time.sleep(0.02)
                except LostError as error:
                    self.counts.add_lost("slow", error)
                    continue
                self._receive(connection, request, "slow")

    def _send(self, connection: Connection, request: Prepared) -> bool:
        """Send one request; return whether the connection stays open."""
        try:
            connection.send(request.message)
        except LostError as error:
            self.counts.add_lost(request.kind, error)
            return False
        return self._receive(connection, request, request.kind)

    def _receive(self, connection: Connection, request: Prepared, kind: str) -> bool:
        try:
            response = connection.receive()
        except LostError as error:
            self.counts.add_lost(kind, error)
            return False
        if request.accepts(response):
            self.counts.add(kind)
        elif response.status == 429 and "retry-after" in response.headers:
            self.counts.add("refused")  # the queue is as long as its limit of time
        else:
            first = request.message.split(b"\r\n")[0].decode()
            self.counts.add_wrong(kind, f"{first}: {response.status} {response.body[:120]!r}")
        return not response.closes


@contextmanager
def clients(loops: Sequence[Callable[[], None]], stop: Event) -> Iterator[None]:
    """Run each loop in a thread; at the end set `stop` and wait for them."""
    threads = [Thread(target=loop, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
