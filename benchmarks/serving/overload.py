"""Below, at and above capacity: what still gets answered, how soon, and how soon not."""

import http.client
import time

import numpy as np

from benchmarks.serving.arrivals import ARRIVALS
from benchmarks.serving.bodies import Body, random_rows
from benchmarks.serving.contenders import Contender
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.open_loop import Answers, send
from benchmarks.serving.results import OpenLoop
from benchmarks.serving.servers import Server

SETTLE_SECONDS = 60
UNANSWERED = "none"


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
    """Send at `percent` of `capacity`, which is in requests a second, and wait until it is over."""
    body = contender.body(random_rows(rows, network.size))
    random = np.random.default_rng(percent)
    offsets = ARRIVALS[arrivals](capacity * percent / 100, seconds, random)
    answers = send(server.port, body.http(server.port), offsets)
    _settle(server, body)
    accepted = answers.latencies.get(http.client.OK, [])
    refused = [
        latency
        for status, latencies in answers.latencies.items()
        if status != http.client.OK
        for latency in latencies
    ]
    return OpenLoop(
        layers=network.layers,
        contender=contender.name,
        rows=rows,
        arrivals=arrivals,
        percent=percent,
        offered=round(len(offsets) / seconds, 1),
        goodput=round(len(accepted) / max(seconds, answers.seconds), 1),
        p50_ms=percentile_ms(accepted, 50),
        p99_ms=percentile_ms(accepted, 99),
        refuse_p50_ms=percentile_ms(refused, 50),
        refuse_p99_ms=percentile_ms(refused, 99),
        late_p99_ms=percentile_ms(answers.lateness, 99) or 0.0,
        answers=_counts(answers, len(offsets)),
    )


def percentile_ms(seconds: list[float], percent: int) -> float | None:
    """Return the percentile in milliseconds, or None of nothing."""
    return round(float(np.percentile(seconds, percent)) * 1e3, 3) if seconds else None


def _counts(answers: Answers, sent: int) -> dict[str, int]:
    counts = {str(status): len(found) for status, found in sorted(answers.latencies.items())}
    unanswered = sent - sum(counts.values())
    return counts | ({UNANSWERED: unanswered} if unanswered else {})


def _settle(server: Server, body: Body) -> None:
    """Wait until nothing of the load is left in the server."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while server.ask(body) != http.client.OK:
        if time.monotonic() > deadline:
            raise BenchmarkError(
                f"expected a server that answers again after overload, found none "
                f"within {SETTLE_SECONDS} s"
            )
        time.sleep(0.1)
