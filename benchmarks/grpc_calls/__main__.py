"""Load gRPC beside HTTP with binary tensors, and beside Triton's gRPC; one row for each call.

    python -m benchmarks.grpc_calls [--quick] [--models FOLDER] [--rivals FOLDER] [--write]

Needs wrk and Linux, and uses h2load (Debian: nghttp2-client) if it is installed. Triton is left out
unless `make rivals` has installed it. `--write` puts the tables into docs/measurements/grpc.md.
Takes less than two minutes on a machine that does nothing else.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from benchmarks.grpc_calls.load import checked, generator, load
from benchmarks.serving.bodies import random_rows, v2_binary
from benchmarks.serving.contenders import OUTPUTS, RIVAL_MODEL
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import Network, network
from benchmarks.serving.page import counted, filled, table
from benchmarks.serving.rivals.installed import RIVALS, TRITON, missing
from benchmarks.serving.rivals.triton import triton
from benchmarks.serving.servers import (
    RESPONSE_SECONDS,
    ROOT,
    Command,
    Server,
    free_port,
    project,
    running,
)
from benchmarks.serving.wrk import Load, require_wrk
from benchmarks.serving.wrk import load as load_http

PAGE = ROOT / "docs" / "measurements" / "grpc.md"
TITLE = "dense-10"
CLIENTS = (16, 1)
ROUNDS, SECONDS = 3, 2
Row = dict[str, object]

GRPC, HTTP, TRITON_GRPC = "this server, gRPC", "this server, HTTP, binary", f"{TRITON}, gRPC"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A way to send one row to a server, and the server's name of the model."""

    name: str
    server: Server
    model: str
    load: Callable[..., Load]  # of the numbers of clients and seconds


@dataclass(frozen=True, kw_only=True)
class Round:
    """Figures of one load: processor time in microseconds a request, and mean rows of a batch."""

    load: Load
    cpu_us: float
    batch_rows: float


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.grpc_calls",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build = ROOT / "build"
    parser.add_argument("--quick", action="store_true", help="one round of a second")
    parser.add_argument("--models", type=Path, default=build / "bench", help="of dense-10.onnx")
    parser.add_argument("--rivals", type=Path, default=build / "rivals")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def with_grpc(port: int) -> Command:
    """Return the command of this project's server with gRPC on a port."""

    def command(file: Path, http_port: int) -> list[str]:
        return ["env", f"HIGHWAY_GRPC_PORT={port}", *project(file, http_port)]

    return command


def started(stack: ExitStack, served: Network, rivals: Path) -> Iterator[Contender]:
    """Start the servers until the stack is closed; yield the contenders, each of them checked."""
    rows = random_rows(1, served.size)
    commands = {served.name: (GRPC, with_grpc)}
    if missing(TRITON, rivals) is None:
        environment = rivals.resolve() / RIVALS[TRITON].folder
        commands[RIVAL_MODEL] = TRITON_GRPC, partial(triton, environment)
    for model, (name, command) in commands.items():
        port = free_port()
        body = v2_binary(model, rows, OUTPUTS)
        server = stack.enter_context(running(command(port), served.file, body))
        call = checked(port, model, served, rows)
        yield Contender(name=name, server=server, model=model, load=partial(load, port, call))
        if name == GRPC:
            over_http = partial(load_http, server.port, body)
            yield Contender(name=HTTP, server=server, model=model, load=over_http)


def measure(contenders: list[Contender], clients: int, *, rounds: int, seconds: int) -> list[Row]:
    """Load the contenders in turn, every second round in the reverse order; return table rows."""
    results: dict[str, list[Round]] = {each.name: [] for each in contenders}
    for number in range(rounds):
        for each in contenders[:: -1 if number % 2 else 1]:
            results[each.name].append(_round(each, clients, seconds))
    return [_row(name, clients, each) for name, each in results.items()]


def memory(served: Network, with_port: Server) -> str:
    """Compare the memory after the start with that of a server without the port."""
    first = v2_binary(served.name, random_rows(1, served.size), OUTPUTS)
    with running(project, served.file, first) as server:
        without = server.resident_mb()
    return (
        f"After its start, the server takes {with_port.resident_mb():.0f} MB of memory with the "
        f"port, and {without:.0f} MB without it."
    )


def parts(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Measure; yield each part of the page with the name of its marker."""
    machine = description() | {"load generators": f"wrk; {generator()}"}
    yield "machine", table([{"what": key, "found": value} for key, value in machine.items()])
    served = network(options.models, TITLE)
    rounds, seconds = (1, 1) if options.quick else (ROUNDS, SECONDS)
    with ExitStack() as stack:
        contenders = list(started(stack, served, options.rivals))
        yield "memory", memory(served, contenders[0].server)
        rows = [
            row
            for clients in CLIENTS
            for row in measure(contenders, clients, rounds=rounds, seconds=seconds)
        ]
    left_out = missing(TRITON, options.rivals)
    sentence = f"Medians of {counted(rounds, 'round')} of {counted(seconds, 'second')}."
    yield "calls", "\n\n".join([" ".join(filter(None, [sentence, left_out])), table(rows)])


def main() -> None:
    """Measure; print each part when it is complete."""
    options = arguments()
    found = {}
    try:
        require_wrk()
        for name, part in parts(options):
            found[name] = part
            print(f"{name}\n\n{part}\n", flush=True)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), found))


def _round(contender: Contender, clients: int, seconds: int) -> Round:
    """Load a contender, and measure what its server does for that."""
    server = contender.server
    before, (rows, batches) = server.cpu_seconds(), _computed(contender)
    result = contender.load(clients=clients, seconds=seconds)
    all_rows, all_batches = _computed(contender)
    return Round(
        load=result,
        cpu_us=(server.cpu_seconds() - before) * 1e6 / (result.requests_per_second * seconds),
        batch_rows=(all_rows - rows) / max(1, all_batches - batches),
    )


def _computed(contender: Contender) -> tuple[int, int]:
    """Return the rows and the batches that the model has computed; Triton counts them as well."""
    url = f"http://127.0.0.1:{contender.server.port}/v2/models/{contender.model}/stats"
    with urlopen(url, timeout=RESPONSE_SECONDS) as response:
        (model,) = json.load(response)["model_stats"]
    return int(model["inference_count"]), int(model["execution_count"])


def _row(name: str, clients: int, rounds: list[Round]) -> Row:
    def median(value: Callable[[Round], float]) -> float:
        return statistics.median(map(value, rounds))

    return {
        "clients": clients,
        "calls": name,
        "per second": f"{median(lambda one: one.load.requests_per_second):,.0f}",
        "median, ms": f"{median(lambda one: one.load.p50_ms):.2f}",
        "p99, ms": f"{median(lambda one: one.load.p99_ms):.2f}",
        "processor time a call": f"{median(lambda one: one.cpu_us):,.0f} µs",
        "rows in a batch": f"{median(lambda one: one.batch_rows):.1f}",
        "errors": sum(one.load.errors for one in rounds),
    }


if __name__ == "__main__":
    main()
