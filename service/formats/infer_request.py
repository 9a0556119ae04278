"""The body of an Open Inference Protocol inference request, version 2 with binary tensors."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import simdjson

from service.arrays import FloatArray
from service.contract import GATE_SCALE, INPUT, LAYER_TYPICALITY, OUTPUTS, Metadata, tensor_widths
from service.errors import BodyError, InputError, RequestError
from service.formats.divided_request import NUMBERS
from service.formats.gate_scale import check_range
from service.formats.json_documents import Members, kind_of, members, parse_object
from service.formats.long_rows import Elements, read_long_data
from service.formats.outline import Steps, check_short, max_row_bytes, outline_of
from service.formats.parameters import read_count, read_flag, read_parameters
from service.formats.requested_outputs import WantedOutput, read_outputs
from service.formats.rows import check_count
from service.formats.tensors import ITEM_SIZE, check_size, read_binary, read_json, read_rows

Options = tuple[str | None, tuple[WantedOutput, ...], int | None]  # of `Head`, but the tensors

# Without `layer_typicality`, which takes the model longer: a request must name it.
RAW_OUTPUTS = tuple(WantedOutput(name, binary=True) for name in OUTPUTS if name != LAYER_TYPICALITY)

_TENSOR = ("name", "datatype", "shape", "parameters", "data")


class InferRequest(NamedTuple):
    """Rows (n, features), gate_scale (1 or n, layers), and the outputs in the requested order.

    `timeout_us` is the deadline in microseconds as Triton's clients set it; 0 and None mean none.
    """

    id: str | None
    rows: FloatArray
    gate_scale: FloatArray | None
    outputs: tuple[WantedOutput, ...]
    timeout_us: int | None


class Tensor(NamedTuple):
    """An input as the JSON describes it.

    `values` is None for binary data behind the JSON, and if `divided`: for numbers that were
    divided from the JSON.
    """

    name: str
    shape: tuple[int, int]
    values: FloatArray | None
    divided: bool = False


class Head(NamedTuple):
    """The JSON part of a request."""

    id: str | None
    outputs: tuple[WantedOutput, ...]
    timeout_us: int | None
    tensors: tuple[Tensor, ...]


class InferReader:
    """Reader of the requests for one model."""

    def __init__(self, metadata: Metadata, *, max_rows: int) -> None:
        """Accept at most `max_rows` rows in one request."""
        widths = tensor_widths(metadata)
        self._widths = {name: widths[name] for name in (INPUT, GATE_SCALE)}
        self._missing = {INPUT: metadata.input.kind == "table", GATE_SCALE: False}
        self._max_rows = max_rows

    def read(self, body: bytes, head_length: int | None) -> InferRequest:
        """Read a body whose first `head_length` bytes are JSON, all of them if None.

        With 0 the body is the bytes of one row and nothing else. A malformed request is a
        `BodyError`; tensors that do not fit the model are an `InputError` that names the tensor.
        JSON that takes long to read is a `LongReadError`.
        """
        if head_length == 0:
            return self._raw(body)
        head = self._head(body if head_length is None else body[:head_length])
        return self._request(head, body, head_length)

    def template(self, frame: bytes, *, binary: bool) -> InferRequest | None:
        """Read a frame of `divided_request`; None if the whole request must be read.

        The rows are zeros that take no memory. `read_json_rows` or `read_binary_rows` reads the
        rows of a request with this frame.
        """
        try:
            head = self._head(frame)
            tensors = {tensor.name: tensor for tensor in head.tensors}
            rows = tensors.pop(INPUT)
            scale = tensors[GATE_SCALE].values if tensors else None
            if rows.values is not None or rows.divided is binary or (tensors and scale is None):
                return None
            if scale is not None:
                check_scale(scale, rows.shape[0])
        except RequestError:  # the whole request is read again, for an error that names it all
            return None
        zeros = np.broadcast_to(np.float32(0), rows.shape)
        return InferRequest(head.id, zeros, scale, head.outputs, head.timeout_us)

    def read_long(self, body: bytes, head_length: int | None) -> Steps[InferRequest]:
        """Read the same in steps, however long the JSON is."""
        text = body if head_length is None else body[:head_length]
        outline = yield from outline_of(
            text, depth=4, max_element_bytes=max_row_bytes(max(self._widths.values()))
        )
        document = outline.parse_object("id", "parameters", "inputs", "outputs")
        options, inputs = _options(document)
        tensors: dict[str, Tensor] = {}
        for index, item in enumerate(inputs):
            described = outline.members(_object(item, index), *_TENSOR)
            name = self._name(described, index, tensors)
            rows, data = self._data(described, name)
            values: FloatArray | None = None
            if isinstance(data, Elements):
                values = yield from read_long_data(
                    data, f"input '{name}'", (rows, self._widths[name]), missing=self._missing[name]
                )
            elif data is not None:
                values = self._values(data, name, rows, b"", 0)
            tensors[name] = Tensor(name, (rows, self._widths[name]), values)
        return self._request(_head_of(options, tensors), body, head_length)

    def _request(self, head: Head, body: bytes, head_length: int | None) -> InferRequest:
        """Add the binary tensors behind the JSON."""
        tensors: dict[str, FloatArray] = {}
        end = head_length
        for name, shape, values, _ in head.tensors:
            if values is None:
                if end is None:
                    raise BodyError(
                        f"input '{name}': binary data needs the header "
                        "Inference-Header-Content-Length"
                    )
                values = read_binary(body, end, name, shape, missing=self._missing[name])
                end += values.nbytes
            tensors[name] = values
        if end is not None and end != len(body):
            raise BodyError(
                f"body: expected {end} bytes, the JSON and its binary tensors, found {len(body)}"
            )
        scale = tensors.get(GATE_SCALE)
        if scale is not None:
            check_scale(scale, len(tensors[INPUT]))
        return InferRequest(head.id, tensors[INPUT], scale, head.outputs, head.timeout_us)

    def _head(self, text: bytes) -> Head:
        check_short(text)
        document = parse_object(text, "id", "parameters", "inputs", "outputs")
        options, inputs = _options(document)
        # Around a tensor's data: the inputs, the shape of each, and the outputs.
        lists = 1 + len(inputs) + isinstance(document.get("outputs"), simdjson.Array)
        tensors: dict[str, Tensor] = {}
        for index, item in enumerate(inputs):
            described = members(_object(item, index), *_TENSOR)
            name = self._name(described, index, tensors)
            rows, data = self._data(described, name)
            divided = data == NUMBERS and type(data) is int
            values = None
            if data is not None and not divided:
                values = self._values(data, name, rows, text, lists)
            tensors[name] = Tensor(name, (rows, self._widths[name]), values, divided)
        return _head_of(options, tensors)

    def _name(self, described: Members, index: int, tensors: Mapping[str, Tensor]) -> str:
        name = described.get("name")
        if name not in self._widths:
            names = " or ".join(f"'{known}'" for known in self._widths)
            actual = "another name" if isinstance(name, str) else kind_of(name)
            raise InputError(f"inputs[{index}]: expected the name {names}, found {actual}")
        if name in tensors:
            raise InputError(f"inputs[{index}]: expected each input once, found '{name}' again")
        return str(name)

    def _data(self, item: Members, name: str) -> tuple[int, Any]:
        """Return the number of rows, and the JSON data, None if it is binary."""
        location = f"input '{name}'"
        width = self._widths[name]
        rows = read_rows(item, location, width)
        check_count(rows, self._max_rows, location)
        parameters = read_parameters(item, f"{location}: parameters", "binary_data_size")
        size: Any = parameters.get("binary_data_size")
        data = item.get("data")
        if (size is None) == (data is None):
            actual = "neither" if data is None else "both"
            raise InputError(f"{location}: expected data or binary_data_size, found {actual}")
        if data is None:
            check_size(size, location, (rows, width))
        return rows, data

    def _values(self, data: Any, name: str, rows: int, text: bytes, lists: int) -> FloatArray:
        return read_json(
            text,
            data,
            f"input '{name}'",
            (rows, self._widths[name]),
            missing=self._missing[name],
            lists_around=lists,
        )

    def _raw(self, body: bytes) -> InferRequest:
        width = self._widths[INPUT]
        if len(body) != width * ITEM_SIZE:
            raise BodyError(
                f"body: expected the {width * ITEM_SIZE} bytes of one row of {width} FP32 "
                f"numbers, found {len(body)}"
            )
        rows = read_binary(body, 0, INPUT, (1, width), missing=self._missing[INPUT])
        return InferRequest(None, rows, None, RAW_OUTPUTS, None)


def _options(document: Members) -> tuple[Options, simdjson.Array]:
    """Read all but the tensors, and return the list of those."""
    identifier = document.get("id")
    if not (identifier is None or isinstance(identifier, str)):
        raise BodyError(f"id: expected a string, found {kind_of(identifier)}")
    parameters = read_parameters(document, "parameters", "binary_data_output", "timeout")
    binary = read_flag(parameters, "binary_data_output") is True
    wanted = read_outputs(document.get("outputs"), binary=binary)
    timeout = read_count(parameters, "timeout", least=0)
    inputs = document.get("inputs")
    if not isinstance(inputs, simdjson.Array):
        raise BodyError(f"inputs: expected a list of tensors, found {kind_of(inputs)}")
    return (identifier, wanted, timeout), inputs


def _object(item: Any, index: int) -> simdjson.Object:
    if not isinstance(item, simdjson.Object):
        raise BodyError(f"inputs[{index}]: expected an object, found {kind_of(item)}")
    return item


def _head_of(options: Options, tensors: Mapping[str, Tensor]) -> Head:
    if INPUT not in tensors:
        raise InputError(f"inputs: the tensor '{INPUT}' is missing")
    return Head(*options, tuple(tensors.values()))


def check_scale(scale: FloatArray, rows: int) -> None:
    """Raise `InputError` unless the gate scales, of shape (1 or rows, layers), are valid."""
    if len(scale) not in (1, rows):
        raise InputError(
            f"input '{GATE_SCALE}': expected 1 row or {rows}, as many as '{INPUT}' has, found "
            f"{len(scale)}"
        )
    check_range(scale, f"input '{GATE_SCALE}'")
