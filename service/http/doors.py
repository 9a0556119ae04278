"""The two ways to ask a model: `/predict` and the protocol's inference, each for one model."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from service.contract import GATE_MEAN, PROBABILITIES, UNUSUAL
from service.errors import BodyError, MediaTypeError
from service.formats.documents import JSON
from service.formats.infer_request import InferReader
from service.formats.infer_response import InferWriter
from service.formats.predict_request import read_predict
from service.formats.predictions import encode_predictions
from service.formats.wanted_outputs import WantedOutput
from service.inference.models import ServedModel
from service.inference.question import Outputs, Question

Headers = Mapping[bytes, bytes]  # names in lower case
HEAD_LENGTH = b"inference-header-content-length"
BINARY = b"application/octet-stream"
LONGEST_NUMBER = 18  # digits; no body is that long, and Python refuses to read thousands of them

_JSON = JSON.encode()


class Content(NamedTuple):
    """A body and the headers that say what it is."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Asked(NamedTuple):
    """A request as it was read: the question for the model, and how to write its answer.

    `timeout_us` is after how many microseconds the client has no use for it.
    """

    question: Question
    write: Callable[[Outputs], Content]
    timeout_us: int | None = None


class Door(Protocol):
    """Reads requests for one model and writes its answers."""

    kind: str
    model: ServedModel

    def check(self, headers: Headers) -> None:
        """Refuse a body of another form before it arrives."""

    def read(self, headers: Headers, body: bytes) -> Asked:
        """Read a request; what is wrong with it is a `RequestError`."""


class PredictDoor:
    """The friendly door: instances in, predictions out, always JSON."""

    kind = "predict"
    outputs = frozenset({PROBABILITIES, GATE_MEAN, UNUSUAL})

    def __init__(self, model: ServedModel, *, max_rows: int) -> None:
        self.model = model
        self._max_rows = max_rows

    def check(self, headers: Headers) -> None:
        """Take JSON alone."""
        check_json(headers)

    def read(self, headers: Headers, body: bytes) -> Asked:
        """Read `{"instances": [row, …]}`, perhaps with a `gate_scale`."""
        request = read_predict(body, self.model.metadata, max_rows=self._max_rows)
        return Asked(Question(request.rows, self.outputs, request.gate_scale), self._write)

    def _write(self, outputs: Outputs) -> Content:
        return Content(_JSON_HEADERS, encode_predictions(outputs, self.model.metadata))


class InferDoor:
    """The Open Inference Protocol's door: tensors in, tensors out, JSON or binary."""

    kind = "infer"

    def __init__(self, model: ServedModel, *, max_rows: int) -> None:
        self.model = model
        self._reader = InferReader(model.metadata, max_rows=max_rows)
        self._writer = InferWriter(model.metadata)

    def check(self, headers: Headers) -> None:
        """Take JSON, or with the length of its JSON part told whatever the client calls it."""
        check_encoding(headers)
        if HEAD_LENGTH not in headers:
            # Triton's clients say nothing of their JSON, or with asyncio that it is binary.
            check_type(headers, expected=(_JSON, b"", BINARY))

    def read(self, headers: Headers, body: bytes) -> Asked:
        """Read an inference request."""
        request = self._reader.read(body, _head_length(headers, len(body)))
        wanted = frozenset([output.name for output in request.outputs])
        question = Question(request.rows, wanted, request.gate_scale)
        write = partial(self._write, wanted=request.outputs, identifier=request.id)
        return Asked(question, write, request.timeout_us)

    def _write(
        self, outputs: Outputs, *, wanted: tuple[WantedOutput, ...], identifier: str | None
    ) -> Content:
        body, head_length = self._writer.write(outputs, wanted, identifier)
        if head_length is None:
            return Content(_JSON_HEADERS, body)
        length = (HEAD_LENGTH, b"%d" % head_length)
        return Content(((b"content-type", BINARY), length), body)


_JSON_HEADERS = ((b"content-type", _JSON),)


def check_json(headers: Headers) -> None:
    """Refuse a body that is not said to be plain JSON."""
    check_encoding(headers)
    check_type(headers, expected=(_JSON,))


def check_encoding(headers: Headers) -> None:
    """Refuse a compressed body."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise MediaTypeError("Content-Encoding: expected none, found one; send the body as it is")


def check_type(headers: Headers, *, expected: tuple[bytes, ...]) -> None:
    """Refuse a body of another type than these."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type not in expected:
        raise MediaTypeError(
            f"Content-Type: expected {JSON}, found {'another' if media_type else 'none'}"
        )


def _head_length(headers: Headers, length: int) -> int | None:
    text = headers.get(HEAD_LENGTH)
    if text is None:
        return None
    if not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) > length:
        raise BodyError(
            f"Inference-Header-Content-Length: expected a number from 0 to the body's {length} "
            "bytes, found another"
        )
    return int(text)
