"""The ledger's side of the event loop: samples what is answered, hands it over twice a second."""

import asyncio
from collections.abc import Callable
from random import Random
from time import time_ns

import numpy as np

from service.classifier import FloatArray
from service.contract import GATE_MEAN, PROBABILITIES, UNUSUAL
from service.http.records import Record
from service.inference.question import Outputs, Question
from service.ledger.entries import FLOAT, Batch, Entry, Unusual
from service.ledger.sample import Reservoir
from service.ledger.tags import TAGS, read_tags

INTERVAL_SECONDS = 0.5  # between hand-overs, which a killed process loses
ANSWERED = 200


class LedgerRecorder:
    """Keeps up to `rate` rows a second, and beyond a sample of them, as entries.

    Only the event loop's thread may call it. An interval begins with its first answer: who is not
    asked does nothing.
    """

    def __init__(self, put: Callable[[Batch], None], *, rate: float, inputs: bool) -> None:
        """Give each interval's batch to `put`; `inputs` go into the entries too if so chosen."""
        self._put = put
        self._inputs = inputs
        size = max(1, round(rate * INTERVAL_SECONDS))
        self._sample: Reservoir[tuple[int, Record, int]] = Reservoir(size, Random())
        self._began_us = 0
        self._timer: asyncio.TimerHandle | None = None

    def wants(self, status: int, rows: int) -> bool:
        """Want an answer of which rows are among the sample."""
        if status != ANSWERED:
            return False
        sample = self._sample  # a call of its `offer` would cost as much as all of this
        seen = sample.seen = sample.seen + rows
        return seen > sample.next

    def record(self, record: Record) -> None:
        """Keep the wanted rows of an answer."""
        now = time_ns() // 1000
        if self._timer is None:
            self._began_us = now
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(INTERVAL_SECONDS, self.hand_over)
        for row in self._sample.wanted(record.rows):
            self._sample.keep((now, record, row))

    def hand_over(self) -> None:
        """End the interval, if one has begun."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        seen, taken = self._sample.take_all()
        # Only now, for most that were taken gave way to others; but not later, for what they
        # hold are views of whole runs.
        entries = tuple(self._entry(*each) for each in taken)
        self._put(Batch(self._began_us, time_ns() // 1000, seen, entries))

    def _entry(self, time_us: int, record: Record, row: int) -> Entry:
        question, outputs, timing = record.question, record.outputs, record.timing
        assert question is not None
        assert outputs is not None
        assert timing is not None
        return Entry(
            time_us=time_us,
            request_id=record.request_id,
            row=row,
            rows=record.rows,
            door=record.door.kind,
            model=record.door.model.metadata,
            timing=timing,
            probabilities=_bytes(outputs[PROBABILITIES][row]),
            gate_mean=_bytes(outputs[GATE_MEAN][row]),
            unusual=_unusual(outputs, row),
            gate_scale=_scale(question, row),
            tags=read_tags(record.headers[TAGS]) if TAGS in record.headers else (),
            content=_bytes(question.rows[row]) if self._inputs else None,
        )


def _unusual(outputs: Outputs, row: int) -> Unusual | None:
    values = outputs.get(UNUSUAL)
    if values is None or not np.isfinite(values[row]).all():
        return None
    gates, confidence, both = values[row].tolist()
    return gates, confidence, both


def _scale(question: Question, row: int) -> bytes | None:
    scale = question.gate_scale
    return None if scale is None else _bytes(scale[row if len(scale) > 1 else 0])


def _bytes(values: FloatArray) -> bytes:
    return values.astype(FLOAT, copy=False).tobytes()
