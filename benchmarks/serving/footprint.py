"""Footprint of a server: start time, and processor time while idle and per request."""

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.serving.bodies import Body
from benchmarks.serving.servers import Command, Server, running
from benchmarks.serving.wrk import Load, load

SETTLE_SECONDS = 1.0  # for the connections of the last load to close


def start_seconds(command: Command, file: Path, first: Body, *, starts: int) -> float:
    """Start the server `starts` times; return the median time to its first response."""
    seconds = []
    for _ in range(starts):
        with running(command, file, first) as server:
            seconds.append(server.start_seconds)
    return round(statistics.median(seconds), 3)


def idle_percent(servers: Mapping[str, Server], seconds: float) -> dict[str, float]:
    """Return the share of a core that each idle server uses."""
    time.sleep(SETTLE_SECONDS)
    before = {name: server.cpu_seconds() for name, server in servers.items()}
    time.sleep(seconds)
    return {
        name: round((server.cpu_seconds() - before[name]) / seconds * 100, 3)
        for name, server in servers.items()
    }


class MeasuredLoad(NamedTuple):
    """Result of a load, and processor time per request in microseconds."""

    load: Load
    cpu_us: float


def load_with_cpu_time(server: Server, body: Body, *, clients: int, seconds: int) -> MeasuredLoad:
    """Send `body` as `load` does, and measure the server's processor time."""
    before = server.cpu_seconds()
    result = load(server.port, body, clients=clients, seconds=seconds)
    used = server.cpu_seconds() - before
    return MeasuredLoad(result, used * 1e6 / (result.requests_per_second * seconds))
