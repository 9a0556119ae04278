"""onnxruntime alone, in this process: a lower bound for the time of every server."""

import statistics
import time

from benchmarks.serving.bodies import WITH_GATES, random_rows
from benchmarks.serving.networks import Network
from benchmarks.serving.results import Alone
from service.contract import INPUT
from service.runtime import onnxruntime

WARM_UP = 50


def alone(network: Network, rows: int, *, seconds: float) -> Alone:
    """Compute batches of `rows` rows on one thread for `seconds`; return the median time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # without the advice on the overridable input
    session = onnxruntime.InferenceSession(str(network.file), options)
    feeds = {INPUT: random_rows(rows, network.size)}
    for _ in range(WARM_UP):
        session.run(WITH_GATES, feeds)
    times = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        session.run(WITH_GATES, feeds)
        times.append(time.perf_counter() - began)
    median = round(statistics.median(times) * 1e6, 1)
    return Alone(network=network.title, rows=rows, microseconds=median)
