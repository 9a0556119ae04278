"""Samples the answered rows on the event loop and hands them to the writer twice a second."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from random import Random
from time import time_ns
from typing import Literal, NamedTuple

import numpy as np

from service.contract import Metadata
from service.inference.queue import PendingRequest
from service.ledger.fields import ledger_row
from service.ledger.sampling import Reservoir, Sampled, StratifiedSample
from service.ledger.strata import ATYPICAL, ORDINARY, Stratification
from service.ledger.write_buffer import RowSample
from service.observers import SUCCESS, RequestEvent

INTERVAL_SECONDS = 0.5  # between samples; a killed process loses the last one
INTERVAL_INPUT_BYTES = 1 << 23  # copied at the end of an interval, which takes about a millisecond

Inputs = Literal["atypical", "all", "none"]


class Item(NamedTuple):
    """A row of an answered request; the event refers to the arrays of its whole batch."""

    time_us: int
    row: int
    event: RequestEvent


class LedgerObserver:
    """Records up to `rate` rows a second, beyond that a stratified sample of them.

    Only the event loop's thread may call it. An interval begins with its first response, so an idle
    server uses no timer.
    """

    def __init__(
        self, put: Callable[[RowSample], None], *, rate: float, inputs: Inputs, atypical: float
    ) -> None:
        """Pass the sample of each interval to `put`, with the inputs of these rows.

        Rows are `atypical` if their combined p-value is at most this.
        """
        self._put = put
        self._inputs = inputs
        self._stratification = Stratification(atypical)
        size = max(1, round(rate * INTERVAL_SECONDS))
        self._sample: StratifiedSample[Item] = StratifiedSample(size, Random())
        self._began_us = 0
        self._timer: asyncio.TimerHandle | None = None

    def wants(self, status: int, model: Metadata, pending: PendingRequest | None) -> bool:
        """Return whether the sample takes one of the response's rows."""
        if status != SUCCESS or pending is None or pending.batch is None:
            return False
        batch, first, rows = pending.batch, pending.first, pending.size
        strata = batch.strata
        if strata is None:
            strata = batch.strata = self._stratification.strata(batch.arrays, model)
        if rows > 1:
            return self._wants_some(strata, first, first + rows)
        reservoir = self._sample.reservoirs[strata[first]]
        # Not a method of it: the call would double the cost.
        seen = reservoir.seen = reservoir.seen + 1
        return seen > reservoir.next

    def observe(self, event: RequestEvent) -> None:
        """Keep the rows that the sample takes."""
        now_us = time_ns() // 1000
        if self._timer is None:
            self._began_us = now_us
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(INTERVAL_SECONDS, self.flush)
        for stratum, reservoir in enumerate(self._sample.reservoirs):
            for row in _wanted(event, stratum, reservoir):
                reservoir.keep(Item(now_us, row, event))

    def flush(self) -> None:
        """End the interval, if one has begun, and hand over its sample."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        seen, taken = self._sample.take_all()
        taken.sort(key=lambda sampled: sampled.item[:2])  # as they were answered
        with_input = self._with_input(taken)
        # Not earlier: most rows taken were replaced since. Not later: events hold whole batches.
        rows = tuple(
            ledger_row(
                item.event,
                item.row,
                time_us=item.time_us,
                weight=weight,
                ordinary=ordinary,
                with_input=index in with_input,
            )
            for index, (item, _, weight, ordinary) in enumerate(taken)
        )
        self._put(RowSample(self._began_us, time_ns() // 1000, seen, rows))

    def _wants_some(self, strata: bytes, first: int, last: int) -> bool:
        """Count rows, each in its stratum; return whether the sample takes one of them."""
        wanted = False
        for stratum, reservoir in enumerate(self._sample.reservoirs):
            count = strata.count(stratum, first, last)
            if count:
                reservoir.seen += count
                wanted |= reservoir.seen > reservoir.next
        return wanted

    def _with_input(self, taken: Sequence[Sampled[Item]]) -> set[int]:
        """Return the indices of the rows whose inputs are copied, of the first strata first."""
        last = {"all": ORDINARY, "atypical": ATYPICAL, "none": -1}[self._inputs]
        kept, room = set(), INTERVAL_INPUT_BYTES
        for index in sorted(range(len(taken)), key=lambda index: taken[index].stratum):
            request = taken[index].item.event.request
            assert request is not None
            room -= request.rows[0].nbytes
            if taken[index].stratum > last or room < 0:
                break
            kept.add(index)
        return kept


def _wanted(event: RequestEvent, stratum: int, reservoir: Reservoir[Item]) -> Iterator[int]:
    """Yield the rows of a request that the reservoir of a stratum takes."""
    if reservoir.seen <= reservoir.next:
        return
    assert event.batch is not None
    assert event.batch.strata is not None
    strata = event.batch.strata[event.first : event.first + event.rows]
    rows = np.flatnonzero(np.frombuffer(strata, np.uint8) == stratum).tolist()
    for index in reservoir.wanted(len(rows)):
        yield rows[index]
