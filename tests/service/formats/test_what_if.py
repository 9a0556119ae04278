import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.contract import Column, Input, Layer, Metadata
from service.errors import BodyError, InputError, RequestError
from service.formats import what_if
from service.formats.outline import Steps
from service.formats.what_if import max_scales, read_what_if, write_what_if
from tests.service.conftest import METADATA, TABLE
from tests.service.formats.conftest import message_of

DIGEST = "d" * 64
SERVED = replace(METADATA, verification={"digest": DIGEST})
IMAGE = b'{"instance": [1, 2, 3, 4]%b}'
OUTPUTS = {
    "probabilities": np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]], np.float32),
    "gate_mean": np.array([[0.25, 0.75], [0.25, 0.5]], np.float32),
    "typicality": np.array([[0.5, 1, 0.5], [0.25, 1, 0.25]], np.float32),
    "layer_typicality": np.array([[0.125, 1], [0.125, 0.5]], np.float32),
    "gate_units": np.array([[0, 0.5, 0.75, 0.75], [0, 0.5, 0.25, 0.75]], np.float32),
}


def written(steps: Steps[bytes]) -> Any:
    """Return the document that the steps write."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return json.loads(stop.value)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (b"", [[1, 1]]),
        (b', "gate_scale": null', [[1, 1]]),
        (b', "gate_scale": [0.5, 2]', [[0.5, 2]]),
        (b', "gate_scale": {"highway 2": 0}', [[1, 0]]),
        (b', "gate_scale": {}', [[1, 1]]),
        (b', "gate_scale": [{}, {"highway 1": 0}, [2, 3]]', [[1, 1], [0, 1], [2, 3]]),
        (b', "gate_scale": [{}, {}, {}, {}, {}, {}, {}, {}]', [[1, 1]] * 8),
    ],
)
def test_a_row_has_one_scale_several_or_none(scale: bytes, expected: list[list[float]]) -> None:
    row, scales = read_what_if(IMAGE % scale, METADATA)
    assert row.tolist() == [[1, 2, 3, 4]]
    assert scales.tolist() == expected
    assert scales.dtype == np.float32


def test_a_tables_row_may_have_gaps_categories_and_dates() -> None:
    columns = (*TABLE.input.columns[:3], Column(name="since", date="iso"))
    table = replace(TABLE, input=replace(TABLE.input, columns=columns))
    by_name = b'{"age": null, "job": "pilot", "member": true, "since": "1970-01-03"}'
    row = read_what_if(b'{"instance": %b}' % by_name, table).row[0].tolist()
    assert math.isnan(row[0])
    assert row[1:] == [2, 1, 2]
    in_order = b'[null, "pilot", "true", 2]'
    assert read_what_if(b'{"instance": %b}' % in_order, table).row[0].tolist()[1:] == row[1:]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b"[]", BodyError, "body: expected a JSON object, found a list"),
        (b"{}", BodyError, "body: the member 'instance' is missing"),
        (
            b'{"instance": [1]}',
            InputError,
            "instance: expected a list of 4 numbers, found one of 1",
        ),
        (
            IMAGE % b', "gate_scale": [{}, {}, {}, {}, {}, {}, {}, {}, {}]',
            InputError,
            "gate_scale: expected at most 8 scales, found 9; send them in several requests",
        ),
        (
            IMAGE % b', "gate_scale": []',
            InputError,
            "gate_scale: expected a list of 2 numbers, one for each layer, found one of 0",
        ),
        (
            IMAGE % b', "gate_scale": [[1, 1], 2]',
            InputError,
            "gate_scale[1]: expected a list of 2 numbers or an object keyed by layer name, found a "
            "number",
        ),
        (
            IMAGE % b', "gate_scale": [[1, 11]]',
            InputError,
            "gate_scale: expected numbers from 0 to 10, found one out of range; 0 closes a layer, "
            "1 leaves it unchanged",
        ),
        (
            IMAGE % b', "gate_scale": "SECRET"',
            InputError,
            "gate_scale: expected a list of 2 numbers or an object keyed by layer name, found a "
            "string",
        ),
    ],
)
def test_an_invalid_request_is_rejected_with_one_sentence(
    body: bytes, error: type[RequestError], message: str
) -> None:
    assert message_of(error, lambda: read_what_if(body, METADATA)) == message


def deep(layers: int, width: int) -> Metadata:
    made = (Layer(name=f"{n}", kind="dense", width=width, number=n + 1) for n in range(layers))
    return replace(SERVED, layers=tuple(made))


@pytest.mark.parametrize("scale", [[0.5] * 1000, {f"{layer}": 0.5 for layer in range(1000)}])
def test_the_most_layers_and_scales_are_read_at_once(scale: object) -> None:
    scales = json.dumps([scale] * 8).encode()
    request = read_what_if(IMAGE % (b', "gate_scale": ' + scales), deep(1000, 2))
    assert request.scales.shape == (8, 1000)
    assert (request.scales == 0.5).all()


@pytest.mark.parametrize(
    ("layers", "width", "most"), [(0, 0, 8), (8, 16, 8), (100, 1000, 5), (1000, 1000, 2)]
)
def test_a_model_of_many_units_has_fewer_scales_in_a_request(
    layers: int, width: int, most: int
) -> None:
    assert max_scales(deep(layers, width)) == most


def test_a_response_has_a_prediction_for_each_scale_with_what_is_usual_and_all_units() -> None:
    assert written(write_what_if(OUTPUTS, SERVED)) == {
        "model_name": "tiny",
        "model_version": "1",
        "digest": DIGEST,
        "predictions": [
            {
                "label": "a",
                "probability": 0.5,
                "probabilities": [0.5, 0.25, 0.25],
                "gate_mean": [0.25, 0.75],
                "typicality": {"gates": 0.5, "confidence": 1, "combined": 0.5},
                "usual": None,
                "layer_typicality": [0.125, 1],
                "gate_units": [[0, 0.5], [0.75, 0.75]],
            },
            {
                "label": "b",
                "probability": 0.75,
                "probabilities": [0.125, 0.75, 0.125],
                "gate_mean": [0.25, 0.5],
                "typicality": {"gates": 0.25, "confidence": 1, "combined": 0.25},
                "usual": None,
                "layer_typicality": [0.125, 0.5],
                "gate_units": [[0, 0.5], [0.25, 0.75]],
            },
        ],
    }


@pytest.mark.parametrize("values", [1, 3, 8192])
def test_a_shown_image_has_the_form_of_its_pixels(
    monkeypatch: pytest.MonkeyPatch, values: int
) -> None:
    monkeypatch.setattr(what_if, "VALUES_IN_A_STEP", values)
    colour = replace(
        SERVED, input=Input(kind="image", shape=(1, 2, 3), unit="pixel", low=0, high=1)
    )
    row = np.arange(6, dtype=np.float32).reshape(1, 6)
    document = written(write_what_if(OUTPUTS, colour, row))
    assert document["instance"] == [[[0, 1, 2], [3, 4, 5]]]
    assert document["predictions"] == written(write_what_if(OUTPUTS, colour))["predictions"]


@pytest.mark.parametrize("columns", [1, 2, 512])
def test_a_shown_row_of_a_table_is_an_object_that_can_be_sent_again(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr(what_if, "COLUMNS_IN_A_STEP", columns)
    dated = (*TABLE.input.columns[:3], Column(name="since", date="iso"))
    table = replace(SERVED, input=replace(TABLE.input, columns=dated))
    row = np.array([[math.nan, 2, 1, 2]], np.float32)
    instance = written(write_what_if(OUTPUTS, table, row))["instance"]
    assert instance == {"age": None, "job": "pilot", "member": "true", "since": "1970-01-03"}
    body = json.dumps({"instance": instance}).encode()
    assert read_what_if(body, table).row[0].tolist()[1:] == [2, 1, 2]


def test_no_step_writes_more_than_its_share_of_values() -> None:
    """A step is the pause of the other requests; 8,192 numbers take half a millisecond."""
    wide = deep(2, 20_000)
    outputs = {**OUTPUTS, "gate_units": np.zeros((2, 40_000), np.float32)}
    steps = sum(1 for _ in write_what_if(outputs, wide))
    assert steps == 2 * (1 + 2 * math.ceil(20_000 / 8192))
    units = written(write_what_if(outputs, wide))["predictions"][1]["gate_units"]
    assert [len(layer) for layer in units] == [20_000, 20_000]
