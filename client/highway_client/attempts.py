"""Requests with retries, as generators that do no input or output.

A generator yields one `Attempt` after another and receives the outcome of each. Both clients run
the same generators; only the sending differs.
"""

import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar

from highway_client.errors import (
    BusyError,
    ClientError,
    DeadlineError,
    OutOfTimeError,
    ResponseError,
    ServerError,
    UnreachableError,
)
from highway_client.json_values import JsonObject

RETRIED = frozenset({429, 503})  # the queue is full; the server starts or stops
FIRST_PAUSE_SECONDS = 0.1  # doubled with every retry
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request; `path` is relative to the server's URL."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP response; the names in `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A request without a response; `reason` is one sentence."""

    reason: str
    timed_out: bool


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A request to send after `after_seconds`, and the maximum time to wait for its response."""

    request: Request
    after_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The maximum number of retries of one call, and its end on the clock of `time.monotonic`."""

    retries: int
    until: float

    def seconds_left(self) -> float:
        """Return the seconds left for the call."""
        return self.until - time.monotonic()


T = TypeVar("T")
Outcome = Response | Lost
Steps = Generator[Attempt, Outcome, T]


def send(request: Request, limit: Limit) -> Steps[Response]:
    """Send with retries until a response has status 200; otherwise raise a `ClientError`.

    Every request of this client can be repeated safely.
    """
    after = 0.0
    for failures in range(1, limit.retries + 2):
        left = limit.seconds_left()
        if left <= after:
            break
        outcome = yield Attempt(request=request, after_seconds=after, timeout_seconds=left - after)
        if isinstance(outcome, Response) and outcome.status == 200:
            return outcome
        after = pause_seconds(outcome, failures)
        if not _is_retried(outcome) or failures > limit.retries or limit.seconds_left() <= after:
            raise _error(outcome)
    raise OutOfTimeError("timeout_seconds: no response within this time; set a larger value")


def pause_seconds(outcome: Outcome, failures: int) -> float:
    """Return the server's `Retry-After` plus a random time, so that clients do not synchronise."""
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
    header = outcome.headers.get("Retry-After", "") if isinstance(outcome, Response) else ""
    return _retry_after_seconds(header) + random.uniform(pause / 2, pause)


def _retry_after_seconds(header: str) -> float:
    """Parse seconds or a date (RFC 9110, section 10.2.3); anything else is 0."""
    if header.isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return 0.0


def _is_retried(outcome: Outcome) -> bool:
    return not outcome.timed_out if isinstance(outcome, Lost) else outcome.status in RETRIED


def _error(outcome: Outcome) -> ClientError:
    if isinstance(outcome, Lost):
        kind = OutOfTimeError if outcome.timed_out else UnreachableError
        return kind(outcome.reason)
    reason = _reason(outcome)
    if outcome.status in RETRIED:
        return BusyError(outcome.status, reason)
    if outcome.status == 504:
        return DeadlineError(outcome.status, reason)
    return ServerError(outcome.status, reason)


def _reason(response: Response) -> str:
    try:
        return JsonObject.parse(response.content).string("error")
    except ResponseError:
        return "no readable error message; check that the URL is that of a model server"
