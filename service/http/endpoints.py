"""The two inference endpoints of a model: native (`/predict`) and Open Inference Protocol."""

import random
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

from service.arrays import Outputs
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY, tensor_widths
from service.errors import BodyError, InputError, MediaTypeError
from service.formats.infer_request import InferReader, InferRequest
from service.formats.infer_response import InferWriter
from service.formats.json_documents import JSON
from service.formats.outline import Steps
from service.formats.predict import (
    PredictRequest,
    encode_long_predictions,
    encode_predictions,
    read_long_predict,
    read_predict,
)
from service.formats.requested_outputs import WantedOutput
from service.inference.models import ServedModel
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
CACHED_OUTPUTS = 256  # lists of outputs whose values are counted
# Digits of a number in a header: no body is that long, and int() rejects thousands of digits.
LONGEST_NUMBER = 18

_JSON = JSON.encode()
JSON_HEADER: Header = (b"content-type", _JSON)


class EncodedBody(NamedTuple):
    """A response body and the headers that describe it."""

    headers: tuple[Header, ...]
    body: bytes


class ParsedRequest(NamedTuple):
    """A decoded HTTP request: the inference request, and how to encode its outputs.

    `timeout_us` is the timeout in the body, in microseconds. `write_long` encodes outputs in steps
    if there are too many for `write`.
    """

    request: InferenceRequest
    write: Callable[[Outputs], EncodedBody]
    timeout_us: int | None = None
    write_long: Callable[[Outputs], Steps[EncodedBody]] | None = None


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
    outputs = frozenset({PROBABILITIES, GATE_MEAN, TYPICALITY})

    def __init__(
        self, model: ServedModel, *, max_rows: int, shadow: ServedModel | None = None
    ) -> None:
        self.model = model
        self.shadow = shadow
        self._max_rows = max_rows
        widths = tensor_widths(model.metadata)
        values = sum(widths[name] for name in self.outputs)
        self._max_short_rows = min(MAX_SHORT_ROWS, MAX_SHORT_VALUES // values)

    def choose(self) -> Endpoint:
        """Return itself."""
        return self

    def check(self, headers: Headers) -> None:
        """Accept JSON only."""
        check_json(headers)

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode `{"instances": [row, …]}` with an optional `gate_scale`."""
        return self._parsed(read_predict(body, self.model.metadata, max_rows=self._max_rows))

    def read_long(self, headers: Headers, body: bytes) -> Steps[ParsedRequest]:
        """Decode the same in steps."""
        metadata = self.model.metadata
        request = yield from read_long_predict(body, metadata, max_rows=self._max_rows)
        return self._parsed(request)

    def _parsed(self, request: PredictRequest) -> ParsedRequest:
        inference = InferenceRequest(request.rows, self.outputs, request.gate_scale)
        if len(request.rows) > self._max_short_rows:
            return ParsedRequest(inference, self._write, None, self._write_long)
        return ParsedRequest(inference, self._write)

    def _write(self, outputs: Outputs) -> EncodedBody:
        return EncodedBody((JSON_HEADER,), encode_predictions(outputs, self.model.metadata))

    def _write_long(self, outputs: Outputs) -> Steps[EncodedBody]:
        body = yield from encode_long_predictions(outputs, self.model.metadata)
        return EncodedBody((JSON_HEADER,), body)


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
        self._widths = tensor_widths(model.metadata)
        self._counts = lru_cache(CACHED_OUTPUTS)(self._count)

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
        return self._parsed(self._reader.read(body, _head_length(headers, len(body))))

    def read_long(self, headers: Headers, body: bytes) -> Steps[ParsedRequest]:
        """Decode the same in steps."""
        request = yield from self._reader.read_long(body, _head_length(headers, len(body)))
        return self._parsed(request)

    def _parsed(self, request: InferRequest) -> ParsedRequest:
        names, values, classes = self._counts(request.outputs)
        rows = len(request.rows)
        inference = InferenceRequest(request.rows, names, request.gate_scale)
        write = partial(self._write, wanted=request.outputs, identifier=request.id)
        if rows * values <= MAX_SHORT_VALUES and rows * classes <= MAX_SHORT_CLASSES:
            return ParsedRequest(inference, write, request.timeout_us)
        if rows * values > MAX_VALUES:
            raise InputError(
                f"outputs: expected at most {MAX_VALUES} values for all rows, found "
                f"{rows * values}; send the rows in several requests"
            )
        write_long = partial(self._write_long, wanted=request.outputs, identifier=request.id)
        return ParsedRequest(inference, write, request.timeout_us, write_long)

    def _count(self, outputs: tuple[WantedOutput, ...]) -> tuple[frozenset[str], int, int]:
        """Return the names of outputs, and the numbers of values and of classes for each row."""
        return (
            frozenset(output.name for output in outputs),
            sum(self._widths[output.name] for output in outputs),
            sum(min(output.classes or 0, self._widths[output.name]) for output in outputs),
        )

    def _write(
        self, outputs: Outputs, *, wanted: tuple[WantedOutput, ...], identifier: str | None
    ) -> EncodedBody:
        return _encoded(*self._writer.write(outputs, wanted, identifier))

    def _write_long(
        self, outputs: Outputs, *, wanted: tuple[WantedOutput, ...], identifier: str | None
    ) -> Steps[EncodedBody]:
        written = yield from self._writer.write_long(outputs, wanted, identifier)
        return _encoded(*written)


def _encoded(body: bytes, head_length: int | None) -> EncodedBody:
    if head_length is None:
        return EncodedBody((JSON_HEADER,), body)
    length = (HEAD_LENGTH, b"%d" % head_length)
    return EncodedBody(((b"content-type", BINARY), length), body)


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
    if not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) > length:
        raise BodyError(
            "Inference-Header-Content-Length: expected an integer from 0 to the body's length, "
            f"{length} bytes"
        )
    return int(text)
