"""The two inference endpoints of a model: native (`/predict`) and Open Inference Protocol."""

import math
import random
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple, Protocol, Self

from service.arrays import Outputs
from service.contract import (
    GATE_MEAN,
    LAYER_TYPICALITY,
    PROBABILITIES,
    TYPICALITY,
    Metadata,
    tensor_widths,
)
from service.errors import BodyError, InputError, MediaTypeError
from service.formats.divided_request import (
    MAX_FRAME_BYTES,
    divide_instance,
    divide_tensor,
    read_binary_rows,
    read_json_rows,
)
from service.formats.infer_request import InferReader, InferRequest
from service.formats.infer_response import InferWriter, Written
from service.formats.json_documents import JSON
from service.formats.outline import Steps
from service.formats.predict import (
    PredictRequest,
    PredictWriter,
    predict_template,
    read_long_predict,
    read_predict,
)
from service.inference.models import ServedModel
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest

Headers = Mapping[bytes, bytes]  # names in lower case
Header = tuple[bytes, bytes]

HEAD_LENGTH = b"inference-header-content-length"
BINARY = b"application/octet-stream"
# Of a response that is encoded at once; each takes about 1 ms.
MAX_SHORT_ROWS = 256
MAX_SHORT_VALUES = 16_384
MAX_SHORT_CLASSES = 512
MAX_VALUES = 1 << 19  # of a response: 2 MiB in binary, 6 MiB in JSON
CACHED_OUTPUTS = 64  # lists of outputs, with the form of their responses
CACHED_REQUEST_FRAMES = 256  # see `service.formats.divided_request`
# Digits of a number in a header: no body is that long, and int() rejects thousands of digits.
LONGEST_NUMBER = 18

_JSON = JSON.encode()
JSON_LINE = b"content-type: %b\r\n" % _JSON
BINARY_LINES = b"content-type: %b\r\n%b: %%d\r\n" % (BINARY, HEAD_LENGTH)


class ParsedRequest(NamedTuple):
    """A decoded HTTP request: the inference request, and how to encode its outputs.

    `write` encodes the rows of a batch from a first to before a last one; it returns the body, and
    the length of its JSON part if binary tensors follow. `timeout_us` is the timeout in the body,
    in microseconds. `write_long` encodes outputs in steps if there are too many for `write`.
    """

    request: InferenceRequest
    write: Callable[[BatchOutputs, int, int], Written]
    timeout_us: int | None = None
    write_long: Callable[[Outputs], Steps[Written]] | None = None


class Endpoint(Protocol):
    """Decodes requests for one model and encodes its outputs.

    `shadow` is a model that computes a copy of each request, if any.
    """

    kind: str
    model: ServedModel
    shadow: ServedModel | None

    def choose(self) -> "Endpoint":
        """Return itself; see `Target`."""

    def check(self, headers: Headers) -> None:
        """Raise `MediaTypeError` for a media type or an encoding that the endpoint cannot read."""

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode a request; raise a `RequestError` if it is not valid.

        One that takes long to decode is a `LongReadError`.
        """

    def read_long(self, headers: Headers, body: bytes) -> Steps[ParsedRequest]:
        """Decode any request in steps."""


class Target(Protocol):
    """What a path leads to: an endpoint, or a choice of two."""

    def choose(self) -> Endpoint:
        """Return the endpoint that processes the next request."""


class CanaryTarget(NamedTuple):
    """Chooses `canary` for a `share` of the requests, at random, and otherwise `stable`."""

    stable: Endpoint
    canary: Endpoint
    share: float

    def choose(self) -> Endpoint:
        """Return one of the two."""
        return self.canary if random.random() < self.share else self.stable


class PredictEndpoint:
    """The native endpoint: instances in, predictions out, always JSON."""

    kind = "predict"

    def __init__(
        self, model: ServedModel, *, max_rows: int, shadow: ServedModel | None = None
    ) -> None:
        self.model = model
        self.shadow = shadow
        self._max_rows = max_rows
        self._plain = PredictForm.of(model.metadata, usual=False)
        self._usual = PredictForm.of(model.metadata, usual=True)
        self._known = lru_cache(CACHED_REQUEST_FRAMES)(self._template)

    def choose(self) -> Endpoint:
        """Return itself."""
        return self

    def check(self, headers: Headers) -> None:
        """Accept JSON only."""
        check_json(headers)

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode `{"instances": [row, …]}` with an optional `gate_scale`."""
        divided = divide_instance(body)
        known = None if divided is None else self._known(divided[0])
        if divided is not None and known is not None:
            zeros, outputs, scale, _ = known.request
            rows = read_json_rows(divided[1], zeros.shape)
            if rows is not None:
                return ParsedRequest(InferenceRequest(rows, outputs, scale), known.write)
        return self._parsed(read_predict(body, self.model.metadata, max_rows=self._max_rows))

    def read_long(self, headers: Headers, body: bytes) -> Steps[ParsedRequest]:
        """Decode the same in steps."""
        metadata = self.model.metadata
        request = yield from read_long_predict(body, metadata, max_rows=self._max_rows)
        return self._parsed(request)

    def _parsed(self, request: PredictRequest) -> ParsedRequest:
        form = self._usual if request.usual else self._plain
        inference = InferenceRequest(request.rows, form.outputs, request.gate_scale)
        if len(request.rows) > form.max_short_rows:
            return ParsedRequest(inference, form.write, None, form.write_long)
        return ParsedRequest(inference, form.write)

    def _template(self, frame: bytes) -> ParsedRequest | None:
        template = predict_template(frame, self.model.metadata)
        return None if template is None else self._parsed(template)


class PredictForm(NamedTuple):
    """The form of responses of `/predict`: the outputs that they need, and their writer.

    A response of at most `max_short_rows` is written at once.
    """

    outputs: frozenset[str]
    writer: PredictWriter
    max_short_rows: int

    @classmethod
    def of(cls, metadata: Metadata, *, usual: bool) -> Self:
        """Return the form with or without what is usual."""
        names = (PROBABILITIES, GATE_MEAN, TYPICALITY, *((LAYER_TYPICALITY,) if usual else ()))
        widths = tensor_widths(metadata)
        values = sum(widths[name] for name in names) + usual * 2 * len(metadata.layers)
        most = min(MAX_SHORT_ROWS, MAX_SHORT_VALUES // values)
        return cls(frozenset(names), PredictWriter(metadata, usual=usual), most)

    def write(self, batch: BatchOutputs, first: int, last: int) -> Written:
        """Return the response for the rows of a batch."""
        return self.writer.write(batch, first, last), None

    def write_long(self, outputs: Outputs) -> Steps[Written]:
        """Return the same in steps."""
        body = yield from self.writer.write_long(outputs)
        return body, None


class InferEndpoint:
    """The Open Inference Protocol's endpoint: tensors in, tensors out, JSON or binary."""

    kind = "infer"

    def __init__(
        self, model: ServedModel, *, max_rows: int, shadow: ServedModel | None = None
    ) -> None:
        self.model = model
        self.shadow = shadow
        self._reader = InferReader(model.metadata, max_rows=max_rows)
        self._writer = InferWriter(model.metadata)
        self._form = lru_cache(CACHED_OUTPUTS)(self._writer.form)
        self._known = lru_cache(CACHED_REQUEST_FRAMES)(self._template)

    def choose(self) -> Endpoint:
        """Return itself."""
        return self

    def check(self, headers: Headers) -> None:
        """Accept JSON, or any media type if `Inference-Header-Content-Length` is set."""
        check_encoding(headers)
        if HEAD_LENGTH not in headers:
            # Triton's clients send JSON without a media type, or with asyncio as binary.
            check_type(headers, expected=(_JSON, b"", BINARY))

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode an inference request."""
        length = _head_length(headers, len(body))
        return self._read_numbers(body, length) or self._parsed(self._reader.read(body, length))

    def _read_numbers(self, body: bytes, length: int | None) -> ParsedRequest | None:
        """Decode a request with a known frame; None if it has to be decoded as a whole."""
        numbers = b""
        if length is None:
            divided = divide_tensor(body)
            if divided is None:
                return None
            frame, numbers = divided
        elif length <= MAX_FRAME_BYTES:
            frame = body[:length]
        else:
            return None
        known = self._known(frame, length is not None)
        if known is None:
            return None
        zeros, outputs, scale, _ = known.request
        if length is None:
            rows = read_json_rows(numbers, zeros.shape)
        else:
            rows = read_binary_rows(body, length, zeros.shape)
        if rows is None:
            return None
        return ParsedRequest(InferenceRequest(rows, outputs, scale), *known[1:])

    def _template(self, frame: bytes, binary: bool) -> ParsedRequest | None:
        template = self._reader.template(frame, binary=binary)
        return None if template is None else self._parsed(template)

    def read_long(self, headers: Headers, body: bytes) -> Steps[ParsedRequest]:
        """Decode the same in steps."""
        request = yield from self._reader.read_long(body, _head_length(headers, len(body)))
        return self._parsed(request)

    def _parsed(self, request: InferRequest) -> ParsedRequest:
        identifier, tensor, scale, wanted, timeout_us = request
        form = self._form(wanted)
        rows = len(tensor)
        inference = InferenceRequest(tensor, form.names, scale)
        write = partial(self._writer.write, form, identifier)
        if rows * form.values <= MAX_SHORT_VALUES and rows * form.classes <= MAX_SHORT_CLASSES:
            return ParsedRequest(inference, write, timeout_us)
        check_values(rows * form.values)
        write_long = partial(self._writer.write_long, form, identifier)
        return ParsedRequest(inference, write, timeout_us, write_long)


def check_values(count: int) -> None:
    """Raise `InputError` if a response would have more values than `MAX_VALUES`."""
    if count > MAX_VALUES:
        raise InputError(
            f"outputs: expected at most {MAX_VALUES} values for all rows, found {count}; send the "
            "rows in several requests"
        )


def check_json(headers: Headers) -> None:
    """Raise `MediaTypeError` unless the body is declared as JSON without an encoding."""
    check_encoding(headers)
    check_type(headers, expected=(_JSON,))


def check_encoding(headers: Headers) -> None:
    """Raise `MediaTypeError` for a compressed body."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise MediaTypeError("Content-Encoding is not supported; send the body uncompressed")


def check_type(headers: Headers, *, expected: tuple[bytes, ...]) -> None:
    """Raise `MediaTypeError` for a media type other than these."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type not in expected:
        raise MediaTypeError(
            f"Content-Type: expected {JSON}, found {'another type' if media_type else 'none'}"
        )


def _head_length(headers: Headers, length: int) -> int | None:
    text = headers.get(HEAD_LENGTH)
    if text is None:
        return None
    head_length = int(text) if text.isdigit() and len(text) <= LONGEST_NUMBER else math.inf
    if head_length > length:
        raise BodyError(
            "Inference-Header-Content-Length: expected an integer from 0 to the body's length, "
            f"{length} bytes"
        )
    return int(head_length)
