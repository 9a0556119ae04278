from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from highway_client.errors import ResponseError
from highway_client.records import read_recorded

from tests.client.conftest import response

ROW: dict[str, Any] = {
    "id": "abc-1",
    "row": 1,
    "rows": 2,
    "time": "2026-01-31T12:00:00.000001Z",
    "endpoint": "predict",
    "model_name": "tiny",
    "model_version": "1",
    "label": "dog",
    "probability": 0.75,
    "typicality": {"gates": 0.125, "confidence": 0.5, "combined": 0.25},
    "tags": ["a", "b"],
    "weight": 1.5,
    "probabilities": {"cat": 0.25, "dog": 0.75},
    "gate_mean": {"highway 1": 0.5, "highway 2": 1},
    "gate_scale": {"highway 1": 0, "highway 2": 1},
    "timing_ms": {"decode": 0.5, "total": 2, "batch_rows": 3},
    "input_stored": True,
}


def test_a_recorded_row_has_arrays() -> None:
    (result,) = read_recorded(response({"id": "abc-1", "rows": [ROW]}))
    assert (result.id, result.row, result.rows, result.endpoint) == ("abc-1", 1, 2, "predict")
    assert result.time == datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=UTC)
    assert (result.model_name, result.model_version, result.label) == ("tiny", "1", "dog")
    assert (result.labels, result.layers) == (("cat", "dog"), ("highway 1", "highway 2"))
    assert result.probabilities.tolist() == [0.25, 0.75]
    assert result.gates.tolist() == [0.5, 1]
    assert result.gate_scale is not None
    assert result.typicality is not None
    assert result.gate_scale.tolist() == [0, 1]
    assert result.typicality.tolist() == [0.125, 0.5, 0.25]
    assert result.typicality.dtype == result.gates.dtype == result.probabilities.dtype == np.float32
    assert result.timing_ms == {"decode": 0.5, "total": 2, "batch_rows": 3}
    assert (result.tags, result.weight, result.input_stored) == (("a", "b"), 1.5, True)


def test_values_that_were_not_recorded_are_none() -> None:
    (result,) = read_recorded(response({"rows": [ROW | {"typicality": None, "gate_scale": None}]}))
    assert (result.typicality, result.gate_scale) == (None, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "found no rows[0].probabilities"),
        ({"probabilities": []}, "found rows[0].probabilities that is not an object"),
        (ROW | {"time": "yesterday"}, "found a time that is not in ISO 8601"),
    ],
)
def test_a_malformed_response_is_an_error(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(ResponseError) as caught:
        read_recorded(response({"rows": [row]}))
    assert str(caught.value).endswith(reason)
