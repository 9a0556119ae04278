from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest
from service.ledger.fields import (
    ASSIGNED,
    FIELDS,
    PHASES,
    LedgerRow,
    StoredModel,
    ledger_row,
    model_key,
)
from service.ledger.tables import requests
from service.observers import RequestEvent
from tests.service.conftest import METADATA
from tests.service.ledger import conftest
from tests.service.ledger.conftest import TIMING, floats

REQUEST = InferenceRequest(np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32), frozenset())
OUTPUTS = {
    PROBABILITIES: np.array([[0.5, 0.25, 0.25], [0, 1, 0]], np.float32),
    GATE_MEAN: np.array([[0.125, 0.25], [0.5, 0.75]], np.float32),
    TYPICALITY: np.array([[0.5, 0.25, 0.125], [1, 1, 1]], np.float32),
}
BATCH = BatchOutputs(OUTPUTS)
EVENT = RequestEvent("predict", METADATA, {}, "one", 200, 2, 0, 0, TIMING, REQUEST, BATCH)


def recorded(event: RequestEvent = EVENT, row: int = 0, *, with_input: bool = False) -> LedgerRow:
    return ledger_row(event, row, time_us=7, weight=2.5, ordinary=False, with_input=with_input)


def test_a_row_of_a_response_becomes_a_ledger_row() -> None:
    row = recorded(EVENT._replace(headers={b"x-tags": b"customer=acme, canary"}), 1)
    assert (row.request_id, row.row, row.rows, row.time_us) == ("one", 1, 2, 7)
    assert (row.endpoint, row.model.name, row.timing) == ("predict", "tiny", TIMING)
    assert (row.probabilities, row.gate_mean) == (floats(0, 1, 0), floats(0.5, 0.75))
    assert row.typicality == (1, 1, 1)
    assert row.tags == ("customer=acme", "canary")
    assert (row.gate_scale, row.content) == (None, None)
    assert (row.weight, row.ordinary) == (2.5, False)


def test_the_outputs_of_a_request_are_those_rows_of_its_batch() -> None:
    event = EVENT._replace(rows=1, first=1)
    assert recorded(event).probabilities == floats(0, 1, 0)
    assert recorded(event, with_input=True).content == floats(1, 0, 0, 0)


def test_the_input_is_only_recorded_if_requested() -> None:
    assert recorded(row=1, with_input=True).content == floats(0, 1, 0, 0)


@pytest.mark.parametrize(
    ("scale", "expected"), [([[0, 2]], floats(0, 2)), ([[0, 2], [1, 0]], floats(1, 0))]
)
def test_a_gate_scale_is_shared_or_one_for_each_row(
    scale: list[list[float]], expected: bytes
) -> None:
    request = REQUEST._replace(gate_scale=np.array(scale, np.float32))
    assert recorded(EVENT._replace(request=request), 1).gate_scale == expected


def test_typicality_that_is_not_finite_is_none() -> None:
    outputs = {**OUTPUTS, TYPICALITY: np.array([[0.5, np.nan, 0.5], [1, 1, 1]], np.float32)}
    event = EVENT._replace(batch=BatchOutputs(outputs))
    assert recorded(event).typicality is None
    assert recorded(event, 1).typicality == (1, 1, 1)


def written(**changes: Any) -> dict[str, Any]:
    """Return the values of the columns that the store does not assign."""
    row = conftest.ledger_row(**changes)
    stored = (field for field in FIELDS if field.stored and field.name not in ASSIGNED)
    return {f.name: f.write(row) if f.write else getattr(row, f.name) for f in stored}


def test_every_column_is_written() -> None:
    values = written(gate_scale=floats(0, 1))
    assert {*values, *ASSIGNED} == set(requests.c.keys())
    assert values["label"] == 1
    assert (values["typicality_gates"], values["typicality_confidence"]) == (0.5, 0.25)
    assert values["typicality_combined"] == 0.125
    assert values["gate_scale"] == floats(0, 1)


def test_durations_are_written_as_microseconds() -> None:
    values = written()
    assert [values[f"{phase}_us"] for phase in PHASES] == [1, 2, 3, 4, 10]


@pytest.mark.parametrize(("seconds", "expected"), [(2147, 2_147_000_000), (3600, 2**31 - 1)])
def test_a_duration_is_limited_to_the_range_of_its_column(seconds: int, expected: int) -> None:
    assert written(timing=TIMING._replace(total=seconds * 10**9))["total_us"] == expected


def test_a_row_without_typicality_has_null_columns() -> None:
    values = written(typicality=None)
    names = ("gates", "confidence", "combined")
    assert [values[f"typicality_{name}"] for name in names] == [None] * 3


def test_a_model_is_identified_by_name_version_and_digest() -> None:
    verified = replace(METADATA, verification={"digest": "d1"})
    assert model_key(verified) == ("tiny", "1", "d1")
    assert model_key(METADATA) == ("tiny", "1", "")
    stored = StoredModel(number=5, name="tiny", version="1", digest="d1", labels=(), layers=())
    assert stored.key == model_key(verified)
