"""Request ids, deadlines and observers: the rules that apply to every inference request."""

import itertools
import re
import secrets
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Annotated

from fastapi import Depends, Request

from service.errors import BodyError
from service.http.endpoints import LONGEST_NUMBER, Headers
from service.http.step_runner import StepRunner
from service.ledger.tags import TAGS, read_tags
from service.observers import RequestObserver

REQUEST_ID = b"x-request-id"
DEADLINE = b"x-deadline-ms"

_GIVEN_ID = re.compile(rb"[!-~]{1,128}")  # safe to repeat in a header and in a log


async def request_headers(request: Request) -> Headers:
    """Return the headers, names in lower case."""
    return dict(request.scope["headers"])


RequestHeaders = Annotated[Headers, Depends(request_headers)]


class RequestPolicy:
    """Assigns request ids and deadlines; holds the observers and the runner of long work."""

    def __init__(
        self, *, deadline_ms: int | None, observers: Iterable[RequestObserver] = ()
    ) -> None:
        """Limit each request to `deadline_ms`, None for no limit; a request may set a lower one."""
        self._deadline_ns = None if deadline_ms is None else deadline_ms * 1_000_000
        self.observers = tuple(observers)
        self.runner = StepRunner()
        # A counter is faster than a random id for each request; the prefix identifies a process.
        self._prefix = secrets.token_hex(6).encode()
        self._numbers = itertools.count(1)

    def request_id(self, headers: Headers) -> bytes:
        """Return the client's request id if it is valid, else a new one."""
        given = headers.get(REQUEST_ID)
        if given is not None and _GIVEN_ID.fullmatch(given):
            return given
        return b"%b-%x" % (self._prefix, next(self._numbers))

    def check(self, headers: Headers) -> None:
        """Reject malformed tags."""
        if TAGS in headers:
            read_tags(headers[TAGS])

    def deadline_ns(
        self, headers: Headers, arrived_ns: int, timeout_us: int | None = None
    ) -> int | None:
        """Return the earliest deadline of server, header and body, None if there is none.

        It is on the clock of `arrived_ns`.
        """
        timeout_ns = self._deadline_ns
        if DEADLINE in headers or timeout_us:
            timeouts = [] if timeout_ns is None else [timeout_ns]
            if DEADLINE in headers:
                timeouts.append(_milliseconds(headers[DEADLINE]) * 1_000_000)
            if timeout_us:
                timeouts.append(timeout_us * 1000)
            timeout_ns = min(timeouts)
        return None if timeout_ns is None else arrived_ns + timeout_ns

    async def checked_id(self, headers: RequestHeaders) -> bytes:
        """Reject malformed tags; return the request's id. A dependency of FastAPI routes."""
        self.check(headers)
        return self.request_id(headers)

    async def deadline(self, headers: RequestHeaders) -> int | None:
        """Return the deadline of a request that arrives now. A dependency of FastAPI routes."""
        return self.deadline_ns(headers, perf_counter_ns())


def _milliseconds(text: bytes) -> int:
    if not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) == 0:
        raise BodyError("X-Deadline-Ms: expected a positive integer of milliseconds")
    return int(text)
