from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from service.client.errors import AnswerError
from service.client.records import read_recorded
from tests.service.client.conftest import reply

ROW: dict[str, Any] = {
    "id": "abc-1",
    "row": 1,
    "rows": 2,
    "time": "2026-01-31T12:00:00.000001Z",
    "door": "predict",
    "model_name": "tiny",
    "model_version": "1",
    "label": "dog",
    "probability": 0.75,
    "unusual": {"gates": 0.125, "confidence": 0.5, "both": 0.25},
    "tags": ["a", "b"],
    "weight": 1.5,
    "probabilities": {"cat": 0.25, "dog": 0.75},
    "gate_mean": {"highway 1": 0.5, "highway 2": 1},
    "gate_scale": {"highway 1": 0, "highway 2": 1},
    "timing_ms": {"decode": 0.5, "total": 2, "batch_rows": 3},
    "input_stored": True,
}


def test_a_recorded_row_comes_with_arrays() -> None:
    (found,) = read_recorded(reply({"id": "abc-1", "rows": [ROW]}))
    assert (found.id, found.row, found.rows, found.door) == ("abc-1", 1, 2, "predict")
    assert found.time == datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=UTC)
    assert (found.model_name, found.model_version, found.label) == ("tiny", "1", "dog")
    assert (found.labels, found.layers) == (("cat", "dog"), ("highway 1", "highway 2"))
    assert found.probabilities.tolist() == [0.25, 0.75]
    assert found.gates.tolist() == [0.5, 1]
    assert found.gate_scale is not None
    assert found.unusual is not None
    assert found.gate_scale.tolist() == [0, 1]
    assert found.unusual.tolist() == [0.125, 0.5, 0.25]
    assert found.unusual.dtype == found.gates.dtype == found.probabilities.dtype == np.float32
    assert found.timing_ms == {"decode": 0.5, "total": 2, "batch_rows": 3}
    assert (found.tags, found.weight, found.input_stored) == (("a", "b"), 1.5, True)


def test_what_was_not_recorded_is_none() -> None:
    (found,) = read_recorded(reply({"rows": [ROW | {"unusual": None, "gate_scale": None}]}))
    assert (found.unusual, found.gate_scale) == (None, None)


def test_something_else_in_the_answers_place_is_told() -> None:
    with pytest.raises(AnswerError, match=r"found rows\.0\.id: Field required"):
        read_recorded(reply({"rows": [{}]}))
