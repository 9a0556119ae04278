"""What a network costs to keep and to ask."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from models.data.dataset import FloatRows
from models.networks.network import HighwayClassifier

WARM_UP, REPEATS = 5, 30
FEW, MANY = 1, 32  # rows in a request


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Size and speed; latencies are medians in milliseconds, of torch on one thread."""

    highway_layers: int
    parameters: int
    weight_bytes: int
    latency_1_row: float
    latency_32_rows: float


def costs(networks: tuple[HighwayClassifier, ...], rows: FloatRows) -> tuple[Cost, ...]:
    """Measure networks on the first of `rows` in turns, so that a busy machine slows all alike."""
    latencies = {count: _latencies(networks, rows, count) for count in (FEW, MANY)}
    return tuple(
        Cost(
            highway_layers=len(network.config.highway_blocks),
            parameters=network.parameter_count(),
            weight_bytes=sum(value.nbytes for value in network.state_dict().values()),
            latency_1_row=latencies[FEW][place],
            latency_32_rows=latencies[MANY][place],
        )
        for place, network in enumerate(networks)
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
            for place, network in enumerate(networks):
                began = time.perf_counter()
                network(x)
                seconds[max(repeat, 0), place] = time.perf_counter() - began
    finally:
        torch.set_num_threads(threads)
    return tuple((np.median(seconds, axis=0) * 1000).round(4).tolist())
