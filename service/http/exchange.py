"""One request to a door, from its bytes to its reply; knows no transport."""

import asyncio
import itertools
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import NamedTuple

from service.errors import BodyError, RequestError
from service.http.doors import LONGEST_NUMBER, Asked, Door, Headers
from service.http.replies import Reply, reason_of, reply_to
from service.inference.question import Question, Ticket
from service.inference.statistics import Timing

REQUEST_ID = b"x-request-id"
DEADLINE = b"x-deadline-ms"

_GIVEN_ID = re.compile(rb"[!-~]{1,128}")  # what is safe to repeat in a header and in a log

_log = logging.getLogger(__name__)


class Record(NamedTuple):
    """What one exchange was, for logs and traces; nothing of its body.

    `timing` is None where there was no answer.
    """

    door: Door
    headers: Headers
    request_id: str
    status: int
    rows: int
    arrived_ns: int
    ended_ns: int
    timing: Timing | None


class Exchanges:
    """Puts requests to their models and gives each its reply."""

    def __init__(
        self, *, deadline_ms: int | None, recorders: Iterable[Callable[[Record], None]] = ()
    ) -> None:
        """Drop questions after `deadline_ms`, unless a request says less; tell the `recorders`."""
        self._deadline_ns = None if deadline_ms is None else deadline_ms * 1_000_000
        self.recorders = tuple(recorders)
        # Unlike a random id for each request this costs nothing; the prefix tells processes apart.
        self._prefix = secrets.token_hex(6).encode()
        self._numbers = itertools.count(1)

    def begin(
        self, door: Door, headers: Headers, body: bytes, respond: Callable[[Reply], None]
    ) -> "Exchange":
        """Read a request and queue its question; `respond` gets the reply, perhaps at once."""
        exchange = Exchange(self, door, headers, respond)
        exchange.ask(body)
        return exchange

    def refuse(
        self, door: Door, headers: Headers, error: Exception, respond: Callable[[Reply], None]
    ) -> None:
        """Reply to a request whose body was not even read."""
        Exchange(self, door, headers, respond).fail(error)

    def request_id(self, headers: Headers) -> bytes:
        """Return the id that the client gave, or a new one."""
        given = headers.get(REQUEST_ID)
        if given is not None and _GIVEN_ID.fullmatch(given):
            return given
        return b"%b-%x" % (self._prefix, next(self._numbers))

    def with_deadline(self, asked: Asked, headers: Headers, arrived_ns: int) -> Question:
        """Return the question with the nearest deadline: the server's, the header's, the body's."""
        waits = [] if self._deadline_ns is None else [self._deadline_ns]
        if DEADLINE in headers:
            waits.append(_milliseconds(headers[DEADLINE]) * 1_000_000)
        if asked.timeout_us:
            waits.append(asked.timeout_us * 1000)
        if not waits:
            return asked.question
        return asked.question._replace(deadline_ns=arrived_ns + min(waits))


class Exchange:
    """A request under way."""

    __slots__ = (
        *("_all", "_door", "_headers", "_respond", "_id", "_asked", "_ticket", "_timer"),
        *("_arrived_ns", "_decoded_ns"),
    )

    def __init__(
        self, exchanges: Exchanges, door: Door, headers: Headers, respond: Callable[[Reply], None]
    ) -> None:
        self._all = exchanges
        self._door = door
        self._headers = headers
        self._respond = respond
        self._id = exchanges.request_id(headers)
        self._asked: Asked | None = None
        self._ticket: Ticket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived_ns = perf_counter_ns()
        self._decoded_ns = 0

    def ask(self, body: bytes) -> None:
        """Read the body and queue its question."""
        try:
            self._asked = asked = self._door.read(self._headers, body)
            question = self._all.with_deadline(asked, self._headers, self._arrived_ns)
            self._decoded_ns = perf_counter_ns()
            model = self._door.model
            self._ticket = model.engine.submit(question, self._over)
            model.statistics.entered()
            if question.deadline_ns is not None:
                wait = (question.deadline_ns - self._decoded_ns) * 1e-9
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait, model.engine.expire, self._ticket)
        except Exception as error:
            self.fail(error)

    def leave(self) -> None:
        """Drop the question: the client has gone."""
        if self._ticket is not None:
            self._door.model.engine.give_up(self._ticket)
            self._end(499, None, "client_left")

    def fail(self, error: Exception) -> None:
        """Reply with an error."""
        if not isinstance(error, RequestError):
            _log.error("request %s failed", self._id.decode(), exc_info=error)
        reply = reply_to(error)
        headers = (*reply.headers, (REQUEST_ID, self._id))
        self._respond(reply._replace(headers=headers))
        self._end(reply.status, None, reason_of(error))

    def _over(self, ticket: Ticket) -> None:
        if ticket.error is not None:
            self.fail(ticket.error)
            return
        assert self._asked is not None
        assert ticket.outputs is not None
        began = perf_counter_ns()
        try:
            content = self._asked.write(ticket.outputs)
        except Exception as error:
            self.fail(error)
            return
        ended = perf_counter_ns()
        timing = Timing(
            decode=self._decoded_ns - self._arrived_ns,
            queue=ticket.began_ns - ticket.queued_ns,
            model=ticket.run_ns,
            encode=ended - began,
            total=ended - self._arrived_ns,
            batch_rows=ticket.run_rows,
        )
        headers = (
            *content.headers,
            (REQUEST_ID, self._id),
            (b"server-timing", _server_timing(timing)),
        )
        self._respond(Reply(200, headers, content.body))
        self._end(200, timing, None)

    def _end(self, status: int, timing: Timing | None, reason: str | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        ended = perf_counter_ns()
        statistics = self._door.model.statistics
        if timing is not None:
            statistics.answered(timing)
        elif reason is not None:
            entered = self._ticket is not None
            statistics.failed(reason, ended - self._arrived_ns, entered=entered)
        for recorder in self._all.recorders:
            recorder(
                Record(
                    self._door,
                    self._headers,
                    self._id.decode(),
                    status,
                    self._ticket.size if self._ticket else 0,
                    self._arrived_ns,
                    ended,
                    timing,
                )
            )


def _milliseconds(text: bytes) -> int:
    if not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) == 0:
        raise BodyError("X-Deadline-Ms: expected whole milliseconds from 1 on, found another value")
    return int(text)


def _server_timing(timing: Timing) -> bytes:
    """Write the phases in ms, as `Server-Timing` has them, and how many rows ran together."""
    return b"decode;dur=%.3f, queue;dur=%.3f, run;dur=%.3f, encode;dur=%.3f, batch;desc=%d" % (
        timing.decode * 1e-6,
        timing.queue * 1e-6,
        timing.model * 1e-6,
        timing.encode * 1e-6,
        timing.batch_rows,
    )
