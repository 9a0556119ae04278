"""A request and its tries, without sockets: what to send and how long to wait before it.

A generator gives one `Try` after another and is sent the outcome of each, so that a client of
threads and one of coroutines share all of it.
"""

import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from service.client.errors import (
    BusyError,
    ClientError,
    DeadlineError,
    OutOfTimeError,
    ServerError,
    UnreachableError,
)

TRIED_AGAIN = frozenset({429, 503})  # the queue is full; not ready, or about to stop
FIRST_PAUSE_SECONDS = 0.1  # doubled with every further try
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request; `path` is below the server's URL."""

    method: Literal["GET", "POST"]
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back; `headers` looks names up whatever their case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Lost:
    """No reply, and the sentence that says why."""

    sentence: str
    timed_out: bool


@dataclass(frozen=True, kw_only=True)
class Try:
    """What to do next: sleep, then send and wait no longer than the timeout for the network."""

    request: Request
    after_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How often one call may try again, and until when by `time.monotonic`."""

    retries: int
    until: float

    def left(self) -> float:
        """Return the seconds that the call still has."""
        return self.until - time.monotonic()


T = TypeVar("T")
Outcome = Reply | Lost
Steps = Generator[Try, Outcome, T]


def exchange(request: Request, limit: Limit) -> Steps[Reply]:
    """Try until there is a reply of status 200; any other end is an error.

    Every request of this client may be sent twice, for a prediction changes nothing.
    """
    after = 0.0
    for failures in range(1, limit.retries + 2):
        left = limit.left()
        if left <= after:
            break
        outcome = yield Try(request=request, after_seconds=after, timeout_seconds=left - after)
        if isinstance(outcome, Reply) and outcome.status == 200:
            return outcome
        after = pause_seconds(outcome, failures)
        if not _worthwhile(outcome) or failures > limit.retries or limit.left() <= after:
            raise _failure(outcome)
    raise OutOfTimeError("timeout_seconds: expected an answer before they passed, found none yet")


def pause_seconds(outcome: Outcome, failures: int) -> float:
    """Return what the server asked for, and something by chance lest all come back at once."""
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
    asked = outcome.headers.get("Retry-After", "") if isinstance(outcome, Reply) else ""
    return _retry_after_seconds(asked) + random.uniform(pause / 2, pause)


def _retry_after_seconds(text: str) -> float:
    """Read seconds or a date, as RFC 9110 has it; anything else asks for nothing."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _worthwhile(outcome: Outcome) -> bool:
    return not outcome.timed_out if isinstance(outcome, Lost) else outcome.status in TRIED_AGAIN


def _failure(outcome: Outcome) -> ClientError:
    if isinstance(outcome, Lost):
        kind = OutOfTimeError if outcome.timed_out else UnreachableError
        return kind(outcome.sentence)
    sentence = _sentence(outcome)
    if outcome.status in TRIED_AGAIN:
        return BusyError(outcome.status, sentence)
    if outcome.status == 504:
        return DeadlineError(outcome.status, sentence)
    return ServerError(outcome.status, sentence)


class _Error(BaseModel):
    error: str


def _sentence(reply: Reply) -> str:
    try:
        return _Error.model_validate_json(reply.content).error
    except ValidationError:
        return "it gave no reason that this client can read; is the URL that of a model server?"
