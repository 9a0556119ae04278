"""The cost of Ray Serve beside the plain server: requests a second and latency of both.

    python -m benchmarks.ray_serve [--quick] [--models FOLDER] [--write]

Each has one process that computes, and gets the same requests from wrk, in turn. `--write` puts the
tables into docs/measurements/ray.md. Needs wrk and the extra `ray`; takes three minutes on a
machine that does nothing else.
"""

import argparse
import os
import signal
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.serving.bodies import Body, instances, random_rows, v2_binary
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import Network, network
from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import ROOT, Server, project, running
from benchmarks.serving.wrk import Load, load, require_wrk
from scoring.errors import ScoringError
from scoring.ray_cluster import local_cluster

PLAIN, RAY = "highway serve", "Ray Serve"
CLIENTS = (1, 16)
ROUNDS, QUICK_ROUNDS = 5, 1
SECONDS, SETTLE_SECONDS = 3, 0.5
STARTING = frozenset({404, 503})  # of Ray's proxy before the application runs
PAGE = ROOT / "docs" / "measurements" / "ray.md"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ray_serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "build" / "bench", help="folder of dense-10.onnx"
    )
    parser.add_argument(
        "--network", default="dense-10", help="network to serve; `convolutional` is the bundled one"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--serve", nargs=2, metavar=("FILE", "PORT"), help=argparse.SUPPRESS)
    return parser.parse_args()


def serve_on_ray(file: str, port: int) -> None:
    """Serve a file on the Ray cluster of this environment until SIGTERM."""
    import ray
    from ray import serve

    from deploy.ray.application import Replica

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    ray.init("auto", log_to_driver=False)
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "127.0.0.1", "port": port},
        logging_config={"enable_access_log": False},
    )
    try:
        replica: Any = Replica  # a deployment, not the class
        serve.run(replica.options(user_config={"model": file}).bind())
        while True:
            time.sleep(3600)
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def ray_command(file: Path, port: int) -> list[str]:
    """Return the command of Ray Serve."""
    return [sys.executable, "-m", "benchmarks.ray_serve", "--serve", str(file), str(port)]


def started(stack: ExitStack, served: Network, first: Body) -> dict[str, Server]:
    """Start both servers."""
    os.environ.update(stack.enter_context(local_cluster(2)))  # that Ray Serve finds as `auto`
    plain = stack.enter_context(running(project, served.file, first))
    on_ray = stack.enter_context(running(ray_command, served.file, first, starting=STARTING))
    return {PLAIN: plain, RAY: on_ray}


def measure(served: Network, *, rounds: int) -> list[dict[str, object]]:
    """Load both servers in turn; return a row of the table for each body and number of clients."""
    bodies = {
        "`/predict`, 1 row": instances("/predict", random_rows(1, served.size)),
        "`/v2`, binary, 32 rows": v2_binary(served.name, random_rows(32, served.size)),
    }
    rows: list[dict[str, object]] = []
    with ExitStack() as stack:
        servers = started(stack, served, next(iter(bodies.values())))
        for title, body in bodies.items():
            for clients in CLIENTS:
                loads: dict[str, list[Load]] = {name: [] for name in servers}
                for turn in range(rounds):
                    for name in list(servers)[:: -1 if turn % 2 else 1]:
                        time.sleep(SETTLE_SECONDS)
                        result = load(servers[name].port, body, clients=clients, seconds=SECONDS)
                        loads[name].append(result)
                rows.append(row_of(title, clients, loads))
                print(rows[-1], flush=True)
    return rows


def row_of(title: str, clients: int, loads: dict[str, list[Load]]) -> dict[str, object]:
    """Return the medians of both servers and their ratios."""
    rate = {name: _median([each.requests_per_second for each in loads[name]]) for name in loads}
    p50 = {name: _median([each.p50_ms for each in loads[name]]) for name in loads}
    return {
        "request": title,
        "clients": clients,
        f"{PLAIN}, requests/s": f"{rate[PLAIN]:,.0f}",
        f"{RAY}, requests/s": f"{rate[RAY]:,.0f}",
        "rate, plain ÷ Ray": f"{rate[PLAIN] / rate[RAY]:.1f}",
        f"{PLAIN}, p50 ms": f"{p50[PLAIN]:.2f}",
        f"{RAY}, p50 ms": f"{p50[RAY]:.2f}",
        "p50, Ray ÷ plain": f"{p50[RAY] / p50[PLAIN]:.1f}",
        "errors": sum(each.errors for results in loads.values() for each in results),
    }


def _median(values: list[float]) -> float:
    return statistics.median(values)


def main() -> None:
    """Measure; print each row as it comes."""
    options = arguments()
    if options.serve:
        serve_on_ray(options.serve[0], int(options.serve[1]))
        return
    try:
        require_wrk()
        machine = [{"what": key, "found": value} for key, value in description().items()]
        served = network(options.models, options.network)
        rows = measure(served, rounds=QUICK_ROUNDS if options.quick else ROUNDS)
    except (BenchmarkError, ScoringError) as error:
        raise SystemExit(f"error: {error}") from error
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), {"machine": table(machine), "serve": table(rows)}))


if __name__ == "__main__":
    main()
