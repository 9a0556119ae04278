"""Clients that note each request once, answered or lost; none is sent a second time."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from tests.reliability.connection import Connection, LostError, Response, encode_request

READY = encode_request("GET", "/v2/health/ready", headers={"Connection": "close"})
PROBE_SECONDS, PROBE_TIMEOUT = 0.05, 1.0
# A balancer that probes every second sends for at most that long after the first failed probe.
REACTION_SECONDS = 0.2


@dataclass(frozen=True)
class Attempt:
    """One request: when it began and ended, on which kind of connection, and how it ended."""

    begun: float
    ended: float
    kept: bool
    sent: bool
    outcome: str  # "right", "wrong: …" or "lost: …"

    @property
    def lost(self) -> bool:
        """Whether no complete response came."""
        return self.outcome.startswith("lost")

    @property
    def wrong(self) -> bool:
        """Whether a response came that is not the expected one."""
        return self.outcome.startswith("wrong")


@dataclass
class Attempts:
    """All requests of some clients, and the time when a readiness probe first failed."""

    made: list[Attempt] = field(default_factory=list)
    not_ready: float | None = None

    @property
    def lost(self) -> list[Attempt]:
        """Requests without a complete response."""
        return [one for one in self.made if one.lost]

    @property
    def wrong(self) -> list[Attempt]:
        """Requests with an unexpected response."""
        return [one for one in self.made if one.wrong]

    def begun_after(self, moment: float) -> "Attempts":
        """Return the requests that began at this moment or later."""
        return Attempts([one for one in self.made if one.begun >= moment], self.not_ready)

    def describe(self) -> str:
        """Count the requests, the wrong ones and the lost ones by reason."""
        reasons: dict[str, int] = {}
        for one in [*self.wrong, *self.lost]:
            key = f"{'kept' if one.kept else 'fresh'} {one.outcome}"
            reasons[key] = reasons.get(key, 0) + 1
        listed = "".join(f"; {count} {reason}" for reason, count in sorted(reasons.items())[:6])
        return f"{len(self.made)} requests, {len(self.wrong)} wrong, {len(self.lost)} lost{listed}"


# What a client compares: None if the response is right, else how it differs.
Check = Callable[[Response], str | None]


@contextmanager
def attempting(
    port: int,
    message: bytes,
    check: Check,
    *,
    kept: int = 4,
    fresh: int = 2,
    heeds_readiness: bool = False,
    timeout: float = 30,
) -> Iterator[Attempts]:
    """Send `message` from several clients while the block runs.

    `kept` clients keep their connection, `fresh` ones open a new one for each request. With
    `heeds_readiness` they stop soon after a readiness probe fails, as behind a balancer.
    """
    attempts, stop = Attempts(), Event()

    def client(keeps: bool) -> None:
        connection: Connection | None = None
        while not stop.is_set():
            connection, attempt = _attempt(port, message, check, connection, keeps, timeout)
            attempts.made.append(attempt)
            if attempt.lost:
                stop.wait(0.01)  # no storm of refused connections
        if connection is not None:
            connection.close()

    def probe() -> None:
        while not stop.wait(PROBE_SECONDS):
            if not _ready(port):
                attempts.not_ready = time.monotonic()
                stop.wait(REACTION_SECONDS)
                stop.set()

    loops: Sequence[Callable[[], None]] = [
        *([lambda: client(True)] * kept),
        *([lambda: client(False)] * fresh),
        *([probe] if heeds_readiness else []),
    ]
    threads = [Thread(target=loop, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield attempts
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout + 5)


def _attempt(
    port: int,
    message: bytes,
    check: Check,
    connection: Connection | None,
    keeps: bool,
    timeout: float,
) -> tuple[Connection | None, Attempt]:
    """Send one request; return the connection if it can be used again."""
    begun, sent = time.monotonic(), False
    try:
        connection = connection or Connection(port, timeout=timeout)
        connection.send(message)
        sent = True
        response = connection.receive()
    except LostError as error:
        if connection is not None:
            connection.close()
        return None, Attempt(begun, time.monotonic(), keeps, sent, f"lost: {error}")
    difference = check(response)
    outcome = "right" if difference is None else f"wrong: {difference}"
    if not keeps or response.closes:
        connection.close()
        connection = None
    return connection, Attempt(begun, time.monotonic(), keeps, sent, outcome)


def _ready(port: int) -> bool:
    try:
        with Connection(port, timeout=PROBE_TIMEOUT) as connection:
            return connection.request(READY).status == 200
    except LostError:
        return False
