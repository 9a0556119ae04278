"""The inference thread: takes what waits, runs it at once, gives each question its own rows."""

import asyncio
import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import perf_counter_ns
from typing import TypeVar

import numpy as np

from service.classifier import Classifier, FloatArray
from service.contract import OUTPUTS
from service.errors import DeadlineError, NotReadyError
from service.inference.question import Outputs, Question, State, Ticket
from service.inference.queue import Part, RowQueue
from service.inference.run import ALWAYS, Run, gathered, unfit

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Engine:
    """One model's queue and thread; the event loop never waits for a run.

    Greedy: while a run is under way what arrives waits, and all of it, up to the row limit, goes
    next. No timer, and no wait where nothing is under way.
    """

    def __init__(
        self, classifier: Classifier, queue: RowQueue, observe: Callable[[Run], None]
    ) -> None:
        """Give every run to `observe`, on the event loop, once its questions are answered."""
        self._classifier = classifier
        self._queue = queue
        self._observe = observe
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._work, name="inference", daemon=True)
        self._names: dict[frozenset[str], list[str]] = {}  # in the contract's order

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to answer; results are handed over on `loop`."""
        self._loop = loop
        self._open = True
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether questions are taken and the thread lives to answer them."""
        return self._open and self._thread.is_alive()

    @property
    def waiting_rows(self) -> int:
        """How many rows are in the queue."""
        return self._queue.rows

    def submit(self, question: Question, done: Callable[[Ticket], None]) -> Ticket:
        """Queue a question, on the event loop; `done` is called there with the ticket once over.

        A full queue is a `QueueFullError`, a closed engine a `NotReadyError`.
        """
        if not self._open or self._loop is None:
            raise NotReadyError("model: expected one that is ready, found one that has stopped")
        ticket = Ticket(question, done, perf_counter_ns())
        if self._queue.put(ticket):
            # Once the loop has read what else has arrived: woken at the first question, the thread
            # would take it alone, and the interpreter's lock from the loop that reads the others.
            self._loop.call_soon(self._wake.put, None)
        return ticket

    def give_up(self, ticket: Ticket) -> None:
        """Drop a question whose client has left; a run that has it already is not stopped."""
        self._queue.withdraw(ticket)
        ticket.state = State.OVER
        ticket.done = _untold  # the thread may have found it late, and the loop not heard of it yet

    def expire(self, ticket: Ticket) -> None:
        """Answer a question whose deadline passed, unless its last rows are in a run."""
        if self._queue.withdraw(ticket):
            self._late(ticket)

    def close(self) -> None:
        """Answer what waits, take nothing more, and end the thread."""
        self._open = False
        if self._thread.is_alive():
            self._wake.put(None)
            self._thread.join()

    def _work(self) -> None:
        while True:
            parts, expired = self._queue.take(perf_counter_ns())
            for ticket in expired:
                self._hand_over(self._late, ticket)
            if parts:
                self._run(parts)
            elif not expired:
                if not self._open:
                    return
                self._wake.get()

    def _run(self, parts: list[Part]) -> None:
        """Run the parts together or, where that fails, each alone: one must not harm the others."""
        began = model = perf_counter_ns()
        rows = sum(stop - start for _, start, stop in parts)
        outputs: dict[str, FloatArray] = {}
        failed: Exception | None = None
        try:
            feed, scale = gathered(parts)
            names = self._wanted(parts)
            model = perf_counter_ns()
            outputs = dict(zip(names, self._classifier.compute(names, feed, scale), strict=True))
        except Exception as error:  # whatever it is, the thread lives and the questions end
            failed = error
        ended = perf_counter_ns()
        if failed is not None and len(parts) > 1:
            for part in parts:
                self._run([part])
            return
        self._queue.ran(rows, ended - began)
        self._hand_over(self._deliver, Run(parts, rows, outputs, failed, began, model, ended))

    def _wanted(self, parts: list[Part]) -> list[str]:
        wanted = ALWAYS.union(*[part.ticket.question.outputs for part in parts])
        names = self._names.get(wanted)
        if names is None:
            names = self._names[wanted] = [name for name in OUTPUTS if name in wanted]
        return names

    def _hand_over(self, call: Callable[[T], None], value: T) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:  # the loop is closed: a stop did not wait, nobody is left to tell
            _log.debug("an answer came after the end")

    def _deliver(self, run: Run) -> None:
        """On the event loop: end every question that this run was the last for."""
        if run.error is not None:
            _log.error("a run of the model failed", exc_info=run.error)
        wrong = not run.finite
        first = 0
        for part in run.parts:
            last = first + part.stop - part.start
            if part.ticket.state is not State.OVER:
                alone = len(run.parts) == 1
                outputs = (
                    run.outputs if alone else {n: v[first:last] for n, v in run.outputs.items()}
                )
                error = run.error or (unfit(part, outputs) if wrong else None)
                if error is None:
                    self._advance(part, run, outputs)
                else:
                    self._queue.withdraw(part.ticket)  # its other rows
                    self._end(part.ticket, error=error)
            first = last
        self._observe(run)

    def _advance(self, part: Part, run: Run, outputs: Outputs) -> None:
        """Give a question the answers to a part of its rows; parts come in their order."""
        ticket = part.ticket
        ticket.began_ns = ticket.began_ns or run.began_ns
        ticket.run_ns += run.ended_ns - run.began_ns
        ticket.run_rows = run.rows
        if part.stop - part.start == ticket.size:
            self._end(ticket, outputs=outputs)
            return
        pieces = ticket.pieces = ticket.pieces or []
        pieces.append(outputs)
        if part.stop == ticket.size:
            names = ticket.question.outputs | ALWAYS
            whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
            self._end(ticket, outputs=whole)

    def _late(self, ticket: Ticket) -> None:
        self._end(
            ticket, error=DeadlineError("deadline: expected an answer before it, found it passed")
        )

    def _end(
        self, ticket: Ticket, *, outputs: Outputs | None = None, error: Exception | None = None
    ) -> None:
        ticket.state = State.OVER
        ticket.outputs = outputs
        ticket.error = error
        try:
            ticket.done(ticket)
        except Exception:
            _log.exception("an answer could not be given")


def _untold(_ticket: Ticket) -> None:
    """Stand for who has lost interest."""
