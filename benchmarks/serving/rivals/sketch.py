"""A sketch of the stack: the same libraries as this server, and nothing else.

    python -m benchmarks.serving.rivals.sketch FILE PORT

An asyncio protocol on uvloop with httptools, simdjson and orjson. All requests that one iteration
of the event loop reads are computed as one batch, on the event loop. There are no checks, errors,
deadlines, limits, statistics or typicality: this is a bound for a server of these libraries, not a
server. Only the Open Inference Protocol's POST requests with the input first are understood.
"""

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple, cast

import httptools
import numpy as np
import orjson
import simdjson
import uvloop

from service.arrays import FloatArray
from service.contract import GATE_MEAN, INPUT, PROBABILITIES
from service.runtime import onnxruntime

OUTPUTS = (GATE_MEAN, PROBABILITIES)
MAX_BATCH_ROWS = 64
HEAD_LENGTH = b"inference-header-content-length"


class Request(NamedTuple):
    """Rows (rows, features) of one request, and where and how to respond."""

    connection: "Connection"
    rows: FloatArray
    binary: bool


class Batcher:
    """Computes the requests of one iteration of the event loop together."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # without the advice on the overridable input
        self._session = onnxruntime.InferenceSession(str(file), options)
        self.features: int = self._session.get_inputs()[0].shape[1]
        self._waiting: list[Request] = []

    def add(self, request: Request) -> None:
        """Compute the request once the event loop has read everything that has arrived."""
        self._waiting.append(request)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._compute_all)

    def _compute_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        batch: list[Request] = []
        count = 0
        for request in waiting:
            if batch and count + len(request.rows) > MAX_BATCH_ROWS:
                self._compute(batch)
                batch, count = [], 0
            batch.append(request)
            count += len(request.rows)
        self._compute(batch)

    def _compute(self, batch: list[Request]) -> None:
        rows = batch[0].rows if len(batch) == 1 else np.concatenate([r.rows for r in batch])
        outputs = self._session.run(OUTPUTS, {INPUT: rows})
        start = 0
        for request in batch:
            end = start + len(request.rows)
            parts = [output[start:end] for output in outputs]
            request.connection.respond(parts, binary=request.binary)
            start = end


class Connection(asyncio.Protocol):
    """One client's connection; the parser calls the methods `on_…`."""

    _transport: asyncio.Transport

    def __init__(self, batcher: Batcher, json: simdjson.Parser) -> None:
        self._batcher = batcher
        self._json = json
        self._parser = httptools.HttpRequestParser(self)
        self._head_length: int | None = None
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's, of a class of its own

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Forget the last request."""
        self._head_length = None
        self._body = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the one header that matters."""
        if name.lower() == HEAD_LENGTH:
            self._head_length = int(value)

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Decode the rows and queue the request."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        binary = self._head_length is not None
        if binary:
            values = np.frombuffer(body, np.float32, offset=self._head_length or 0)
        else:
            document = cast(simdjson.Object, self._json.parse(body))
            data = cast(simdjson.Array, document.at_pointer("/inputs/0/data"))
            values = np.frombuffer(data.as_buffer(of_type="d")).astype(np.float32)
        self._batcher.add(Request(self, values.reshape(-1, self._batcher.features), binary))

    def respond(self, outputs: list[FloatArray], *, binary: bool) -> None:
        """Write the response, with the outputs as JSON or after it."""
        tensors = [
            {"name": name, "datatype": "FP32", "shape": output.shape, **_content(output, binary)}
            for name, output in zip(OUTPUTS, outputs, strict=True)
        ]
        document = {"model_name": "model", "model_version": "1", "outputs": tensors}
        head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        body, kind = head, b"application/json"
        if binary:
            body = b"".join((head, *(output.tobytes() for output in outputs)))
            kind = b"application/octet-stream\r\n%b: %d" % (HEAD_LENGTH, len(head))
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (kind, len(body), body)
        )


def _content(output: FloatArray, binary: bool) -> dict[str, object]:
    if binary:
        return {"parameters": {"binary_data_size": output.nbytes}}
    return {"data": output.ravel()}


async def serve(file: Path, port: int) -> None:
    """Serve the file until the process is stopped."""
    batcher, json = Batcher(file), simdjson.Parser()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(batcher, json), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
