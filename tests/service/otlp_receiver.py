"""A small OTLP/HTTP collector: `python -m tests.service.otlp_receiver BEHAVIOUR`.

The first line on stdout is its port. Each export that it accepts is a further line of JSON: the
metrics or the spans, read from the protobuf. BEHAVIOUR is `accept`, `fail` (503) or `hang`.
"""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.launcher import ROOT

MESSAGES: dict[str, Any] = {
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}
HANG_SECONDS = 60
LINE = Lock()  # threads would mix their lines


@dataclass
class Received:
    """What a receiver has accepted so far."""

    port: int
    exports: list[dict[str, Any]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a server that exports to it."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}"}

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The exports of metrics: a resource and its metrics each."""
        return [one for export in self.exports for one in export.get("resourceMetrics", [])]

    @property
    def spans(self) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """Each span after the attributes of its resource."""
        return [
            (attributes(one["resource"]), span)
            for export in self.exports
            for one in export.get("resourceSpans", [])
            for scope in one["scopeSpans"]
            for span in scope["spans"]
        ]


def attributes(holder: dict[str, Any]) -> dict[str, str]:
    """Return the attributes of a message as text."""
    pairs = holder.get("attributes", [])
    return {pair["key"]: str(next(iter(pair["value"].values()))) for pair in pairs}


@contextmanager
def receiving(behaviour: str = "accept") -> Iterator[Received]:
    """Run a receiver in a process of its own until the block ends."""
    command = [sys.executable, "-m", "tests.service.otlp_receiver", behaviour]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None
        received = Received(int(process.stdout.readline()))

        def read(lines: Iterator[str]) -> None:
            received.exports.extend(map(json.loads, lines))

        reader = Thread(target=read, args=(process.stdout,))
        reader.start()
        try:
            yield received
        finally:
            process.kill()
            reader.join()


class Collector(BaseHTTPRequestHandler):
    """Accepts an export, or fails as its server behaves."""

    protocol_version = "HTTP/1.1"
    behaviour = "accept"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.behaviour == "hang":
            time.sleep(HANG_SECONDS)
        status = 503 if self.behaviour == "fail" else self._accept(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _accept(self, body: bytes) -> int:
        if self.headers["content-type"] != "application/x-protobuf":
            return 415
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        message = MESSAGES[self.path]()
        try:
            message.ParseFromString(body)
        except DecodeError:
            return 400
        with LINE:
            print(json.dumps(MessageToDict(message)), flush=True)  # noqa: T201
        return 200

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    Collector.behaviour = sys.argv[1]
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        print(server.server_port, flush=True)  # noqa: T201
        server.serve_forever()
