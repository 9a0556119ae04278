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
from service.formats.infer_request import CACHED_HEADS, MAX_CACHED_BYTES, InferReader
from service.formats.json_documents import MAX_TEXT_BYTES
from service.formats.requested_outputs import WantedOutput, default_outputs
from tests.service.conftest import METADATA
from tests.service.formats.conftest import (
    IMAGES,
    INFINITY,
    INVALID_JSON,
    NAN,
    ROW,
    TABLES,
    binary,
    floats,
    read,
    rejected,
    request,
    same_bits,
    scale,
    tensor,
)


def test_a_minimal_request_gets_the_default_outputs() -> None:
    parsed = read(request())
    assert parsed.rows.tolist() == [ROW]
    assert parsed.outputs == default_outputs(binary=False)
    assert (parsed.id, parsed.gate_scale, parsed.timeout_us) == (None, None, None)


@pytest.mark.parametrize("identifier", ["", "7", '☃ "\\\n', "x" * 10_000, None])
def test_an_id_is_a_string_or_none(identifier: str | None) -> None:
    assert read(request(id=identifier)).id == identifier


@pytest.mark.parametrize(
    ("identifier", "actual"),
    [(7, "a number"), (False, "a boolean"), (["7"], "a list"), ({}, "an object")],
)
def test_an_id_of_another_type_is_rejected(identifier: object, actual: str) -> None:
    assert rejected(BodyError, request(id=identifier)) == f"id: expected a string, found {actual}"


def test_unknown_members_are_ignored() -> None:
    extra: dict[str, Any] = {"x": None, "data_type": [[{}]], "model_name": {"inputs": []}}
    described = {**tensor(), **extra, "parameters": {"x": [1], "triton_y": "z"}}
    parsed = read(request(described, **extra, outputs=[{"name": LOGITS, **extra}]))
    assert parsed.rows.tolist() == [ROW]
    assert parsed.outputs == (WantedOutput(LOGITS, binary=False),)


@pytest.mark.parametrize(
    ("inputs", "actual"),
    [
        (None, "null"),
        ({}, "an object"),
        ("input", "a string"),
        (1, "a number"),
        (True, "a boolean"),
    ],
)
def test_inputs_must_be_a_list(inputs: object, actual: str) -> None:
    body = json.dumps({"inputs": inputs}).encode()
    assert rejected(BodyError, body) == f"inputs: expected a list of tensors, found {actual}"


def test_a_body_without_inputs_is_rejected() -> None:
    assert rejected(BodyError, b"{}") == "inputs: expected a list of tensors, found null"
    assert rejected(BodyError, b'{"instances": [[1, 2, 3, 4]]}') == (
        "inputs: expected a list of tensors, found null"
    )


def test_the_input_tensor_is_required() -> None:
    message = "inputs: the tensor 'input' is missing"
    assert rejected(InputError, b'{"inputs": []}') == message
    assert rejected(InputError, request(scale([1, 1]))) == message


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
def test_an_error_names_the_location_of_a_malformed_input(
    wrong: object, error: type[RequestError], message: str
) -> None:
    assert rejected(error, request(tensor(), wrong)) == message


def test_a_gate_scale_has_one_row_for_all_or_one_for_each() -> None:
    rows = tensor(shape=[3, 4], data=[ROW] * 3)
    for values in ([[0, 1]], [[0, 1], [2, 0.5], [10, 1]]):
        parsed = read(request(rows, scale(*values)))
        assert parsed.gate_scale is not None
        assert parsed.gate_scale.dtype == np.float32
        assert parsed.gate_scale.tolist() == values


@pytest.mark.parametrize("count", [2, 4, 5])
def test_a_gate_scale_with_another_number_of_rows_is_rejected(count: int) -> None:
    rows = tensor(shape=[3, 4], data=[ROW] * 3)
    message = f"input 'gate_scale': expected 1 row or 3, as many as 'input' has, found {count}"
    assert rejected(InputError, request(rows, scale(*[[1, 1]] * count))) == message
    assert rejected(InputError, request(scale(*[[1, 1]] * count), rows)) == message


@pytest.mark.parametrize("value", [-1e-45, -1, 10.000001, 11, 3e38])
def test_a_gate_scale_out_of_range_is_rejected(value: float) -> None:
    message = (
        "input 'gate_scale': expected numbers from 0 to 10, found one out of range; 0 closes a "
        "layer, 1 leaves it unchanged"
    )
    assert rejected(InputError, request(tensor(), scale([1, value]))) == message
    head = request(tensor(), binary(8, GATE_SCALE, shape=[1, 2]))
    assert rejected(InputError, head, floats(value, 1)) == message


@pytest.mark.parametrize("value", [0, -0.0, 1e-45, 10])
def test_the_bounds_of_a_gate_scale_are_allowed(value: float) -> None:
    assert read(request(tensor(), scale([value, 1]))).gate_scale is not None


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_a_gate_scale_that_is_not_finite_is_rejected(value: float) -> None:
    head = request(tensor(), binary(8, GATE_SCALE, shape=[1, 2]))
    assert rejected(InputError, head, floats(1, value)) == (
        "input 'gate_scale': data[0]: only finite numbers are allowed"
    )


def test_a_gate_scale_has_a_number_for_each_layer() -> None:
    wrong = tensor(GATE_SCALE, shape=[1, 3], data=[1, 1, 1])
    assert rejected(InputError, request(tensor(), wrong)) == (
        "input 'gate_scale': expected the shape [rows, 2], found another shape"
    )


def test_the_gate_scale_of_a_model_without_layers_is_empty() -> None:
    plain = InferReader(replace(METADATA, layers=()), max_rows=5)
    in_json = request(tensor(), tensor(GATE_SCALE, shape=[1, 0], data=[]))
    behind = request(binary(), binary(0, GATE_SCALE, shape=[1, 0]))
    for parsed in (read(in_json, reader=plain), read(behind, floats(*ROW), reader=plain)):
        assert parsed.gate_scale is not None
        assert parsed.gate_scale.shape == (1, 0)


def test_a_raw_body_is_one_row_with_all_outputs_in_binary() -> None:
    parsed = IMAGES.read(floats(*ROW), 0)
    assert parsed.rows.tolist() == [ROW]
    assert parsed.outputs == tuple(WantedOutput(name, binary=True) for name in OUTPUTS)
    assert (parsed.id, parsed.gate_scale, parsed.timeout_us) == (None, None, None)


@pytest.mark.parametrize("length", [0, 1, 12, 15, 17, 32])
def test_a_raw_body_of_another_length_is_rejected(length: int) -> None:
    with pytest.raises(BodyError) as error:
        IMAGES.read(bytes(length), 0)
    assert str(error.value) == (
        f"body: expected the 16 bytes of one row of 4 FP32 numbers, found {length}"
    )


def test_only_a_tables_raw_row_may_have_missing_values() -> None:
    assert np.isnan(TABLES.read(floats(1, NAN, 3, 4), 0).rows[0, 1])
    for allowed, value, reader in (("", NAN, IMAGES), (" or NaN", INFINITY, TABLES)):
        with pytest.raises(InputError) as error:
            reader.read(floats(1, value, 3, 4), 0)
        assert str(error.value) == (
            f"input 'input': data[0]: only finite numbers{allowed} are allowed"
        )


def test_binary_data_requires_the_header() -> None:
    assert rejected(BodyError, request(binary())) == (
        "input 'input': binary data needs the header Inference-Header-Content-Length"
    )


def test_json_alone_may_have_the_header() -> None:
    body = request(id="7")
    assert IMAGES.read(body, len(body)).id == "7"


@pytest.mark.parametrize("more", [1, 4, 16])
def test_bytes_after_the_last_tensor_are_rejected(more: int) -> None:
    head = request(binary())
    assert rejected(BodyError, head, floats(*ROW), bytes(more)) == (
        f"body: expected {len(head) + 16} bytes, the JSON and its binary tensors, "
        f"found {len(head) + 16 + more}"
    )
    body = request()
    assert rejected(BodyError, body, bytes(more)) == (
        f"body: expected {len(body)} bytes, the JSON and its binary tensors, "
        f"found {len(body) + more}"
    )


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_head_length_other_than_the_jsons_is_rejected(shift: int) -> None:
    head = request(binary())
    with pytest.raises(BodyError) as error:
        IMAGES.read(head + floats(*ROW), len(head) + shift)
    assert str(error.value) == INVALID_JSON


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(FLOATS, min_size=4, max_size=4), min_size=1, max_size=5))
def test_flat_nested_and_binary_tensors_have_the_same_bits(
    values: Sequence[Sequence[float]],
) -> None:
    expected = np.array(values, np.float32)
    shape = list(expected.shape)
    flat = read(request(tensor(shape=shape, data=expected.reshape(-1).tolist())))
    nested = read(request(tensor(shape=shape, data=values)))
    behind = read(request(binary(expected.nbytes, shape=shape)), expected.tobytes())
    for parsed in (flat, nested, behind):
        assert parsed.rows.dtype == np.float32
        assert same_bits(parsed.rows, expected)


# The cache of JSON heads.


@pytest.fixture
def reader() -> InferReader:
    """A reader with an empty cache."""
    return InferReader(METADATA, max_rows=5)


def test_long_and_short_requests_alternate() -> None:
    for padding in (MAX_TEXT_BYTES - 400, 10, MAX_TEXT_BYTES - 300, 10):
        assert read(request(note="x" * padding)).rows.tolist() == [ROW]


def test_a_request_is_read_after_a_malformed_one(reader: InferReader) -> None:
    for wrong in (b"{", b"[]", request(tensor(data=[1, [2], 3, 4])), request(outputs=[1])):
        with pytest.raises(RequestError):
            read(wrong, reader=reader)
        assert read(request(), reader=reader).rows.tolist() == [ROW]


def test_a_cached_head_is_read_with_new_binary_data(reader: InferReader) -> None:
    head = request(binary())
    for row in ([1, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4]):
        assert read(head, floats(*row), reader=reader).rows.tolist() == [row]


def test_a_cached_head_is_not_parsed_again(reader: InferReader) -> None:
    head = request(binary(), outputs=[{"name": LOGITS}])
    first, second = (read(head, floats(*ROW), reader=reader).outputs for _ in range(2))
    assert first is second


def test_heads_that_differ_in_a_byte_are_distinguished(reader: InferReader) -> None:
    heads = {name: request(binary(), id=name) for name in ("a", "b", "c")}
    for name in (*"abc", *"cba"):
        parsed = read(heads[name], floats(*ROW), reader=reader)
        assert parsed.id == name


def test_the_json_numbers_of_a_cached_head_stay_unchanged(reader: InferReader) -> None:
    described = binary(8, GATE_SCALE, shape=[1, 2])
    for value, closed in ((1.0, 0.0), (2.0, 1.0), (1.0, 1.0), (2.0, 0.0)):
        head = request(tensor(data=[value] * 4), described)
        parsed = read(head, floats(closed, 1), reader=reader)
        assert parsed.gate_scale is not None
        assert (parsed.rows[0, 0], parsed.gate_scale[0, 0]) == (value, closed)


def test_more_heads_than_fit_the_cache_are_read(reader: InferReader) -> None:
    for turn in range(2):
        for number in range(CACHED_HEADS + 10):
            content = floats(number, turn, 0, 0)
            parsed = read(request(binary(), id=str(number)), content, reader=reader)
            assert (parsed.id, parsed.rows[0, :2].tolist()) == (str(number), [number, turn])


@pytest.mark.parametrize("length", [MAX_CACHED_BYTES, MAX_CACHED_BYTES + 1])
def test_a_head_too_long_for_the_cache_is_read(length: int, reader: InferReader) -> None:
    head = request(binary())
    head += b" " * (length - len(head))
    for row in ([1, 2, 3, 4], [5, 6, 7, 8]):
        assert read(head, floats(*row), reader=reader).rows.tolist() == [row]


def test_an_error_is_not_cached(reader: InferReader) -> None:
    wrong = request(binary(), outputs=[{"name": "x"}])
    errors = []
    for _ in range(2):
        with pytest.raises(InputError) as error:
            read(wrong, floats(*ROW), reader=reader)
        errors.append(error.value)
    assert errors[0] is not errors[1]
    assert str(errors[0]) == str(errors[1])


def test_a_cached_head_is_read_after_invalid_binary_data(reader: InferReader) -> None:
    head = request(binary())
    for wrong in (floats(1, NAN, 3, 4), floats(1, 2, 3), floats(1, 2, 3, 4, 5)):
        with pytest.raises(RequestError):
            read(head, wrong, reader=reader)
        assert read(head, floats(*ROW), reader=reader).rows.tolist() == [ROW]


def test_two_models_do_not_share_a_cache() -> None:
    head, content = request(binary()), floats(1, NAN, 3, 4)
    assert np.isnan(read(head, content, reader=TABLES).rows[0, 1])
    rejected(InputError, head, content, reader=IMAGES)
    assert np.isnan(read(head, content, reader=TABLES).rows[0, 1])
