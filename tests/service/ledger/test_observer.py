import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.arrays import Outputs
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest, PendingRequest
from service.ledger import observer as observer_module
from service.ledger.observer import LedgerObserver
from service.ledger.write_buffer import RowSample
from service.observers import RequestEvent
from tests.service.ledger.conftest import floats
from tests.service.ledger.test_fields import EVENT, OUTPUTS

TYPICAL, ABSURD = 0.5, 1e-9


def samples_of(use: Callable[[LedgerObserver], Any], **options: Any) -> list[RowSample]:
    """Return the samples of an observer that is used on an event loop."""
    samples: list[RowSample] = []

    async def run() -> None:
        chosen = {"rate": 200, "inputs": "none", "atypical": 0.01, **options}
        observer = LedgerObserver(samples.append, **chosen)
        waiting = use(observer)
        if waiting is not None:
            await waiting
        observer.flush()

    asyncio.run(run())
    return samples


def observe(observer: LedgerObserver, event: RequestEvent = EVENT) -> None:
    """Observe an event as a request handler does, in a batch of its own."""
    assert event.batch is not None
    assert event.request is not None
    batch = BatchOutputs(event.batch.arrays)
    pending = PendingRequest(event.request, lambda _: None, "", 0)
    pending.batch, pending.first, pending.size = batch, event.first, event.rows
    if observer.wants(event.status, event.model, pending):
        observer.observe(event._replace(batch=batch))


def event_of(*combined: float) -> RequestEvent:
    """Return an event of rows with these combined p-values; the input is the number of the row."""
    count = len(combined)
    outputs: Outputs = {
        PROBABILITIES: np.array([[0.75, 0.25, 0]] * count, np.float32),
        GATE_MEAN: np.full((count, 2), 0.5, np.float32),
        TYPICALITY: np.array([[1, 1, value] for value in combined], np.float32),
    }
    rows = np.arange(count, dtype=np.float32)[:, None]
    request = InferenceRequest(rows, frozenset())
    return EVENT._replace(rows=count, request=request, batch=BatchOutputs(outputs))


def test_every_row_of_a_response_is_recorded() -> None:
    (sample,) = samples_of(observe)
    first, second = sample.rows
    assert (sample.seen, first.weight, second.weight) == (2, 1, 1)
    assert (first.row, second.row) == (0, 1)
    assert (first.probabilities, second.probabilities) == (floats(0.5, 0.25, 0.25), floats(0, 1, 0))
    assert sample.began_us <= first.time_us <= sample.ended_us


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [("all", [floats(0), floats(1), floats(2)]), ("atypical", [None, floats(1), floats(2)])],
)
def test_the_inputs_of_all_or_of_atypical_rows_are_recorded(
    inputs: str, expected: list[bytes | None]
) -> None:
    (sample,) = samples_of(lambda o: observe(o, event_of(TYPICAL, ABSURD, 0.01)), inputs=inputs)
    assert [row.content for row in sample.rows] == expected


def test_no_input_is_recorded_if_none_is_chosen() -> None:
    (sample,) = samples_of(lambda observer: observe(observer, event_of(ABSURD)), inputs="none")
    assert sample.rows[0].content is None


@pytest.mark.parametrize("status", [400, 429, 499, 500, 504])
def test_failed_requests_are_not_recorded(status: int) -> None:
    assert samples_of(lambda observer: observe(observer, EVENT._replace(status=status))) == []


def test_beyond_the_rate_a_sample_represents_all_rows() -> None:
    def often(observer: LedgerObserver) -> None:
        for _ in range(100):
            observe(observer)

    (sample,) = samples_of(often, rate=40)
    assert (sample.seen, len(sample.rows)) == (200, 20)
    assert sum(row.weight for row in sample.rows) == pytest.approx(200)


@pytest.mark.parametrize("divided", [True, False])
def test_one_absurd_row_of_a_burst_is_always_recorded(divided: bool) -> None:
    rows = [TYPICAL] * 900
    rows[617] = ABSURD
    events = [event_of(value) for value in rows] if divided else [event_of(*rows)]

    def burst(observer: LedgerObserver) -> None:
        for event in events:
            observe(observer, event)

    for _ in range(10):
        (sample,) = samples_of(burst, rate=20, inputs="atypical")
        (absurd,) = [row for row in sample.rows if not row.ordinary]
        assert absurd.typicality is not None
        assert absurd.typicality[2] == pytest.approx(ABSURD)
        assert (absurd.weight, absurd.row) == (1, 0 if divided else 617)
        assert absurd.content == floats(0 if divided else 617)
        assert [row.weight for row in sample.rows if row.ordinary] == pytest.approx([899 / 9] * 9)


def test_rows_are_recorded_in_the_order_of_their_responses() -> None:
    def mixed(observer: LedgerObserver) -> None:
        observe(observer, event_of(TYPICAL, ABSURD, TYPICAL))
        observe(observer, event_of(ABSURD, TYPICAL))

    (sample,) = samples_of(mixed)
    assert [row.row for row in sample.rows] == [0, 1, 2, 0, 1]


def test_the_strata_of_a_batch_are_computed_once() -> None:
    batch = event_of(TYPICAL, ABSURD).batch
    assert batch is not None
    kept: list[bytes | None] = []

    def both(observer: LedgerObserver) -> None:
        for first in (0, 1):
            pending = PendingRequest(
                InferenceRequest(np.ones((1, 4), np.float32), frozenset()), print, "", 0
            )
            pending.batch, pending.first = batch, first
            observer.wants(200, EVENT.model, pending)
            kept.append(batch.strata)

    samples_of(both)
    assert kept[0] == bytes([4, 0])
    assert kept[0] is kept[1]


def test_an_interval_begins_with_a_response_and_ends_by_itself() -> None:
    async def twice(observer: LedgerObserver) -> None:
        observe(observer)
        await asyncio.sleep(0.7)
        observer.flush()  # nothing is left
        observe(observer)

    first, second = samples_of(twice)
    assert (first.seen, second.seen) == (2, 2)
    assert 500_000 <= first.ended_us - first.began_us < 700_000
    assert first.ended_us < second.began_us


def test_rows_do_not_keep_the_arrays_of_their_batch() -> None:
    outputs = {name: values.repeat(32, axis=0) for name, values in OUTPUTS.items()}
    (sample,) = samples_of(
        lambda observer: observe(observer, EVENT._replace(batch=BatchOutputs(outputs)))
    )
    assert all(type(row.probabilities) is bytes for row in sample.rows)


@pytest.mark.parametrize("inputs", ["all", "atypical"])
def test_inputs_are_copied_up_to_a_size_those_of_the_most_atypical_rows_first(
    inputs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer_module, "INTERVAL_INPUT_BYTES", 8)  # two inputs of one number
    event = event_of(TYPICAL, 0.01, 0.009, ABSURD)
    (sample,) = samples_of(lambda o: observe(o, event), inputs=inputs)
    assert [row.content for row in sample.rows] == [None, floats(1), None, floats(3)]
