"""What holds for all requests: their ids, their deadlines, and who is told of them."""

import itertools
import re
import secrets
from collections.abc import Iterable

from service.errors import BodyError
from service.http.doors import LONGEST_NUMBER, Asked, Headers
from service.http.records import Recorder
from service.inference.question import Question
from service.ledger.tags import TAGS, read_tags

REQUEST_ID = b"x-request-id"
DEADLINE = b"x-deadline-ms"

_GIVEN_ID = re.compile(rb"[!-~]{1,128}")  # what is safe to repeat in a header and in a log


class Reception:
    """Gives ids and deadlines; knows who writes logs, traces and the ledger."""

    def __init__(self, *, deadline_ms: int | None, recorders: Iterable[Recorder] = ()) -> None:
        """Drop questions after `deadline_ms`, unless a request says less; tell the `recorders`."""
        self._deadline_ns = None if deadline_ms is None else deadline_ms * 1_000_000
        self.recorders = tuple(recorders)
        # Unlike a random id for each request this costs nothing; the prefix tells processes apart.
        self._prefix = secrets.token_hex(6).encode()
        self._numbers = itertools.count(1)

    def request_id(self, headers: Headers) -> bytes:
        """Return the id that the client gave, or a new one."""
        given = headers.get(REQUEST_ID)
        if given is not None and _GIVEN_ID.fullmatch(given):
            return given
        return b"%b-%x" % (self._prefix, next(self._numbers))

    def check(self, headers: Headers) -> None:
        """Refuse tags that are none."""
        if TAGS in headers:
            read_tags(headers[TAGS])

    def with_deadline(self, asked: Asked, headers: Headers, arrived_ns: int) -> Question:
        """Return the question with the nearest deadline: the server's, the header's, the body's."""
        deadline_ns = self.deadline_ns(headers, arrived_ns, asked.timeout_us)
        if deadline_ns is None:
            return asked.question
        return asked.question._replace(deadline_ns=deadline_ns)

    def deadline_ns(
        self, headers: Headers, arrived_ns: int, timeout_us: int | None = None
    ) -> int | None:
        """Return when an answer has lost its use, None for never."""
        waits = [] if self._deadline_ns is None else [self._deadline_ns]
        if DEADLINE in headers:
            waits.append(_milliseconds(headers[DEADLINE]) * 1_000_000)
        if timeout_us:
            waits.append(timeout_us * 1000)
        return arrived_ns + min(waits) if waits else None


def _milliseconds(text: bytes) -> int:
    if not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) == 0:
        raise BodyError("X-Deadline-Ms: expected whole milliseconds from 1 on, found another value")
    return int(text)
