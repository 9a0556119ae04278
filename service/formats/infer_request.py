"""The body of an Open Inference Protocol inference request, version 2 with binary tensors."""

from functools import lru_cache
from typing import Any, NamedTuple

import simdjson

from service.arrays import FloatArray
from service.contract import GATE_SCALE, INPUT, OUTPUTS, Metadata, tensor_widths
from service.errors import BodyError, InputError
from service.formats.gate_scale import check_range
from service.formats.json_documents import Members, kind_of, members, parse_object
from service.formats.parameters import read_count, read_flag, read_parameters
from service.formats.requested_outputs import WantedOutput, read_outputs
from service.formats.rows import check_count
from service.formats.tensors import ITEM_SIZE, check_size, read_binary, read_json, read_rows

CACHED_HEADS = 256  # of binary requests: a client sends the same one again and again
MAX_CACHED_BYTES = 4096  # of one head

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
    """An input as the JSON describes it; `values` is None for binary data behind the JSON."""

    name: str
    shape: tuple[int, int]
    values: FloatArray | None


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
        self._cached_head = lru_cache(CACHED_HEADS)(self._head)

    def read(self, body: bytes, head_length: int | None) -> InferRequest:
        """Read a body whose first `head_length` bytes are JSON, all of them if None.

        With 0 the body is the bytes of one row and nothing else. A malformed request is a
        `BodyError`; tensors that do not fit the model are an `InputError` that names the tensor.
        """
        if head_length == 0:
            return self._raw(body)
        if head_length is None:
            head = self._head(body)
        elif head_length <= MAX_CACHED_BYTES:
            head = self._cached_head(body[:head_length])
        else:
            head = self._head(body[:head_length])
        tensors: dict[str, FloatArray] = {}
        end = head_length
        for name, shape, values in head.tensors:
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
            _check_scale(scale, len(tensors[INPUT]))
        return InferRequest(head.id, tensors[INPUT], scale, head.outputs, head.timeout_us)

    def _head(self, text: bytes) -> Head:
        document = parse_object(text, "id", "parameters", "inputs", "outputs")
        identifier = document.get("id")
        if not (identifier is None or isinstance(identifier, str)):
            raise BodyError(f"id: expected a string, found {kind_of(identifier)}")
        parameters = read_parameters(document, "parameters", "binary_data_output", "timeout")
        outputs = document.get("outputs")
        binary = read_flag(parameters, "binary_data_output") is True
        wanted = read_outputs(outputs, binary=binary)
        timeout = read_count(parameters, "timeout", least=0)
        inputs = document.get("inputs")
        if not isinstance(inputs, simdjson.Array):
            raise BodyError(f"inputs: expected a list of tensors, found {kind_of(inputs)}")
        # Around a tensor's data: the inputs, the shape of each, and the outputs.
        lists = 1 + len(inputs) + isinstance(outputs, simdjson.Array)
        return Head(identifier, wanted, timeout, self._tensors(inputs, text, lists))

    def _tensors(self, inputs: simdjson.Array, text: bytes, lists: int) -> tuple[Tensor, ...]:
        tensors: dict[str, Tensor] = {}
        for index, item in enumerate(inputs):
            if not isinstance(item, simdjson.Object):
                raise BodyError(f"inputs[{index}]: expected an object, found {kind_of(item)}")
            described = members(item, *_TENSOR)
            name = described.get("name")
            if name not in self._widths:
                names = " or ".join(f"'{known}'" for known in self._widths)
                actual = "another name" if isinstance(name, str) else kind_of(name)
                raise InputError(f"inputs[{index}]: expected the name {names}, found {actual}")
            if name in tensors:
                raise InputError(f"inputs[{index}]: expected each input once, found '{name}' again")
            tensors[name] = self._tensor(described, name, text, lists)
        if INPUT not in tensors:
            raise InputError(f"inputs: the tensor '{INPUT}' is missing")
        return tuple(tensors.values())

    def _tensor(self, item: Members, name: str, text: bytes, lists: int) -> Tensor:
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
        shape = (rows, width)
        if data is None:
            check_size(size, location, shape)
            return Tensor(name, shape, None)
        missing = self._missing[name]
        values = read_json(text, data, location, shape, missing=missing, lists_around=lists)
        return Tensor(name, shape, values)

    def _raw(self, body: bytes) -> InferRequest:
        width = self._widths[INPUT]
        if len(body) != width * ITEM_SIZE:
            raise BodyError(
                f"body: expected the {width * ITEM_SIZE} bytes of one row of {width} FP32 "
                f"numbers, found {len(body)}"
            )
        rows = read_binary(body, 0, INPUT, (1, width), missing=self._missing[INPUT])
        outputs = tuple(WantedOutput(name, binary=True) for name in OUTPUTS)
        return InferRequest(None, rows, None, outputs, None)


def _check_scale(scale: FloatArray, rows: int) -> None:
    if len(scale) not in (1, rows):
        raise InputError(
            f"input '{GATE_SCALE}': expected 1 row or {rows}, as many as '{INPUT}' has, found "
            f"{len(scale)}"
        )
    check_range(scale, f"input '{GATE_SCALE}'")
