"""Load below, at and above capacity: rates and latencies of responses and rejections."""

import http.client
import time

import numpy as np

from benchmarks.serving.arrivals import ARRIVALS
from benchmarks.serving.bodies import Body, random_rows
from benchmarks.serving.contenders import Contender
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.open_loop import Responses, send
from benchmarks.serving.results import OpenLoop
from benchmarks.serving.servers import Server

SETTLE_SECONDS = 60
NO_RESPONSE = "none"


def overload(
    network: Network,
    server: Server,
    contender: Contender,
    *,
    rows: int,
    capacity: float,
    percent: int,
    arrivals: str,
    seconds: float,
) -> OpenLoop:
    """Send at `percent` of `capacity` requests per second; wait until the server has recovered."""
    body = contender.body(random_rows(rows, network.size))
    random = np.random.default_rng(percent)
    offsets = ARRIVALS[arrivals](capacity * percent / 100, seconds, random)
    responses = send(server.port, body.http(server.port), offsets)
    _settle(server, body)
    accepted = responses.latencies.get(http.client.OK, [])
    rejected = [
        latency
        for status, latencies in responses.latencies.items()
        if status != http.client.OK
        for latency in latencies
    ]
    return OpenLoop(
        network=network.title,
        contender=contender.name,
        rows=rows,
        arrivals=arrivals,
        percent=percent,
        offered=round(len(offsets) / seconds, 1),
        goodput=round(len(accepted) / max(seconds, responses.seconds), 1),
        p50_ms=percentile_ms(accepted, 50),
        p99_ms=percentile_ms(accepted, 99),
        rejected_p50_ms=percentile_ms(rejected, 50),
        rejected_p99_ms=percentile_ms(rejected, 99),
        late_p99_ms=percentile_ms(responses.lateness, 99) or 0.0,
        responses=_counts(responses, len(offsets)),
    )


def percentile_ms(seconds: list[float], percent: int) -> float | None:
    """Return the percentile in milliseconds, None without values."""
    return round(float(np.percentile(seconds, percent)) * 1e3, 3) if seconds else None


def _counts(responses: Responses, sent: int) -> dict[str, int]:
    counts = {
        str(status): len(latencies) for status, latencies in sorted(responses.latencies.items())
    }
    missing = sent - sum(counts.values())
    return counts | ({NO_RESPONSE: missing} if missing else {})


def _settle(server: Server, body: Body) -> None:
    """Wait until the server responds again."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while server.send(body) != http.client.OK:
        if time.monotonic() > deadline:
            raise BenchmarkError(
                f"the server did not recover from the overload within {SETTLE_SECONDS} s"
            )
        time.sleep(0.1)
