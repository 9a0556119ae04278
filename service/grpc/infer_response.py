"""The message ModelInferResponse, with raw contents."""

from functools import lru_cache
from typing import Any

from service.arrays import Outputs
from service.contract import Metadata, tensor_widths
from service.formats.infer_response import InferWriter
from service.formats.outline import Steps
from service.formats.requested_outputs import WantedOutput
from service.formats.tensors import FP32
from service.grpc.messages import ModelInferResponse
from service.inference.outputs import BatchOutputs

CACHED_HEADS = 256  # of lists of outputs and numbers of rows

Wanted = tuple[WantedOutput, ...]


class InferMessageWriter:
    """Writer of the responses of one model."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._widths = tensor_widths(metadata)
        self._classes = InferWriter(metadata)
        self._cached_head = lru_cache(CACHED_HEADS)(self._head)

    def write(self, outputs: Outputs, wanted: Wanted, identifier: str | None) -> bytes:
        """Return the message."""
        raw = [
            outputs[output.name].tobytes()
            if output.classes is None
            else self._write_classes(outputs, output)
            for output in wanted
        ]
        return self._join(outputs, wanted, identifier, raw)

    def write_long(self, outputs: Outputs, wanted: Wanted, identifier: str | None) -> Steps[bytes]:
        """Return the same in steps, for any number of values."""
        raw: list[bytes] = []
        for output in wanted:
            if output.classes is None:
                raw.append(outputs[output.name].tobytes())
            else:
                form = self._classes.form((output,))
                body, head_length = yield from self._classes.write_long(form, None, outputs)
                raw.append(body[head_length:])
            yield
        return self._join(outputs, wanted, identifier, raw)

    def _write_classes(self, outputs: Outputs, output: WantedOutput) -> bytes:
        form, batch = self._classes.form((output,)), BatchOutputs(outputs)
        rows = len(outputs[output.name])
        body, head_length = self._classes.write(form, None, batch, 0, rows)
        return body[head_length:]  # the binary tensor of the HTTP form

    def _join(
        self, outputs: Outputs, wanted: Wanted, identifier: str | None, raw: list[bytes]
    ) -> bytes:
        rows = len(outputs[wanted[0].name])
        # The bytes of two messages are, one after the other, those of a message with all fields.
        rest = ModelInferResponse(id=identifier, raw_output_contents=raw)
        head: bytes = self._cached_head(wanted, rows)
        return head + bytes(rest.SerializeToString())

    def _head(self, wanted: Wanted, rows: int) -> bytes:
        """Return the message without what differs between requests for the same outputs."""
        metadata = self._metadata
        message = ModelInferResponse(model_name=metadata.name, model_version=metadata.version)
        for output in wanted:
            message.outputs.append(self._described(output, rows))
        return bytes(message.SerializeToString())

    def _described(self, output: WantedOutput, rows: int) -> Any:
        width = self._widths[output.name]
        classes = output.classes
        return ModelInferResponse.InferOutputTensor(
            name=output.name,
            datatype=FP32 if classes is None else "BYTES",
            shape=(rows, width if classes is None else min(classes, width)),
        )
