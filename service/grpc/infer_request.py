"""The message ModelInferRequest, read as the JSON form of the protocol is."""

from typing import Any

from google.protobuf.message import DecodeError

from service.arrays import FloatArray
from service.contract import GATE_SCALE, INPUT, OUTPUTS, Metadata, tensor_widths
from service.errors import BodyError, InputError, UnsupportedError
from service.formats.infer_request import InferRequest, check_scale
from service.formats.parameters import read_count
from service.formats.requested_outputs import WantedOutput, default_outputs
from service.formats.rows import check_count
from service.formats.tensors import DATATYPES, FP32, ITEM_SIZE, read_binary
from service.grpc.messages import ModelInferRequest
from service.grpc.wire import MALFORMED, check_decodable, read_floats

SHARED_MEMORY = "shared_memory_region"
MAX_PARAMETERS = 64  # of one message, as of a JSON object


def decode(body: bytes) -> Any:
    """Return the message; other bytes, and what takes long to decode, are a `BodyError`."""
    check_decodable(body)
    try:
        return ModelInferRequest.FromString(body)
    except DecodeError as error:
        raise BodyError(MALFORMED) from error


class InferMessageReader:
    """Reader of the requests for one model."""

    def __init__(self, metadata: Metadata, *, max_rows: int) -> None:
        """Accept at most `max_rows` rows in one request."""
        widths = tensor_widths(metadata)
        self._widths = {name: widths[name] for name in (INPUT, GATE_SCALE)}
        self._missing = {INPUT: metadata.input.kind == "table", GATE_SCALE: False}
        self._max_rows = max_rows

    def read(self, body: bytes) -> InferRequest:
        """Read a message; a malformed one is a `BodyError`.

        Tensors that do not fit the model are an `InputError` that names the tensor.
        """
        message = decode(body)
        timeout = None
        if message.parameters:
            timeout = read_count(_parameters(message, "parameters"), "timeout", least=0)
        outputs = _read_outputs(message.outputs) if message.outputs else None
        tensors = self._read_tensors(message.inputs, message.raw_input_contents)
        if INPUT not in tensors:
            raise InputError(f"inputs: the tensor '{INPUT}' is missing")
        rows, scale = tensors[INPUT], tensors.get(GATE_SCALE)
        if scale is not None:
            check_scale(scale, len(rows))
        wanted = default_outputs(binary=True) if outputs is None else outputs
        return InferRequest(message.id or None, rows, scale, wanted, timeout)

    def _read_tensors(self, inputs: Any, raw: Any) -> dict[str, FloatArray]:
        if raw and len(raw) != len(inputs):
            raise BodyError(
                f"raw_input_contents: expected {len(inputs)}, one for each input, found {len(raw)}"
            )
        tensors: dict[str, FloatArray] = {}
        for index, item in enumerate(inputs):
            name = self._name(item, index, tensors)
            location = f"input '{name}'"
            rows = self._rows(item, location, self._widths[name])
            if item.parameters:
                _refuse_shared_memory(item, location)
            if raw and item.contents:
                raise InputError(f"{location}: expected contents or raw_input_contents, found both")
            data = raw[index] if raw else read_floats(item.contents)
            shape = rows, self._widths[name]
            _check_length(data, location, shape)
            tensors[name] = read_binary(data, 0, name, shape, missing=self._missing[name])
        return tensors

    def _name(self, item: Any, index: int, tensors: dict[str, FloatArray]) -> str:
        name: str = item.name
        if name not in self._widths:
            names = " or ".join(f"'{known}'" for known in self._widths)
            raise InputError(f"inputs[{index}]: expected the name {names}, found another name")
        if name in tensors:
            raise InputError(f"inputs[{index}]: expected each input once, found '{name}' again")
        return name

    def _rows(self, item: Any, location: str, width: int) -> int:
        if item.datatype != FP32:
            actual = item.datatype if item.datatype in DATATYPES else "another"
            raise InputError(f"{location}: expected the datatype {FP32}, found {actual}")
        shape = item.shape
        if len(shape) != 2 or shape[0] < 0 or shape[1] != width:
            actual = "another shape" if len(shape) == 2 else f"{len(shape)} axes"
            raise InputError(f"{location}: expected the shape [rows, {width}], found {actual}")
        rows: int = shape[0]
        check_count(rows, self._max_rows, location)
        return rows


def _read_outputs(items: Any) -> tuple[WantedOutput, ...]:
    outputs: dict[str, WantedOutput] = {}
    for index, item in enumerate(items):
        location = f"outputs[{index}]"
        name: str = item.name
        if name not in OUTPUTS:
            names = " or ".join(f"'{known}'" for known in OUTPUTS)
            raise InputError(f"{location}: expected the name {names}, found another name")
        if name in outputs:
            raise InputError(f"{location}: expected each output once, found '{name}' again")
        classes = None
        if item.parameters:
            _refuse_shared_memory(item, location)
            parameters = _parameters(item, f"{location}: parameters")
            classes = read_count(parameters, "classification", least=1)
        outputs[name] = WantedOutput(name, binary=True, classes=classes)
    return tuple(outputs.values())


def _parameters(message: Any, location: str) -> dict[str, Any]:
    """Return the values of a message's parameters; None for one without a value."""
    if len(message.parameters) > MAX_PARAMETERS:
        raise BodyError(f"{location}: expected at most {MAX_PARAMETERS}, found more")
    values = {}
    for name, parameter in message.parameters.items():
        choice = parameter.WhichOneof("parameter_choice")
        values[name] = None if choice is None else getattr(parameter, choice)
    return values


def _refuse_shared_memory(item: Any, location: str) -> None:
    if SHARED_MEMORY in item.parameters:
        raise UnsupportedError(f"{location}: shared memory is not supported; send the data itself")


def _check_length(data: bytes, location: str, shape: tuple[int, int]) -> None:
    expected = shape[0] * shape[1] * ITEM_SIZE
    if len(data) != expected:
        raise InputError(
            f"{location}: expected {expected} bytes of {FP32} numbers for the shape, found "
            f"{len(data)}"
        )
