"""What a server takes by itself: time to start, memory, and the processor while it is idle."""

import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.serving.bodies import Body
from benchmarks.serving.servers import Command, Server, running

SETTLE_SECONDS = 1.0  # for closing what the last load had open


def start_seconds(command: Command, file: Path, first: Body, *, starts: int) -> float:
    """Start the server that often; return the median time to its first answer."""
    took = []
    for _ in range(starts):
        with running(command, file, first) as server:
            took.append(server.start_seconds)
    return round(statistics.median(took), 3)


def idle_percent(servers: Mapping[str, Server], seconds: float) -> dict[str, float]:
    """Return the share of a core that each server takes while nobody asks for so long."""
    time.sleep(SETTLE_SECONDS)
    before = {name: server.cpu_seconds() for name, server in servers.items()}
    time.sleep(seconds)
    return {
        name: round((server.cpu_seconds() - before[name]) / seconds * 100, 3)
        for name, server in servers.items()
    }
