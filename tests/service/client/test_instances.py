import json
from typing import Any

import numpy as np
import pytest

from service.client.errors import ArgumentError
from service.client.instances import explain_request, json_body, model_path, predict_request
from service.client.options import Options

OPTIONS: dict[str, Any] = {
    **{"version": None, "binary": True, "timeout_seconds": 30, "retries": 3},
    **{"deadline_ms": None, "tags": ()},
}


def test_a_models_path_holds_whatever_its_name_is() -> None:
    assert model_path("a/b", None) == "/v2/models/a%2Fb"
    assert model_path("a", "1.0", "v1") == "/v1/models/a/versions/1.0"


def test_without_a_model_the_first_is_asked() -> None:
    options = Options(model=None, **OPTIONS)
    assert predict_request(options, [[1]], None, {}).path == "/predict"
    assert explain_request(options, [1], gate_units=False).path == "/explain"


def test_a_missing_value_is_null() -> None:
    content = json_body({"row": np.array([np.nan, 1])})
    assert json.loads(content) == {"row": [None, 1]}


def test_what_json_cannot_hold_is_told() -> None:
    with pytest.raises(ArgumentError) as caught:
        explain_request(Options(model=None, **OPTIONS), [{1}], gate_units=False)
    assert str(caught.value) == (
        "rows: expected what JSON can hold, found Type is not JSON serializable: set"
    )
