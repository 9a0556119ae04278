import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.classifier import Classifier
from service.contract import GATE_MEAN, PROBABILITIES, UNUSUAL
from service.http.doors import PredictDoor
from service.http.records import Record
from service.inference.question import Question
from service.ledger.entries import Batch
from service.ledger.recorder import LedgerRecorder
from tests.service.conftest import served
from tests.service.ledger.conftest import TIMING, floats

QUESTION = Question(np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32), frozenset())
OUTPUTS = {
    PROBABILITIES: np.array([[0.5, 0.25, 0.25], [0, 1, 0]], np.float32),
    GATE_MEAN: np.array([[0.125, 0.25], [0.5, 0.75]], np.float32),
    UNUSUAL: np.array([[0.5, 0.25, 0.125], [1, 1, 1]], np.float32),
}


@pytest.fixture
def record(classifier: Classifier) -> Record:
    """Two rows, answered."""
    door = PredictDoor(served(classifier).default, max_rows=2)
    return Record(door, {}, "one", 200, 2, 0, 0, TIMING, QUESTION, OUTPUTS)


def recorded(tell: Callable[[LedgerRecorder], Any], **options: Any) -> list[Batch]:
    """Return the batches of what `tell` does to a recorder on an event loop."""
    batches: list[Batch] = []

    async def run() -> None:
        recorder = LedgerRecorder(batches.append, **{"rate": 200, "inputs": False, **options})
        waiting = tell(recorder)
        if waiting is not None:
            await waiting
        recorder.hand_over()

    asyncio.run(run())
    return batches


def tell(recorder: LedgerRecorder, record: Record) -> None:
    if recorder.wants(record.status, record.rows):
        recorder.record(record)


def test_every_row_of_an_answer_is_an_entry(record: Record) -> None:
    tagged = record._replace(headers={b"x-tags": b"customer=acme, canary"})
    (batch,) = recorded(lambda recorder: tell(recorder, tagged))
    first, second = batch.entries
    assert (batch.seen, batch.weight) == (2, 1)
    assert (first.request_id, first.row, second.row, first.rows) == ("one", 0, 1, 2)
    assert (first.door, first.model.name, first.timing) == ("predict", "tiny", TIMING)
    assert first.probabilities == floats(0.5, 0.25, 0.25)
    assert second.gate_mean == floats(0.5, 0.75)
    assert first.unusual == (0.5, 0.25, 0.125)
    assert first.tags == ("customer=acme", "canary")
    assert (first.gate_scale, first.content) == (None, None)
    assert batch.began_us <= first.time_us <= batch.ended_us


def test_inputs_are_kept_for_who_asks_for_it(record: Record) -> None:
    (batch,) = recorded(lambda recorder: tell(recorder, record), inputs=True)
    assert [each.content for each in batch.entries] == [floats(1, 0, 0, 0), floats(0, 1, 0, 0)]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [([[0, 2]], [floats(0, 2)] * 2), ([[0, 2], [1, 0]], [floats(0, 2), floats(1, 0)])],
)
def test_a_what_if_question_says_so(
    record: Record, scale: list[list[float]], expected: list[bytes]
) -> None:
    asked = record._replace(question=QUESTION._replace(gate_scale=np.array(scale, np.float32)))
    (batch,) = recorded(lambda recorder: tell(recorder, asked))
    assert [each.gate_scale for each in batch.entries] == expected


@pytest.mark.parametrize("value", [None, np.nan])
def test_what_tells_nothing_unusual_is_left_open(record: Record, value: float | None) -> None:
    outputs = {PROBABILITIES: OUTPUTS[PROBABILITIES], GATE_MEAN: OUTPUTS[GATE_MEAN]}
    if value is not None:
        outputs[UNUSUAL] = np.full((2, 3), value, np.float32)
    (batch,) = recorded(lambda recorder: tell(recorder, record._replace(outputs=outputs)))
    assert [each.unusual for each in batch.entries] == [None, None]


@pytest.mark.parametrize("status", [400, 429, 499, 500, 504])
def test_what_was_not_answered_is_not_recorded(record: Record, status: int) -> None:
    assert recorded(lambda recorder: tell(recorder, record._replace(status=status))) == []


def test_beyond_the_rate_a_sample_stands_for_all(record: Record) -> None:
    def often(recorder: LedgerRecorder) -> None:
        for _ in range(100):
            tell(recorder, record)

    (batch,) = recorded(often, rate=40)
    assert (batch.seen, len(batch.entries), batch.weight) == (200, 20, 10)


def test_an_interval_ends_by_itself_and_only_begins_with_an_answer(record: Record) -> None:
    async def twice(recorder: LedgerRecorder) -> None:
        tell(recorder, record)
        await asyncio.sleep(0.7)
        recorder.hand_over()  # there is nothing
        tell(recorder, record)

    first, second = recorded(twice)
    assert (first.seen, second.seen) == (2, 2)
    assert 500_000 <= first.ended_us - first.began_us < 700_000
    assert first.ended_us < second.began_us


def test_entries_hold_nothing_of_the_run_they_came_from(record: Record) -> None:
    large = np.zeros((64, 3), np.float32)
    outputs = {**OUTPUTS, PROBABILITIES: large[:2]}
    (batch,) = recorded(lambda recorder: tell(recorder, record._replace(outputs=outputs)))
    assert all(type(each.probabilities) is bytes for each in batch.entries)
