"""Size and latency of networks."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from models.data.dataset import FloatRows
from models.networks.network import HighwayClassifier

WARM_UP, REPEATS = 5, 30


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Size and latency; latencies are medians in milliseconds, of torch on one thread."""

    highway_layers: int
    parameters: int
    weight_bytes: int
    latency_1_row: float
    latency_32_rows: float


def costs(networks: tuple[HighwayClassifier, ...], rows: FloatRows) -> tuple[Cost, ...]:
    """Measure networks on the first of `rows`, in turns, so that other load slows all equally."""
    one_row, many_rows = (_latencies(networks, rows, count) for count in (1, 32))
    return tuple(
        Cost(
            highway_layers=len(network.config.highway_blocks),
            parameters=network.parameter_count(),
            weight_bytes=sum(value.nbytes for value in network.state_dict().values()),
            latency_1_row=one_row[index],
            latency_32_rows=many_rows[index],
        )
        for index, network in enumerate(networks)
    )


@torch.inference_mode()
def _latencies(
    networks: tuple[HighwayClassifier, ...], rows: FloatRows, count: int
) -> tuple[float, ...]:
    x = torch.from_numpy(np.resize(rows, (count, rows.shape[1])))
    seconds = np.empty((REPEATS, len(networks)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for repeat in range(-WARM_UP, REPEATS):
            for index, network in enumerate(networks):
                began = time.perf_counter()
                network(x)
                seconds[max(repeat, 0), index] = time.perf_counter() - began
    finally:
        torch.set_num_threads(threads)
    return tuple((np.median(seconds, axis=0) * 1000).round(4).tolist())
