"""One replica: an event loop and an inference thread on one or more processors.

Requests wait in the service's own `RowQueue` with its `Pace`, on simulated time: batches, turns,
bounds in rows and milliseconds, and deadlines are those of the service, not a copy of them. What is
modelled here is the time that passes, and the order of an iteration of the event loop.
"""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http import HTTPStatus

import numpy as np
import simpy

from benchmarks.scale.loop_load import SimulatedLoopLoad
from benchmarks.scale.processor_share import ConstantShare, Share
from benchmarks.scale.service_times import Times
from service.errors import QueueFullError
from service.inference.admission import REFUSAL_SECONDS
from service.inference.engine import MAX_LOOP_NS, MEASURED_ROWS
from service.inference.queue import InferenceRequest, Part, PendingRequest, RowQueue

LEAST_WORK = 1e-9  # seconds: below it, what is left of a batch is an error of rounding
NO_OUTPUTS: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Settings of the service with their defaults; `cores` of the replica.

    `share` is how much of its processors the replica gets over time, by default all.
    """

    max_batch_rows: int = 512
    max_queue_rows: int = 4096
    max_queue_ms: float = 250
    deadline_ms: float | None = None
    cores: int = 1
    share: Share = field(default_factory=ConstantShare)
    loop_admission: bool = True  # refuse when iterations of the event loop are long
    calibrated: bool = True  # estimate the wait from measured batches


class Request:
    """A simulated request: when its first attempt was sent, and its end."""

    __slots__ = ("attempts", "sent")

    def __init__(self, sent: float) -> None:
        self.sent = sent
        self.attempts = 1


# (request, status, time of the response, Retry-After in seconds)
Respond = Callable[[Request, int, float, float], None]


class Replica:
    """A server process; `arrive` is called with requests, `respond` with their responses."""

    def __init__(
        self, env: simpy.Environment, times: Times, limits: Limits, respond: Respond
    ) -> None:
        self._env = env
        self._times = times
        self._limits = limits
        self._share = limits.share
        self._respond = respond
        self._rows = np.empty((times.rows, 0), np.float32)
        self._load = SimulatedLoopLoad()
        self.queue = RowQueue(
            capacity=limits.max_queue_rows,
            max_batch_rows=limits.max_batch_rows,
            max_wait_ns=int(limits.max_queue_ms * 1e6),
        )
        if limits.calibrated:
            most = min(limits.max_batch_rows, MEASURED_ROWS)
            # A server that has run for some time knows its pace on a processor that others use too.
            speed = limits.share.speed
            one, many = (int(times.batch_s(rows) * 1e9 / speed) for rows in (1, most))
            self.queue.pace.calibrate(one, many, most)
        self._inbox: list[Request] = []  # in the sockets
        self._inside: dict[PendingRequest, Request] = {}
        self._idle: simpy.Event | None = None  # the loop waits for it
        self._batch: tuple[list[Part], int] | None = None  # on the thread
        self._computed = False
        self._left = 0.0  # work of the thread's batch
        self._batch_began = self._batch_ended = 0.0
        self._ended_ns = 0
        self._iteration_began = self._thread_first = 0.0
        self._refusals_at = -1.0
        self.busy = 0.0  # seconds of work
        self.batches: Counter[int] = Counter()  # by rows
        self.counts: Counter[int] = Counter()  # responses by status
        self.arrived = 0
        env.process(self._run())

    @property
    def pending(self) -> int:
        """Requests in the sockets, in the queue and in batches."""
        return len(self._inbox) + len(self._inside)

    def arrive(self, request: Request) -> None:
        """Accept a request from its connection."""
        self.arrived += 1
        self._inbox.append(request)
        if self._idle is not None and not self._idle.triggered:
            self._idle.succeed()

    def _run(self) -> Generator[simpy.Event, object, None]:
        env = self._env
        while True:
            if not self._inbox and not self._computed and not self._can_start:
                self._idle = env.event()
                began = env.now
                if self._batch is None:
                    yield self._idle
                else:  # the thread has the processors to itself
                    ends = self._share.end(began, self._left)
                    yield self._idle | env.timeout(ends - began)
                    done = self._left if env.now >= ends else self._share.work(began, env.now)
                    self._advance_thread(done, env.now)
                self._idle = None
            yield env.timeout(self._iterate())

    @property
    def _can_start(self) -> bool:
        return self._batch is None and self.queue.clients > 0

    def _iterate(self) -> float:
        """Run an iteration of the loop at once; return the seconds that it takes."""
        self._iteration_began = self._env.now
        running = self._batch is not None and not self._computed
        shares = running and self._limits.cores == 1
        self._thread_first = self._left if shares else 0.0
        work = self._read()
        work = self._next_batch(work)
        ended = self._at(work)
        elapsed = ended - self._iteration_began
        if running:
            done = min(self._left, work) if shares else self._share.work(self._env.now, ended)
            self._advance_thread(done, ended)
        self.busy += work
        return elapsed

    def _at(self, work: float) -> float:
        """Return the time at which the loop has done this work in the iteration.

        On one processor, loop and thread get equal shares of it while both have work.
        """
        return self._share.end(self._iteration_began, work + min(work, self._thread_first))

    def _advance_thread(self, work: float, now: float) -> None:
        self._left -= work
        if self._left <= LEAST_WORK:
            self._left, self._computed, self._batch_ended = 0.0, True, now

    def _read(self) -> float:
        """Read what has arrived: refuse it, or put it into the queue; return the work."""
        times, inbox = self._times, self._inbox
        self._inbox = []
        work = 0.0
        for request in inbox:
            now = self._at(work)
            try:
                self._check_room(now)
                work += times.before_s
                self._put(request, self._at(work))
            except QueueFullError as error:
                work += times.refusal_s
                self._refuse(request, self._at(work), error.retry_after)
        return work

    def _refuse(self, request: Request, at: float, retry_after: float) -> None:
        """Respond with the other refusals of 20 ms: one timer serves all of them."""
        if at > self._refusals_at:
            self._refusals_at = at + REFUSAL_SECONDS
        self._end(request, HTTPStatus.TOO_MANY_REQUESTS, self._refusals_at, retry_after)

    def _check_room(self, now: float) -> None:
        if self._limits.loop_admission and self._load.refuses(now):
            raise QueueFullError("server: busy with other requests; retry later", retry_after=1)
        if self.queue.rows:
            self.queue.check_room("")

    def _put(self, request: Request, now: float) -> None:
        deadline = self._limits.deadline_ms
        sent_ns = int(request.sent * 1e9)
        deadline_ns = None if deadline is None else sent_ns + int(deadline * 1e6)
        parsed = InferenceRequest(self._rows, NO_OUTPUTS, None, deadline_ns)
        pending = PendingRequest(parsed, _ignore, "", int(now * 1e9))
        self.queue.put(pending)
        self._inside[pending] = request

    def _next_batch(self, work: float) -> float:
        """Do what `Engine._next_batch` does; return the work including that before."""
        self._load.end(self._at(work))
        if self._batch is not None and not self._computed:
            return work
        parts, expired = self.queue.take(int(self._at(work) * 1e9))
        ended, self._batch, self._computed = self._batch, None, False
        rows = sum(stop - start for _, start, stop in parts)
        if ended is not None:
            work = self._end_batch(*ended, self._batch_began, self._batch_ended, work)
        for pending in expired:
            work += self._times.refusal_s
            request = self._inside.pop(pending)
            self._end(request, HTTPStatus.GATEWAY_TIMEOUT, self._at(work), 0)
        if not parts:
            return work
        seconds = self._times.batch_s(rows)
        self.batches[rows] += 1
        if self.queue.pace.expected_ns(rows) <= MAX_LOOP_NS:
            began = self._at(work)
            work += seconds
            return self._end_batch(parts, rows, began, self._at(work), work)
        # The thread begins when the loop releases the interpreter's lock: at the iteration's end.
        self._batch, self._left = (parts, rows), seconds
        self._batch_began = self._at(work)
        self.busy += seconds
        return work

    def _end_batch(
        self, parts: list[Part], rows: int, began: float, ended: float, work: float
    ) -> float:
        ended_ns = int(ended * 1e9)
        since_ns = self._ended_ns or int(began * 1e9)
        pace = self.queue.pace
        pace.batch_completed(rows, ended_ns - int(began * 1e9), ended_ns - since_ns)
        self._ended_ns = ended_ns if self.queue.rows else 0
        for pending, _, stop in parts:
            if stop == pending.size:
                work += self._times.after_s
                self._end(self._inside.pop(pending), HTTPStatus.OK, self._at(work), 0)
        return work

    def _end(self, request: Request, status: int, at: float, retry_after: float) -> None:
        self.counts[status] += 1
        self._respond(request, status, at + self._times.transport_s, retry_after)


def _ignore(_pending: PendingRequest) -> None:
    """No-op callback."""
