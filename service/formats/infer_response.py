"""The body of an Open Inference Protocol inference response: JSON, binary tensors or both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from service.arrays import FloatArray, Outputs
from service.contract import (
    GATE_MEAN,
    LAYER_TYPICALITY,
    LOGITS,
    PROBABILITIES,
    TYPICALITY,
    TYPICALITY_COLUMNS,
    Metadata,
    tensor_widths,
)
from service.formats.encoded_rows import json_values
from service.formats.json_documents import encode
from service.formats.outline import Steps
from service.formats.requested_outputs import WantedOutput
from service.formats.tensors import FP32, ITEM_SIZE
from service.inference.outputs import BatchOutputs

VALUES_IN_A_STEP = 8192
COST_OF_A_CLASS = 32  # a string takes as long as so many numbers
CACHED_RESPONSE_FRAMES = 16  # of a response form, for as many numbers of rows

Written = tuple[bytes, int | None]  # a body and the length of its JSON part, None if it is all JSON


class ResponseForm:
    """The outputs that a request wants, in one model's widths, and their JSON without numbers.

    For each row of a response there are `values` numbers and `classes` strings. `classified` is
    whether an output is a list of classes.
    """

    __slots__ = ("classes", "classified", "frames", "names", "values", "wanted", "widths")

    def __init__(self, wanted: tuple[WantedOutput, ...], widths: Mapping[str, int]) -> None:
        self.wanted = wanted
        self.widths = widths
        self.names = frozenset(output.name for output in wanted)
        self.values = sum(widths[name] for name in self.names)
        self.classes = sum(min(output.classes or 0, widths[output.name]) for output in wanted)
        self.classified = any(output.classes is not None for output in wanted)
        self.frames: dict[int, Frame] = {}

    def frame(self, model: bytes, rows: int) -> "Frame":
        """Keep in `frames` the JSON around the numbers of a response with so many rows."""
        if len(self.frames) >= CACHED_RESPONSE_FRAMES:
            self.frames.clear()
        frame = self.frames[rows] = Frame(self, model, rows)
        return frame


class Frame:
    """A response without its numbers.

    The `template` has a place for the numbers of each output `in_json`, and one for what follows
    the outputs. The `binary` outputs follow the JSON.
    """

    __slots__ = ("binary", "in_json", "template")

    def __init__(self, form: ResponseForm, model: bytes, rows: int) -> None:
        """`model` is the JSON of the model's name and version, without the closing brace."""
        self.binary = [output.name for output in form.wanted if output.binary]
        self.in_json = [output.name for output in form.wanted if not output.binary]
        outputs = []
        for name, binary, _ in form.wanted:
            width = form.widths[name]
            described = {"name": name, "datatype": FP32, "shape": (rows, width)}
            text = _escape(encode(described)[:-1])
            if binary:
                size = encode({"binary_data_size": rows * width * ITEM_SIZE})
                outputs.append(text + b',"parameters":' + size + b"}")
            else:
                outputs.append(text + b',"data":[%b]}')
        self.template = _escape(model) + b',"outputs":[' + b",".join(outputs) + b"]%b"

    def fill(self, batch: BatchOutputs, first: int, last: int, end: bytes) -> Written:
        """Add the numbers, and the JSON behind the outputs."""
        values = [json_values(batch, name, first, last) for name in self.in_json]
        head = self.template % (*values, end)
        if not self.binary:
            return head, None
        arrays = batch.arrays
        tensors = [arrays[name][first:last].tobytes() for name in self.binary]
        return b"".join((head, *tensors)), len(head)


def _escape(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


class InferWriter:
    """Writer of the responses of one model."""

    def __init__(self, metadata: Metadata) -> None:
        self._model = {"model_name": metadata.name, "model_version": metadata.version}
        self._model_json = encode(self._model)[:-1]
        self._widths = tensor_widths(metadata)
        layers = [layer.name for layer in metadata.layers]
        self._names: dict[str, Sequence[str]] = {
            LOGITS: metadata.labels,
            PROBABILITIES: metadata.labels,
            GATE_MEAN: layers,
            TYPICALITY: TYPICALITY_COLUMNS,
            LAYER_TYPICALITY: layers,
        }

    def form(self, wanted: tuple[WantedOutput, ...]) -> ResponseForm:
        """Return the form of responses with these outputs; it may be used for many requests."""
        return ResponseForm(wanted, self._widths)

    def write(
        self, form: ResponseForm, identifier: str | None, batch: BatchOutputs, first: int, last: int
    ) -> Written:
        """Return the response for the rows of a batch from `first` to before `last`."""
        if form.classified:
            return self._write_classes(batch.rows(first, last), form.wanted, identifier)
        end = b"}" if identifier is None else b',"id":%b}' % encode(identifier)
        rows = last - first
        frame = form.frames.get(rows) or form.frame(self._model_json, rows)
        return frame.fill(batch, first, last, end)

    def write_long(
        self, form: ResponseForm, identifier: str | None, outputs: Outputs
    ) -> Steps[Written]:
        """Return the response for all rows in steps, for any number of values."""
        body = _Body()
        for output in form.wanted:
            values = outputs[output.name]
            pieces = []
            if output.classes is not None:
                for rows in _steps(values, output.classes * COST_OF_A_CLASS):
                    strings = self._classify(output.name, rows, output.classes)
                    pieces.append(_strings_of(output, strings))
                    yield
                classes = min(output.classes, values.shape[1])
                body.add(output, "BYTES", (len(values), classes), _joined(output, pieces))
            elif output.binary:
                body.add(output, FP32, values.shape, values.tobytes())
                yield
            else:
                for rows in _steps(values, 1):
                    pieces.append(encode(rows.reshape(-1))[1:-1])
                    yield
                body.add(output, FP32, values.shape, _joined(output, pieces))
        yield
        return body.join(self._model, identifier)

    def _write_classes(
        self, outputs: Outputs, wanted: Sequence[WantedOutput], identifier: str | None
    ) -> Written:
        """Write outputs of which some are lists of classes."""
        body = _Body()
        for output in wanted:
            values = outputs[output.name]
            if output.classes is None:
                data = values.tobytes() if output.binary else values.reshape(-1)
                body.add(output, FP32, values.shape, data)
            else:
                strings = self._classify(output.name, values, output.classes)
                shape = (len(values), len(strings) // len(values))
                body.add(
                    output, "BYTES", shape, _length_prefixed(strings) if output.binary else strings
                )
        return body.join(self._model, identifier)

    def _classify(self, name: str, values: FloatArray, classes: int) -> list[str]:
        """Return each row's `classes` largest entries as `value:index:label`, largest first.

        Labels are the model's, or the layers' names for gates; single units have none.
        """
        names = self._names.get(name)
        order = np.argsort(-values, axis=1, kind="stable")[:, :classes]
        best = np.take_along_axis(values, order, axis=1)
        return [
            f"{value!s}:{index}" if names is None else f"{value!s}:{index}:{names[index]}"
            for value, index in zip(best.reshape(-1), order.reshape(-1).tolist(), strict=True)
        ]


class _Body:
    """A response body under construction."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._binary: list[bytes] = []

    def add(self, output: WantedOutput, datatype: str, shape: tuple[int, ...], data: Any) -> None:
        """Add a tensor; `data` are bytes if it is binary, else what becomes JSON."""
        entry: dict[str, Any] = {"name": output.name, "datatype": datatype, "shape": shape}
        if output.binary:
            entry["parameters"] = {"binary_data_size": len(data)}
            self._binary.append(data)
        else:
            entry["data"] = data
        self._entries.append(entry)

    def join(self, model: Mapping[str, object], identifier: str | None) -> Written:
        """Return the body and the length of its JSON part, None if the body is JSON alone."""
        document = {**model, "outputs": self._entries}
        if identifier is not None:
            document["id"] = identifier
        head = encode(document)
        return (b"".join((head, *self._binary)), len(head)) if self._binary else (head, None)


def _strings_of(output: WantedOutput, strings: Sequence[str]) -> bytes:
    """Write strings in binary, or as JSON without brackets."""
    return _length_prefixed(strings) if output.binary else encode(strings)[1:-1]


def _joined(output: WantedOutput, pieces: Sequence[bytes]) -> bytes | orjson.Fragment:
    return b"".join(pieces) if output.binary else orjson.Fragment(b"[%b]" % b",".join(pieces))


def _steps(values: FloatArray, cost: int) -> Iterator[FloatArray]:
    """Divide rows so that each part takes about a millisecond; `cost` is that of a row's values."""
    count = max(1, VALUES_IN_A_STEP // (values.shape[1] + cost))
    for start in range(0, len(values), count):
        yield values[start : start + count]


def _length_prefixed(strings: Sequence[str]) -> bytes:
    """Write binary BYTES: each element after its length in four bytes, little-endian."""
    encoded = [string.encode() for string in strings]
    return b"".join(len(content).to_bytes(4, "little") + content for content in encoded)
