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
from service.formats.divided_request import NUMBERS
from service.formats.infer_request import InferReader
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


def test_a_raw_body_is_one_row_with_all_outputs_but_the_layers_typicality_in_binary() -> None:
    parsed = IMAGES.read(floats(*ROW), 0)
    assert parsed.rows.tolist() == [ROW]
    assert parsed.outputs == tuple(WantedOutput(name, binary=True) for name in OUTPUTS[:-1])
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


# One reader, many requests.


def test_long_and_short_requests_alternate() -> None:
    for padding in (MAX_TEXT_BYTES - 400, 10, MAX_TEXT_BYTES - 300, 10):
        assert read(request(note="x" * padding)).rows.tolist() == [ROW]


def test_a_request_is_read_after_a_malformed_one() -> None:
    for wrong in (b"{", b"[]", request(tensor(data=[1, [2], 3, 4])), request(outputs=[1])):
        with pytest.raises(RequestError):
            read(wrong)
        assert read(request()).rows.tolist() == [ROW]


# Templates: the frame of a request without the numbers of its input.


def in_json(data: str, **members: object) -> bytes:
    """Write a request with this text in the place of the input's data."""
    return request(tensor(data="@"), **members).replace(b'"@"', data.encode())


def test_a_template_has_all_but_the_rows() -> None:
    body = request(
        tensor(shape=[3, 4], data="@"),
        scale([0.5, 1]),
        id="7",
        parameters={"timeout": 5},
        outputs=[{"name": LOGITS}],
    )
    template = IMAGES.template(body.replace(b'"@"', b" %d " % NUMBERS), binary=False)
    assert template is not None
    assert (template.id, template.timeout_us) == ("7", 5)
    assert template.outputs == (WantedOutput(LOGITS, binary=False),)
    assert template.rows.shape == (3, 4)
    assert template.gate_scale is not None
    assert template.gate_scale.tolist() == [[0.5, 1]]


def test_the_rows_of_a_template_take_no_memory() -> None:
    template = IMAGES.template(request(binary()), binary=True)
    assert template is not None
    assert template.rows.strides == (0, 0)


def test_only_the_number_itself_stands_for_the_rows() -> None:
    assert IMAGES.template(in_json(str(NUMBERS)), binary=False) is not None
    for text in (f"{NUMBERS}.0", f"-{NUMBERS}", f'"{NUMBERS}"', f"[{NUMBERS}]", "1", "null"):
        assert IMAGES.template(in_json(text), binary=False) is None


@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        request(),  # with data of its own
        request(tensor(data="x")),
        request(tensor(shape=[6, 4], data=NUMBERS)),  # more rows than the reader accepts
        request(tensor(shape=[0, 4], data=NUMBERS)),
        request(tensor(shape=[1, 3], data=NUMBERS)),
        request(tensor(data=NUMBERS, parameters={"binary_data_size": 16})),
        request(tensor(data=NUMBERS), id=7),
        request(tensor(data=NUMBERS), outputs=[{"name": "x"}]),
        request(tensor(data=NUMBERS), scale([1, 11])),
        request(tensor(data=NUMBERS), scale([1, 1], [1, 1])),
        request(tensor(data=NUMBERS), tensor(GATE_SCALE, shape=[1, 2], data=NUMBERS)),
        request(tensor(data=NUMBERS), binary(8, GATE_SCALE, shape=[1, 2])),
        request(tensor(), tensor(GATE_SCALE, shape=[1, 2], data=NUMBERS)),
        request(tensor(GATE_SCALE, shape=[1, 2], data=NUMBERS)),
        request(binary(12)),
        request(binary(), binary(8, GATE_SCALE, shape=[1, 2])),
    ],
    ids=lambda frame: str(len(frame)),  # NUMBERS differs between processes
)
def test_a_frame_that_is_not_a_valid_request_has_no_template(frame: bytes, is_binary: bool) -> None:
    assert IMAGES.template(frame, binary=is_binary) is None


def test_a_template_is_either_for_json_or_for_binary_data() -> None:
    numbers, behind = request(tensor(data=NUMBERS)), request(binary())
    assert IMAGES.template(numbers, binary=True) is None
    assert IMAGES.template(behind, binary=False) is None
    assert IMAGES.template(behind, binary=True) is not None
