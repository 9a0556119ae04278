"""A load generator on grpcio, where h2load is not installed.

    python -m benchmarks.grpc_calls.client PORT FILE CLIENTS SECONDS

Each client has a connection, and sends the message in the file again after the last response.
Prints the line that `benchmarks.serving.wrk.parse` reads.
"""

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.grpc_calls.load import CALL_SECONDS, METHOD
from service.grpc.library import aio, grpc

OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


async def call_repeatedly(port: int, message: bytes, end: float) -> tuple[list[float], int]:
    """Call until the time `end`; return the microseconds of each call, and the failed ones."""
    latencies, failed = [], 0
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=OWN_CONNECTION) as channel:
        method = channel.unary_unary(METHOD)
        while (began := perf_counter()) < end:
            try:
                await method(message, timeout=CALL_SECONDS)
            except grpc.RpcError:
                failed += 1
            latencies.append((perf_counter() - began) * 1e6)
    return latencies, failed


async def main(port: int, message: bytes, clients: int, seconds: float) -> None:
    """Run all clients and print their figures."""
    began = perf_counter()
    calls = (call_repeatedly(port, message, began + seconds) for _ in range(clients))
    results = await asyncio.gather(*calls)
    latencies = [latency for one, _ in results for latency in one]
    p50, p99 = np.percentile(latencies, [50, 99])
    figures = {
        "requests": len(latencies),
        "duration": (perf_counter() - began) * 1e6,
        "p50": p50,
        "p99": p99,
        "refused": sum(failed for _, failed in results),
        "broken": 0,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    port, file, clients, seconds = sys.argv[1:]
    asyncio.run(main(int(port), Path(file).read_bytes(), int(clients), float(seconds)))
