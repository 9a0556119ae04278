"""Closed loop over gRPC: each client has a connection, and calls again after the last response.

The load generator is h2load of nghttp2. Without it, a process with grpcio makes the calls, which
takes as much processor time as the server does.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving.contenders import OUTPUTS
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import ROOT
from benchmarks.serving.wrk import Load, parse
from service.arrays import FloatArray
from service.classifier import Classifier
from service.contract import INPUT
from service.grpc.library import grpc
from service.grpc.messages import SERVICE, ModelInferRequest, ModelInferResponse

METHOD = f"/{SERVICE}/ModelInfer"
CALL_SECONDS = 10
PREFIX_BYTES = 5  # of a message on the wire: whether it is compressed, and its length
TOLERANCE = 1e-4  # builds of onnxruntime add in different orders
HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")  # codespell:ignore te


@dataclass(frozen=True, kw_only=True)
class Call:
    """A message to send, and the number of bytes of its response."""

    message: bytes
    response_bytes: int


def message(model: str, rows: FloatArray) -> bytes:
    """Encode a ModelInferRequest for (count, features) rows with the outputs of all contenders."""
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name=INPUT, datatype="FP32", shape=rows.shape)
    request.raw_input_contents.append(rows.tobytes())
    for output in OUTPUTS:
        request.outputs.add(name=output)
    return bytes(request.SerializeToString())


def checked(port: int, model: str, network: Network, rows: FloatArray) -> Call:
    """Return the call; a `BenchmarkError` unless its outputs are those of the network."""
    body = message(model, rows)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            content = channel.unary_unary(METHOD)(body, timeout=CALL_SECONDS, wait_for_ready=True)
    except grpc.RpcError as error:
        raise BenchmarkError(f"ModelInfer: {error.code().name}: {error.details()}") from error
    response = ModelInferResponse.FromString(content)
    expected = Classifier.load(network.file).run(rows)
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        values = np.frombuffer(raw, np.float32).reshape(output.shape)
        if not np.abs(values - getattr(expected, output.name)).max() < TOLERANCE:
            raise BenchmarkError(f"ModelInfer: expected the classifier's {output.name}")
    return Call(message=body, response_bytes=len(content))


def generator() -> str:
    """Name the load generator."""
    if shutil.which("h2load") is None:
        return f"grpcio {grpc.__version__}"
    done = subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def load(port: int, call: Call, *, clients: int, seconds: int) -> Load:
    """Make the call repeatedly over `clients` connections for `seconds`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "message"
        if shutil.which("h2load") is None:
            path.write_bytes(call.message)
            return _grpcio(port, path, clients=clients, seconds=seconds)
        path.write_bytes(b"\0" + len(call.message).to_bytes(4, "big") + call.message)
        log = Path(folder) / "log"
        options = ("-t1", f"-c{clients}", "-m1", f"-D{seconds}", "-d", str(path), *HEADERS)
        done = subprocess.run(
            ["h2load", *options, f"--log-file={log}", f"http://127.0.0.1:{port}{METHOD}"],
            capture_output=True,
            text=True,
            check=False,
        )
        latencies = log.read_text() if log.is_file() else ""
    return read_h2load(done.stdout, latencies, response_bytes=call.response_bytes, seconds=seconds)


def read_h2load(output: str, log: str, *, response_bytes: int, seconds: int) -> Load:
    """Read the figures, and the log of (start, status, microseconds) of each call.

    HTTP's status is 200 for failed calls, too. They have no message, so the number of bytes shows
    how many there are.
    """
    found = re.search(r"\((\d+)\) data", output)
    latencies = [int(line.split()[2]) for line in log.splitlines()]
    if found is None or not latencies:
        raise BenchmarkError("h2load got no response")
    succeeded = round(int(found[1]) / (PREFIX_BYTES + response_bytes))
    p50, p99 = np.percentile(latencies, [50, 99]) / 1e3
    return Load(
        requests_per_second=round(len(latencies) / seconds, 1),
        p50_ms=round(float(p50), 3),
        p99_ms=round(float(p99), 3),
        errors=max(0, len(latencies) - succeeded),
    )


def _grpcio(port: int, path: Path, *, clients: int, seconds: int) -> Load:
    module = "benchmarks.grpc_calls.client"
    line = [sys.executable, "-m", module, str(port), str(path), str(clients), str(seconds)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    return parse(done.stdout)
