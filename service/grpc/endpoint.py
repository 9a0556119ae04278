"""The endpoint of the method ModelInfer for one model: messages in, messages out."""

from functools import lru_cache, partial

from service.arrays import Outputs
from service.contract import tensor_widths
from service.formats.infer_response import Written
from service.formats.outline import Steps
from service.formats.requested_outputs import WantedOutput
from service.grpc.infer_request import InferMessageReader
from service.grpc.infer_response import InferMessageWriter
from service.http.endpoints import (
    CACHED_OUTPUTS,
    MAX_SHORT_CLASSES,
    Endpoint,
    Headers,
    ParsedRequest,
    check_values,
)
from service.inference.models import ServedModel
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest

TIMEOUT = b"grpc-timeout"  # of a call, in microseconds; added to its metadata


class InferMessageEndpoint:
    """Reads and writes the protocol's messages with the limits of the HTTP endpoint."""

    kind = "infer"

    def __init__(
        self, model: ServedModel, *, max_rows: int, shadow: ServedModel | None = None
    ) -> None:
        self.model = model
        self.shadow = shadow
        self._reader = InferMessageReader(model.metadata, max_rows=max_rows)
        self._writer = InferMessageWriter(model.metadata)
        self._widths = tensor_widths(model.metadata)
        self._counts = lru_cache(CACHED_OUTPUTS)(self._count)

    def choose(self) -> Endpoint:
        """Return itself."""
        return self

    def check(self, headers: Headers) -> None:
        """Accept every call: gRPC itself refuses compressed messages."""

    def read(self, headers: Headers, body: bytes) -> ParsedRequest:
        """Decode a message."""
        request = self._reader.read(body)
        names, values, classes = self._counts(request.outputs)
        rows = len(request.rows)
        check_values(rows * values)
        wanted, identifier = request.outputs, request.id
        return ParsedRequest(
            InferenceRequest(request.rows, names, request.gate_scale),
            partial(self._write, wanted, identifier),
            _shortest(request.timeout_us, headers),
            partial(self._write_long, wanted, identifier)
            if rows * classes > MAX_SHORT_CLASSES
            else None,
        )

    def read_long(self, headers: Headers, body: bytes) -> Steps[ParsedRequest]:
        """Decode a message; none takes long."""
        yield
        return self.read(headers, body)

    def _count(self, outputs: tuple[WantedOutput, ...]) -> tuple[frozenset[str], int, int]:
        """Return the names of outputs, and the numbers of values and of classes for each row."""
        return (
            frozenset(output.name for output in outputs),
            sum(self._widths[output.name] for output in outputs),
            sum(min(output.classes or 0, self._widths[output.name]) for output in outputs),
        )

    def _write(
        self,
        wanted: tuple[WantedOutput, ...],
        identifier: str | None,
        batch: BatchOutputs,
        first: int,
        last: int,
    ) -> Written:
        return self._writer.write(batch.rows(first, last), wanted, identifier), None

    def _write_long(
        self, wanted: tuple[WantedOutput, ...], identifier: str | None, outputs: Outputs
    ) -> Steps[Written]:
        message = yield from self._writer.write_long(outputs, wanted, identifier)
        return message, None


def _shortest(timeout_us: int | None, headers: Headers) -> int | None:
    """Return the shorter of the timeouts of the message and of the call, in microseconds."""
    if TIMEOUT not in headers:
        return timeout_us
    call_us = max(1, int(headers[TIMEOUT]))
    return min(timeout_us or call_us, call_us)
