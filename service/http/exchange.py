"""One request to a door, from its bytes to its reply; knows no transport."""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter_ns

from service.errors import RequestError
from service.http.doors import Asked, Door, Headers
from service.http.reception import REQUEST_ID, Reception
from service.http.records import Record
from service.http.replies import Reply, reason_of, reply_to
from service.inference.question import Ticket
from service.inference.statistics import Timing

_log = logging.getLogger(__name__)


class Exchange:
    """A request under way: `ask` its question or `fail` it at once; `respond` gets the reply."""

    __slots__ = (
        *("_reception", "_door", "_headers", "_respond", "_id", "_asked", "_ticket", "_timer"),
        *("_arrived_ns", "_decoded_ns"),
    )

    def __init__(
        self, reception: Reception, door: Door, headers: Headers, respond: Callable[[Reply], None]
    ) -> None:
        self._reception = reception
        self._door = door
        self._headers = headers
        self._respond = respond
        self._id = reception.request_id(headers)
        self._asked: Asked | None = None
        self._ticket: Ticket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived_ns = perf_counter_ns()
        self._decoded_ns = 0

    def ask(self, body: bytes) -> None:
        """Read the body and queue its question."""
        try:
            self._reception.check(self._headers)
            self._asked = asked = self._door.read(self._headers, body)
            question = self._reception.with_deadline(asked, self._headers, self._arrived_ns)
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
        # Ticket and transport know this exchange: kept, they would wait for the garbage collector.
        ticket, self._ticket, self._respond = self._ticket, None, _nobody
        ended = perf_counter_ns()
        statistics = self._door.model.statistics
        if timing is not None:
            statistics.answered(timing)
        elif reason is not None:
            statistics.failed(reason, ended - self._arrived_ns, entered=ticket is not None)
        rows = 0 if ticket is None else ticket.size
        for recorder in self._reception.recorders:
            if recorder.wants(status, rows):
                recorder.record(
                    Record(
                        self._door,
                        self._headers,
                        self._id.decode(),
                        status,
                        rows,
                        self._arrived_ns,
                        ended,
                        timing,
                        ticket.question if ticket is not None and timing else None,
                        ticket.outputs if ticket is not None and timing else None,
                    )
                )


def _nobody(_reply: Reply) -> None:
    """Stand for a client that has its reply."""


def _server_timing(timing: Timing) -> bytes:
    """Write the phases in ms, as `Server-Timing` has them, and how many rows ran together."""
    return b"decode;dur=%.3f, queue;dur=%.3f, run;dur=%.3f, encode;dur=%.3f, batch;desc=%d" % (
        timing.decode * 1e-6,
        timing.queue * 1e-6,
        timing.model * 1e-6,
        timing.encode * 1e-6,
        timing.batch_rows,
    )
