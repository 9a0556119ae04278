"""The one queue before a model: bounded, counted in rows, fair to small questions."""

import math
from collections import deque
from threading import Lock
from typing import NamedTuple

from service.errors import QueueFullError
from service.inference.question import State, Ticket


class Part(NamedTuple):
    """Rows `start` to `stop` of a ticket, as they go into one run."""

    ticket: Ticket
    start: int
    stop: int


class RowQueue:
    """Tickets wait here; `take` gives as many of their rows as one run may have.

    The event loop puts and withdraws, the inference thread takes. A question larger than a run
    gives a run's worth at a time and goes to the back, so that small ones get their turn between.
    """

    def __init__(self, *, capacity: int, run_rows: int) -> None:
        """Hold at most `capacity` waiting rows; a run gets at most `run_rows`."""
        self._capacity = capacity
        self._run_rows = run_rows
        self._waiting: deque[Ticket] = deque()
        self._lock = Lock()
        self._idle = True  # the thread has found nothing and sleeps
        self._ns_per_row = 0.0  # of late; says when there will be room
        self.rows = 0  # waiting

    def put(self, ticket: Ticket) -> bool:
        """Add a ticket, or raise `QueueFullError`; True says that the thread has to be woken."""
        with self._lock:
            if self.rows + ticket.size > self._capacity:
                raise QueueFullError(
                    f"queue: expected room for {ticket.size} rows, found "
                    f"{self._capacity - self.rows} of {self._capacity}; come again later",
                    retry_after=max(1, math.ceil(self.rows * self._ns_per_row / 1e9)),
                )
            self.rows += ticket.size
            self._waiting.append(ticket)
            wake, self._idle = self._idle, False
            return wake

    def withdraw(self, ticket: Ticket) -> bool:
        """Take out a ticket whose answer nobody needs; False if all its rows are gone to runs."""
        with self._lock:
            if ticket.state is not State.WAITING:
                return False
            ticket.state = State.OVER
            self.rows -= ticket.left
            return True  # `take` passes it over: a deque has no cheap way to lose its middle

    def take(self, now_ns: int) -> tuple[list[Part], list[Ticket]]:
        """Return the parts of the next run, and the tickets whose deadline passed before it.

        Both are empty only where nothing waits; the next `put` then asks for waking.
        """
        parts: list[Part] = []
        expired: list[Ticket] = []
        room = self._run_rows
        with self._lock:
            while room and self._waiting:
                ticket = self._waiting[0]
                if ticket.state is State.OVER:
                    self._waiting.popleft()
                    continue
                if ticket.question.deadline_ns is not None and (
                    now_ns > ticket.question.deadline_ns
                ):
                    self._waiting.popleft()
                    self._leave(ticket, expired)
                    continue
                if parts and room < ticket.left <= self._run_rows:
                    break  # whole it fits the next run; in halves it would need two
                self._waiting.popleft()
                parts.append(self._part(ticket, room))
                room -= parts[-1].stop - parts[-1].start
            self._idle = not parts and not expired
        return parts, expired

    def ran(self, rows: int, ns: int) -> None:
        """Note how long a run took."""
        self._ns_per_row += 0.1 * (ns / rows - self._ns_per_row)

    def _part(self, ticket: Ticket, room: int) -> Part:
        start = ticket.taken
        ticket.taken = min(ticket.size, start + room)
        self.rows -= ticket.taken - start
        if ticket.left:
            self._waiting.append(ticket)
        else:
            ticket.state = State.RUNNING
        return Part(ticket, start, ticket.taken)

    def _leave(self, ticket: Ticket, expired: list[Ticket]) -> None:
        ticket.state = State.OVER
        self.rows -= ticket.left
        expired.append(ticket)
