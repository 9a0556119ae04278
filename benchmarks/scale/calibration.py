"""Measures the service times of one kind of request, by processor time.

Processor time is nearly the same on a busy machine as on an idle one; the time of the clock is not.
"""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.ledger.server import get
from benchmarks.overload.load import Responses, Stream, send
from benchmarks.overload.scenarios import BODIES
from benchmarks.scale.processors import Used, leave_server_processor, pinned, used
from benchmarks.scale.service_times import ServiceTimes
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Server, running
from service.classifier import Classifier
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY
from service.inference.engine import MAX_LOOP_NS

BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
BATCH_SECONDS = 0.3  # of measuring each size
CLIENTS, REFUSED_CLIENTS = 16, 128
SECONDS, ROUNDS = 2.0, 2
LONG_QUEUE_MS = "60000"  # so that nothing is refused
LEAST_PERCENT = 1  # of latencies: those that other programs have not delayed


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a server did in a closed loop."""

    answered: int
    refused: int
    seconds: float  # of the processor
    loop_seconds: float  # the part of the event loop's thread
    batches: dict[int, int]  # by rows
    least_s: float  # latency of the fastest percent
    before_share: float  # of a request's time on the loop: until it is in the queue


def batch_seconds(file: Path) -> list[tuple[int, float]]:
    """Return the median processor time of batches by their rows, on one thread."""
    leave_server_processor()
    classifier = Classifier.load(file, threads=1)
    outputs = (PROBABILITIES, GATE_MEAN, TYPICALITY)
    measured = []
    for rows in BATCH_ROWS:
        values = np.zeros((rows, classifier.metadata.input.size), np.float32)
        times: list[float] = []
        while sum(times) < BATCH_SECONDS or len(times) < 3:
            began = time.thread_time()
            classifier.compute(outputs, values)
            times.append(time.thread_time() - began)
        measured.append((rows, round(median(times), 8)))
    return measured


def calibrate(network: Network, form: str, rows: int) -> ServiceTimes:
    """Measure batches in a process of their own, then requests and refusals at a server."""
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=leave_server_processor
    ) as pool:
        batches = pool.submit(batch_seconds, network.file).result()
        first = BODIES["JSON"](network, 1)
        with running(pinned(max_queue_ms=LONG_QUEUE_MS), network.file, first) as server:
            one = _work(pool, server, network, form, 1, clients=1)
            many = [
                _work(pool, server, network, form, rows, clients=CLIENTS) for _ in range(ROUNDS)
            ]
            resident, start = server.resident_mb(), server.start_seconds
        limits = {"max_rows": str(rows), "max_queue_rows": str(rows), "max_queue_ms": "1"}
        with running(pinned(**limits), network.file, first) as server:
            full = _work(pool, server, network, form, rows, clients=REFUSED_CLIENTS)
    bare = ServiceTimes(
        network=network.title,
        form=form,
        rows=rows,
        batches=batches,
        before_s=0,
        after_s=0,
        refusal_s=0,
        transport_s=0,
        resident_mb=resident,
        start_s=start,
    )
    return with_requests(bare, one, many, full)


def with_requests(bare: ServiceTimes, one: Work, many: list[Work], full: Work) -> ServiceTimes:
    """Add the time of a request and of a refusal: what the server used without its batches.

    `one` client with one row, `many` clients in several rounds, and a `full` queue. The server's
    own thread computes long batches, so that their times are known, and correct those measured
    without a server.
    """
    if bare.batch_s(bare.rows) * 1e9 > MAX_LOOP_NS:
        factor = median(
            (work.seconds - work.loop_seconds) / _batches_seconds(work, bare.batch_s)
            for work in many
        )
        corrected = [(rows, round(seconds * factor, 8)) for rows, seconds in bare.batches]
        bare = replace(bare, batches=corrected)
        request_s = median(work.loop_seconds / max(1, work.answered) for work in many)
    else:
        request_s = median(request_seconds(work, bare.batch_s) for work in many)
    refusal_s = 0.0
    if full.refused:
        rest = full.seconds - _batches_seconds(full, bare.batch_s) - full.answered * request_s
        refusal_s = min(request_s, max(0.0, rest / full.refused))
    before_s = one.before_share * request_s
    transport_s = max(0.0, one.least_s - one.seconds / max(1, one.answered))
    return replace(
        bare,
        before_s=round(before_s, 8),
        after_s=round(request_s - before_s, 8),
        refusal_s=round(refusal_s, 8),
        transport_s=round(transport_s, 8),
    )


def request_seconds(work: Work, batch_s: Callable[[int], float]) -> float:
    """Return the processor time of a request outside its batch."""
    return max(0.0, work.seconds - _batches_seconds(work, batch_s)) / max(1, work.answered)


def _batches_seconds(work: Work, batch_s: Callable[[int], float]) -> float:
    return sum(count * batch_s(rows) for rows, count in work.batches.items())


def _work(
    pool: ProcessPoolExecutor,
    server: Server,
    network: Network,
    form: str,
    rows: int,
    *,
    clients: int,
) -> Work:
    request = BODIES[form](network, rows).http(server.port)
    stream = Stream(request=request, connections=clients)
    statistics, before = _statistics(server, network), used(server)
    (responses,) = pool.submit(send, server.port, [stream], SECONDS).result()
    spent = used(server).since(before)
    return _difference(responses, spent, statistics, _statistics(server, network))


def _difference(
    responses: Responses, spent: Used, before: dict[str, Any], after: dict[str, Any]
) -> Work:
    statuses = np.array(responses.statuses)
    answered = int((statuses == HTTPStatus.OK).sum())
    latencies = np.array(responses.latencies)[statuses == HTTPStatus.OK]
    return Work(
        answered=answered,
        refused=int((statuses == HTTPStatus.TOO_MANY_REQUESTS).sum()),
        seconds=spent.server_s,
        loop_seconds=spent.loops_s,
        batches=_batches(before, after),
        least_s=float(np.percentile(latencies, LEAST_PERCENT)),
        before_share=_before_share(before, after),
    )


def _statistics(server: Server, network: Network) -> dict[str, Any]:
    document: dict[str, Any] = get(server, f"/v2/models/{network.name}/stats")["model_stats"][0]
    return document


def _batches(before: dict[str, Any], after: dict[str, Any]) -> dict[int, int]:
    def counts(statistics: dict[str, Any]) -> dict[int, int]:
        return {
            each["batch_size"]: each["compute_infer"]["count"] for each in statistics["batch_stats"]
        }

    known = counts(before)
    differences = {size: count - known.get(size, 0) for size, count in counts(after).items()}
    return {size: count for size, count in differences.items() if count}


def _before_share(before: dict[str, Any], after: dict[str, Any]) -> float:
    """Return the share of decoding in the time of decoding and encoding, within bounds.

    The share also divides the time of reading and writing, which has no phase of its own. The
    bounds keep a share of nearly 0 or 1 from giving all of that time to one side.
    """

    def spent(phase: str) -> int:
        each = [int(statistics["inference_stats"][phase]["ns"]) for statistics in (before, after)]
        return each[1] - each[0]

    decode, encode = spent("compute_input"), spent("compute_output")
    return min(0.9, max(0.5, decode / max(1, decode + encode)))
