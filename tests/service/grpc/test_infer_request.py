"""The message ModelInferRequest has the checks and the sentences of the JSON form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.errors import BodyError, InputError, UnsupportedError
from service.formats.requested_outputs import WantedOutput, default_outputs
from service.grpc.infer_request import InferMessageReader, decode
from tests.service.conftest import METADATA, TABLE
from tests.service.grpc.transport import add_input, request

READER = InferMessageReader(METADATA, max_rows=5)
ROWS = [[1, 2, 3, 4], [5, 6, 7, 8]]
NAMES = (
    "'logits' or 'probabilities' or 'gate_mean' or 'gate_units' or 'typicality' or "
    "'layer_typicality'"
)


def read(message: Any) -> Any:
    return READER.read(message.SerializeToString())


def test_raw_rows_are_a_view_of_the_message() -> None:
    found = read(request(ROWS, id="7"))
    assert found.rows.tolist() == ROWS
    assert found.rows.dtype == np.float32
    assert not found.rows.flags.owndata
    assert (found.id, found.gate_scale, found.timeout_us) == ("7", None, None)
    assert found.outputs == default_outputs(binary=True)


def test_gate_scales_outputs_and_timeout_are_read() -> None:
    message = request(ROWS, outputs=[{"name": "gate_mean"}, {"name": "logits"}])
    add_input(message, "gate_scale", [[0, 2]])
    message.outputs[1].parameters["classification"].int64_param = 2
    message.outputs[1].parameters["binary_data"].bool_param = False  # has no meaning here
    message.parameters["timeout"].uint64_param = 9
    message.parameters["unknown"].string_param = "x"
    found = read(message)
    assert found.gate_scale.tolist() == [[0, 2]]
    assert found.outputs == (
        WantedOutput("gate_mean", binary=True),
        WantedOutput("logits", binary=True, classes=2),
    )
    assert (found.id, found.timeout_us) == (None, 9)


def test_nan_is_a_missing_value_of_a_table() -> None:
    body = request([[float("nan"), 0, 1, 2]]).SerializeToString()
    rows = InferMessageReader(TABLE, max_rows=5).read(body).rows
    assert np.isnan(rows[0, 0])


def scaled(*rows: list[float]) -> Any:
    message = request(ROWS)
    add_input(message, "gate_scale", rows)
    return message


def changed(change: Callable[[Any], object]) -> Any:
    message = request(ROWS, outputs=[{"name": "logits"}])
    change(message)
    return message


def with_parameter(message: Any, name: str, **value: Any) -> Any:
    parameter = message.parameters[name]
    for kind, content in value.items():
        setattr(parameter, kind, content)
    return parameter


@pytest.mark.parametrize(
    ("message", "error", "sentence"),
    [
        (
            changed(lambda m: m.ClearField("inputs")),
            BodyError,
            "raw_input_contents: expected 0, one for each input, found 1",
        ),
        (
            changed(lambda m: (m.ClearField("inputs"), m.ClearField("raw_input_contents"))),
            InputError,
            "inputs: the tensor 'input' is missing",
        ),
        (
            changed(lambda m: m.raw_input_contents.append(b"")),
            BodyError,
            "raw_input_contents: expected 1, one for each input, found 2",
        ),
        (
            changed(lambda m: add_input(m, "input", ROWS)),
            InputError,
            "inputs[1]: expected each input once, found 'input' again",
        ),
        (
            changed(lambda m: setattr(m.inputs[0], "datatype", "FLOAT")),
            InputError,
            "input 'input': expected the datatype FP32, found another",
        ),
        (
            changed(lambda m: m.inputs[0].shape.append(1)),
            InputError,
            "input 'input': expected the shape [rows, 4], found 3 axes",
        ),
        (
            changed(lambda m: m.inputs[0].ClearField("shape")),
            InputError,
            "input 'input': expected the shape [rows, 4], found 0 axes",
        ),
        (
            request(np.zeros((0, 4))),
            InputError,
            "input 'input': expected at least one row, found none",
        ),
        (
            request(np.zeros((6, 4))),
            InputError,
            "input 'input': expected at most 5 rows, found 6; send them in parts",
        ),
        (
            changed(lambda m: setattr(m.inputs[0], "contents", b"\x32\x00")),
            InputError,
            "input 'input': expected contents or raw_input_contents, found both",
        ),
        (
            changed(lambda m: m.ClearField("raw_input_contents")),
            InputError,
            "input 'input': expected 32 bytes of FP32 numbers for the shape, found 0",
        ),
        (
            request([[np.inf, 0, 0, 0]]),
            InputError,
            "input 'input': data[0]: only finite numbers are allowed",
        ),
        (
            scaled([1, 1], [1, 1], [1, 1]),
            InputError,
            "input 'gate_scale': expected 1 row or 2, as many as 'input' has, found 3",
        ),
        (
            scaled([1, 11]),
            InputError,
            "input 'gate_scale': expected numbers from 0 to 10, found one out of range; 0 closes a "
            "layer, 1 leaves it unchanged",
        ),
        (
            changed(lambda m: m.outputs.add(name="cats")),
            InputError,
            f"outputs[1]: expected the name {NAMES}, found another name",
        ),
        (
            changed(lambda m: m.outputs.add(name="logits")),
            InputError,
            "outputs[1]: expected each output once, found 'logits' again",
        ),
        (
            changed(lambda m: with_parameter(m.outputs[0], "classification", int64_param=0)),
            BodyError,
            "parameter 'classification': expected an integer of at least 1, found another number",
        ),
        (
            changed(lambda m: with_parameter(m, "timeout", string_param="1")),
            BodyError,
            "parameter 'timeout': expected an integer of at least 0, found a string",
        ),
        (
            changed(lambda m: [with_parameter(m, str(i), bool_param=True) for i in range(65)]),
            BodyError,
            "parameters: expected at most 64, found more",
        ),
        (
            changed(lambda m: with_parameter(m.inputs[0], "shared_memory_region", string_param="")),
            UnsupportedError,
            "input 'input': shared memory is not supported; send the data itself",
        ),
        (
            changed(
                lambda m: with_parameter(m.outputs[0], "shared_memory_region", string_param="")
            ),
            UnsupportedError,
            "outputs[0]: shared memory is not supported; send the data itself",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_refused(
    message: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as failure:
        read(message)
    assert str(failure.value) == sentence


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x02\xff\xff", b"\x0a\x05abc"])
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(BodyError) as error:
        decode(body)
    assert str(error.value) == ("body: expected a message of the method's type, found other bytes")
