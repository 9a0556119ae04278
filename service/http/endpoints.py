"""The two inference endpoints of a model: native (`/predict`) and Open Inference Protocol."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from service.arrays import Outputs
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY
from service.errors import BodyError, MediaTypeError
from service.formats.infer_request import InferReader
from service.formats.infer_response import InferWriter
from service.formats.json_documents import JSON
from service.formats.predict import encode_predictions, read_predict
from service.formats.requested_outputs import WantedOutput
from service.inference.models import ServedModel
from service.inference.queue import InferenceRequest

Headers = Mapping[bytes, bytes]  # names in lower case
Header = tuple[bytes, bytes]

HEAD_LENGTH = b"inference-header-content-length"
BINARY = b"application/octet-stream"
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

    `timeout_us` is the timeout in the body, in microseconds.
    """

    request: InferenceRequest
    write: Callable[[Outputs], EncodedBody]
    timeout_us: int | None = None


class Endpoint(Protocol):
    """Decodes requests for one model and encodes its outputs."""

    kind: str
    model: ServedModel

    def check(self, headers: Headers) -> None:
        """Raise `MediaTypeError` for a media type or an encoding that the endpoint cannot read."""

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode a request; raise a `RequestError` if it is not valid."""


class PredictEndpoint:
    """The native endpoint: instances in, predictions out, always JSON."""

    kind = "predict"
    outputs = frozenset({PROBABILITIES, GATE_MEAN, TYPICALITY})

    def __init__(self, model: ServedModel, *, max_rows: int) -> None:
        self.model = model
        self._max_rows = max_rows

    def check(self, headers: Headers) -> None:
        """Accept JSON only."""
        check_json(headers)

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode `{"instances": [row, …]}` with an optional `gate_scale`."""
        request = read_predict(body, self.model.metadata, max_rows=self._max_rows)
        return ParsedRequest(
            InferenceRequest(request.rows, self.outputs, request.gate_scale), self._write
        )

    def _write(self, outputs: Outputs) -> EncodedBody:
        return EncodedBody((JSON_HEADER,), encode_predictions(outputs, self.model.metadata))


class InferEndpoint:
    """The Open Inference Protocol's endpoint: tensors in, tensors out, JSON or binary."""

    kind = "infer"

    def __init__(self, model: ServedModel, *, max_rows: int) -> None:
        self.model = model
        self._reader = InferReader(model.metadata, max_rows=max_rows)
        self._writer = InferWriter(model.metadata)

    def check(self, headers: Headers) -> None:
        """Accept JSON, or any media type if `Inference-Header-Content-Length` is set."""
        check_encoding(headers)
        if HEAD_LENGTH not in headers:
            # Triton's clients send JSON without a media type, or with asyncio as binary.
            check_type(headers, expected=(_JSON, b"", BINARY))

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode an inference request."""
        request = self._reader.read(body, _head_length(headers, len(body)))
        wanted = frozenset([output.name for output in request.outputs])
        inference = InferenceRequest(request.rows, wanted, request.gate_scale)
        write = partial(self._write, wanted=request.outputs, identifier=request.id)
        return ParsedRequest(inference, write, request.timeout_us)

    def _write(
        self, outputs: Outputs, *, wanted: tuple[WantedOutput, ...], identifier: str | None
    ) -> EncodedBody:
        body, head_length = self._writer.write(outputs, wanted, identifier)
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
