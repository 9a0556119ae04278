import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract import GATE_SCALE, LOGITS, OUTPUTS
from service.errors import BodyError, InputError, RequestError
from service.formats.infer_request import InferReader
from service.formats.wanted_outputs import WantedOutput, default_outputs
from tests.service.conftest import METADATA
from tests.service.formats.conftest import (
    IMAGES,
    INFINITY,
    NAN,
    NOT_JSON,
    ROW,
    TABLES,
    binary,
    floats,
    read,
    refused,
    request,
    same_bits,
    scale,
    tensor,
)


def test_the_least_request_asks_for_the_usual_outputs_of_its_rows() -> None:
    asked = read(request())
    assert asked.rows.tolist() == [ROW]
    assert asked.outputs == default_outputs(binary=False)
    assert (asked.id, asked.gate_scale, asked.timeout_us) == (None, None, None)


@pytest.mark.parametrize("identifier", ["", "7", '☃ "\\\n', "x" * 10_000, None])
def test_an_id_is_a_string_or_not_there(identifier: str | None) -> None:
    assert read(request(id=identifier)).id == identifier


@pytest.mark.parametrize(
    ("identifier", "found"),
    [(7, "a number"), (False, "true or false"), (["7"], "a list"), ({}, "an object")],
)
def test_an_id_of_another_kind_is_refused(identifier: object, found: str) -> None:
    assert refused(BodyError, request(id=identifier)) == f"id: expected a string, found {found}"


def test_unknown_members_are_ignored_wherever_they_are() -> None:
    extra: dict[str, Any] = {"x": None, "data_type": [[{}]], "model_name": {"inputs": []}}
    described = {**tensor(), **extra, "parameters": {"x": [1], "triton_y": "z"}}
    asked = read(request(described, **extra, outputs=[{"name": LOGITS, **extra}]))
    assert asked.rows.tolist() == [ROW]
    assert asked.outputs == (WantedOutput(LOGITS, binary=False),)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (None, "null"),
        ({}, "an object"),
        ("input", "a string"),
        (1, "a number"),
        (True, "true or false"),
    ],
)
def test_inputs_are_a_list(inputs: object, found: str) -> None:
    body = json.dumps({"inputs": inputs}).encode()
    assert refused(BodyError, body) == f"inputs: expected a list of tensors, found {found}"


def test_a_body_without_inputs_is_refused() -> None:
    assert refused(BodyError, b"{}") == "inputs: expected a list of tensors, found null"
    assert refused(BodyError, b'{"instances": [[1, 2, 3, 4]]}') == (
        "inputs: expected a list of tensors, found null"
    )


def test_rows_are_needed_and_a_gate_scale_alone_is_none() -> None:
    message = "inputs: expected a tensor named 'input', found none"
    assert refused(InputError, b'{"inputs": []}') == message
    assert refused(InputError, request(scale([1, 1]))) == message


NAMES = "expected the name 'input' or 'gate_scale', found"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (1, BodyError, "inputs[1]: expected an object, found a number"),
        ([], BodyError, "inputs[1]: expected an object, found a list"),
        (None, BodyError, "inputs[1]: expected an object, found null"),
        ({}, InputError, f"inputs[1]: {NAMES} null"),
        (tensor("SECRET"), InputError, f"inputs[1]: {NAMES} another name"),
        (tensor("Input"), InputError, f"inputs[1]: {NAMES} another name"),
        (tensor(LOGITS), InputError, f"inputs[1]: {NAMES} another name"),
        (tensor(0), InputError, f"inputs[1]: {NAMES} a number"),
        (tensor(["input"]), InputError, f"inputs[1]: {NAMES} a list"),
        (tensor({"input": 1}), InputError, f"inputs[1]: {NAMES} an object"),
        (tensor(), InputError, "inputs[1]: expected each input once, found 'input' again"),
        (
            tensor(parameters=[]),
            InputError,
            "inputs[1]: expected each input once, found 'input' again",
        ),
        (
            tensor("gate_scale", shape=[1, 2], data=[1, 1], parameters=[]),
            BodyError,
            "input 'gate_scale': parameters: expected an object, found a list",
        ),
    ],
)
def test_an_input_that_is_none_is_told_with_its_place(
    wrong: object, error: type[RequestError], message: str
) -> None:
    assert refused(error, request(tensor(), wrong)) == message


def test_a_gate_scale_may_have_one_row_for_all_or_one_for_each() -> None:
    rows = tensor(shape=[3, 4], data=[ROW] * 3)
    for values in ([[0, 1]], [[0, 1], [2, 0.5], [10, 1]]):
        asked = read(request(rows, scale(*values)))
        assert asked.gate_scale is not None
        assert asked.gate_scale.dtype == np.float32
        assert asked.gate_scale.tolist() == values


@pytest.mark.parametrize("count", [2, 4, 5])
def test_a_gate_scale_of_other_rows_is_refused(count: int) -> None:
    rows = tensor(shape=[3, 4], data=[ROW] * 3)
    message = f"input 'gate_scale': expected 1 row or 3 as 'input' has, found {count}"
    assert refused(InputError, request(rows, scale(*[[1, 1]] * count))) == message
    assert refused(InputError, request(scale(*[[1, 1]] * count), rows)) == message


@pytest.mark.parametrize("value", [-1e-45, -1, 10.000001, 11, 3e38])
def test_a_gate_scale_beyond_0_to_10_is_refused(value: float) -> None:
    message = (
        "input 'gate_scale': expected numbers from 0 to 10, found others; 0 closes a layer, 1 "
        "leaves it as it is"
    )
    assert refused(InputError, request(tensor(), scale([1, value]))) == message
    head = request(tensor(), binary(8, GATE_SCALE, shape=[1, 2]))
    assert refused(InputError, head, floats(value, 1)) == message


@pytest.mark.parametrize("value", [0, -0.0, 1e-45, 10])
def test_the_edges_of_a_gate_scale_are_taken(value: float) -> None:
    assert read(request(tensor(), scale([value, 1]))).gate_scale is not None


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_a_gate_scale_that_is_no_number_is_refused(value: float) -> None:
    head = request(tensor(), binary(8, GATE_SCALE, shape=[1, 2]))
    assert refused(InputError, head, floats(1, value)) == (
        "input 'gate_scale': data[0]: expected finite numbers, found others"
    )


def test_a_gate_scale_has_a_number_for_each_layer() -> None:
    wrong = tensor(GATE_SCALE, shape=[1, 3], data=[1, 1, 1])
    assert refused(InputError, request(tensor(), wrong)) == (
        "input 'gate_scale': expected the shape [rows, 2], found another"
    )


def test_without_layers_a_gate_scale_is_empty() -> None:
    plain = InferReader(replace(METADATA, layers=()), max_rows=5)
    in_json = request(tensor(), tensor(GATE_SCALE, shape=[1, 0], data=[]))
    behind = request(binary(), binary(0, GATE_SCALE, shape=[1, 0]))
    for asked in (read(in_json, reader=plain), read(behind, floats(*ROW), reader=plain)):
        assert asked.gate_scale is not None
        assert asked.gate_scale.shape == (1, 0)


def test_a_raw_body_is_one_row_and_all_outputs_come_back_binary() -> None:
    asked = IMAGES.read(floats(*ROW), 0)
    assert asked.rows.tolist() == [ROW]
    assert asked.outputs == tuple(WantedOutput(name, binary=True) for name in OUTPUTS)
    assert (asked.id, asked.gate_scale, asked.timeout_us) == (None, None, None)


@pytest.mark.parametrize("length", [0, 1, 12, 15, 17, 32])
def test_a_raw_body_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BodyError) as error:
        IMAGES.read(bytes(length), 0)
    assert str(error.value) == (
        f"body: expected the 16 bytes of one row of 4 FP32 numbers, found {length}"
    )


def test_only_a_tables_raw_row_may_miss_values() -> None:
    assert np.isnan(TABLES.read(floats(1, NAN, 3, 4), 0).rows[0, 1])
    for wanted, odd, reader in (("", NAN, IMAGES), (" or NaN", INFINITY, TABLES)):
        with pytest.raises(InputError) as error:
            reader.read(floats(1, odd, 3, 4), 0)
        assert str(error.value) == (
            f"input 'input': data[0]: expected finite numbers{wanted}, found others"
        )


def test_binary_data_needs_the_header() -> None:
    assert refused(BodyError, request(binary())) == (
        "input 'input': expected the header Inference-Header-Content-Length with binary data, "
        "found none"
    )


def test_json_alone_may_have_the_header_too() -> None:
    body = request(id="7")
    assert IMAGES.read(body, len(body)).id == "7"


@pytest.mark.parametrize("more", [1, 4, 16])
def test_bytes_behind_the_last_tensor_are_refused(more: int) -> None:
    head = request(binary())
    assert refused(BodyError, head, floats(*ROW), bytes(more)) == (
        f"body: expected {len(head) + 16} bytes, the JSON and its binary tensors, "
        f"found {len(head) + 16 + more}"
    )
    body = request()
    assert refused(BodyError, body, bytes(more)) == (
        f"body: expected {len(body)} bytes, the JSON and its binary tensors, "
        f"found {len(body) + more}"
    )


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_head_length_that_misses_the_end_of_the_json_is_refused(shift: int) -> None:
    head = request(binary())
    with pytest.raises(BodyError) as error:
        IMAGES.read(head + floats(*ROW), len(head) + shift)
    assert str(error.value) == NOT_JSON


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(FLOATS, min_size=4, max_size=4), min_size=1, max_size=5))
def test_flat_nested_and_binary_give_the_same_bits(values: Sequence[Sequence[float]]) -> None:
    expected = np.array(values, np.float32)
    shape = list(expected.shape)
    flat = read(request(tensor(shape=shape, data=expected.reshape(-1).tolist())))
    nested = read(request(tensor(shape=shape, data=values)))
    behind = read(request(binary(expected.nbytes, shape=shape)), expected.tobytes())
    for asked in (flat, nested, behind):
        assert asked.rows.dtype == np.float32
        assert same_bits(asked.rows, expected)
